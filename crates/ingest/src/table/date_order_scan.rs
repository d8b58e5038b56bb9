//! Search for a date that decides between day/month and month/day.

use super::plan::TimeColumns;
use super::planner::TableRow;
use crate::time::{DateOrder, TimeForm, TimeReader, parse_auto, parse_joined};
use crate::{IngestError, Understanding};

/// Search for a date that decides between day/month and month/day.
#[derive(Debug, Default)]
pub(crate) struct DateOrderScan {
    /// `true` if several columns are joined.
    pub(super) is_joined: bool,
    /// First date that decides, with its line and order.
    decided: Option<(u64, String, DateOrder)>,
    /// First date that does not.
    open: Option<(u64, String)>,
    /// Form of the first date of day, month and year in numbers.
    form: Option<TimeForm>,
    pub(crate) without_zone: bool,
}

impl DateOrderScan {
    /// Looks at the time of a row.
    pub(crate) fn look_at(&mut self, at: &[usize], row: &TableRow) {
        let cells: Vec<&str> = at.iter().map(|at| row.cells.get(*at).map_or("", |cell| cell.trim())).collect();
        let text = cells.join(" ");
        let parse = |order| if self.is_joined { parse_joined(&text, order) } else { parse_auto(&text, order, false) };
        let Ok(parsed) = parse(DateOrder::DayFirst).or_else(|_| parse(DateOrder::MonthFirst)) else { return };
        self.without_zone |= !parsed.form.has_zone;
        let Some(separator) = parsed.form.day_month_separator else { return };
        self.form.get_or_insert(parsed.form);
        if separator == '.' {
            self.decided.get_or_insert((row.line, text, DateOrder::DayFirst));
        } else if parsed.form.order != DateOrder::Undecided {
            self.decided.get_or_insert((row.line, text, parsed.form.order));
        } else if self.open.is_none() {
            self.open = Some((row.line, text));
        }
    }

    /// Returns `true` if more rows may distinguish day and month.
    pub(crate) fn is_open(&self) -> bool {
        self.decided.is_none() && self.open.is_some()
    }

    /// Sets the order of day and month.
    pub(crate) fn apply(self, time: &mut TimeColumns, understanding: &mut Understanding) -> Result<(), IngestError> {
        let Some(form) = self.form else { return Ok(()) };
        let Some((line, text, decided)) = self.decided else {
            let Some((line, text)) = self.open else { return Ok(()) };
            let (day_first, month_first) = (form.pattern(DateOrder::DayFirst), form.pattern(DateOrder::MonthFirst));
            let error = IngestError::new(format!(
                "column {}: {text:?} may be {day_first} or {month_first}, and no row tells which",
                time.name
            ));
            return Err(error.at_line(line).suggest("time-format", day_first).suggest("time-format", month_first));
        };
        let pattern = form.pattern(decided);
        understanding
            .notes
            .push(format!("the times of {} are read as {pattern}, as {text:?} on line {line} shows", time.name));
        for (name, value) in &mut understanding.properties {
            if *name == "time format" {
                value.clone_from(&pattern);
            }
        }
        if let TimeReader::Auto { order, .. } | TimeReader::DateAndParts { order, .. } = &mut time.reader {
            *order = decided;
        }
        Ok(())
    }
}
