//! Zones in a column beside the time: without them the times would be shifted.

use std::collections::HashSet;

use super::date_order_scan::DateOrderScan;
use super::plan::{TablePlan, ZoneCells};
use super::plan_draft::PlanDraft;
use super::time_column::TimeChoice;
use crate::IngestError;
use crate::time::{
    CellZone, Moment, TimeReader, agreed_time, offset_of_abbreviation, parse_auto, zone_of_abbreviations,
};
use timestrata::Timestamp;

impl PlanDraft<'_> {
    /// Finds a column with the zones of local times, and says what is done with it.
    ///
    /// Offsets and UTC are honoured. Abbreviations such as CDT mean several zones, and are refused unless an option gives
    /// the zone, with which each row must then agree, or ignores the column.
    pub(super) fn zone_cells(&mut self, time: &TimeChoice) -> Result<Option<ZoneCells>, IngestError> {
        let Some(at) = self.column_of_zones(&time.at).filter(|_| self.are_times_local(time)) else { return Ok(None) };
        let table = &self.options().table;
        let name = self.names.name(at);
        let times = time.at.iter().map(|at| self.names.name(*at)).collect::<Vec<_>>().join(",");
        let first = self.sample[at].first.as_ref().map_or("", |cell| cell.text.as_str()).to_owned();
        if table.values_except.iter().any(|text| self.names.of_name(text).contains(&at)) {
            let note = format!("column {name}, which holds zones such as {first:?}, is ignored");
            self.understanding.notes.push(note);
            return Ok(None);
        }
        if let Some(zone) = &table.time_zone {
            let note = format!(
                "the times of {times} are those of {zone}; rows with another zone in column {name} are refused"
            );
            self.understanding.notes.push(note);
            return Ok(Some(ZoneCells::Checked(at)));
        }
        let distinct = self.distinct(at);
        if distinct.iter().all(|text| CellZone::parse(text).is_some()) {
            self.understanding.notes.push(format!("the times of {times} are in the zones of column {name}"));
            return Ok(Some(ZoneCells::Used(at)));
        }
        let error = IngestError::new(format!(
            "column {name} beside the times of {times} holds zones such as {first:?}, which no offset says: give the \
             zone of the times, or put offsets such as +02:00 in place of the names; --values-except {name} ignores the \
             column, and the times are then read as UTC"
        ));
        let zone = zone_of_abbreviations(&distinct);
        Err(error.suggest("time-zone", zone.unwrap_or_else(|| "ZONE".to_owned())))
    }

    /// Returns the distinct cells of a column in the first rows.
    fn distinct(&self, at: usize) -> Vec<&str> {
        let mut seen = HashSet::new();
        let missing = super::cell::MissingCells::new(&self.options().table.missing, self.syntax);
        let cells = self.rows().iter().filter_map(|row| row.cells.get(at)).map(|text| text.trim());
        cells.filter(|text| !missing.matches(text) && seen.insert(*text)).collect()
    }

    /// Returns the nearest column that holds zones: by its name, or the one behind the time by its cells.
    fn column_of_zones(&self, times: &[usize]) -> Option<usize> {
        let last = times.last().copied().unwrap_or_default();
        let is_zone = |at: &usize| {
            let name = self.names.0[*at].to_lowercase();
            let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let has_word = |word: &str| name.split(|c: char| !c.is_alphanumeric()).any(|of_name| of_name == word);
            let is_named = ["timezone", "utcoffset", "gmtoffset", "tzoffset"].iter().any(|part| letters.contains(part));
            if is_named || has_word("tz") {
                return true;
            }
            let are_cells = |is_cell: fn(&str) -> bool| self.distinct(*at).into_iter().all(is_cell);
            *at == last + 1 && are_cells(is_certain_zone)
                || (has_word("zone") || has_word("offset"))
                    && are_cells(|text| is_certain_zone(text) || is_signed(text))
        };
        let columns = (0..self.names.0.len()).filter(|at| !times.contains(at) && self.sample[*at].filled > 0);
        columns.filter(is_zone).min_by_key(|at| (*at < last, at.abs_diff(last)))
    }

    /// Returns `true` if the times have no zone of their own.
    fn are_times_local(&self, time: &TimeChoice) -> bool {
        let Ok(reader) = self.reader(time) else { return false };
        match &reader {
            TimeReader::Epoch { .. } | TimeReader::Elapsed { .. } | TimeReader::Rfc3339 => false,
            TimeReader::Pattern(pattern) => !["%z", "%:z", "%s"].iter().any(|part| pattern.contains(part)),
            TimeReader::Auto { is_joined, .. } => {
                let mut dates = DateOrderScan::default();
                dates.is_joined = *is_joined;
                self.rows().iter().for_each(|row| dates.look_at(&time.at, row));
                dates.without_zone
            }
            TimeReader::Period { .. } => {
                let first = self.rows().first().and_then(|row| row.cells.get(time.at[0]));
                first.and_then(|text| text.split('/').next()).is_some_and(|text| {
                    parse_auto(text, crate::time::DateOrder::DayFirst, false).is_ok_and(|time| !time.form.has_zone)
                })
            }
            _ => true,
        }
    }
}

/// Returns `true` for a text that is a zone in a column of any name: letters alone, and numbers, may mean something else.
fn is_certain_zone(text: &str) -> bool {
    text.len() >= 3
        && (text.contains(':') || text.bytes().any(|byte| byte.is_ascii_alphabetic()))
        && (CellZone::parse(text).is_some() || offset_of_abbreviation(text).is_some())
}

/// Returns `true` for an offset such as -0500.
fn is_signed(text: &str) -> bool {
    text.len() == 5 && matches!(text.as_bytes(), [b'+' | b'-', b'0' | b'1', ..]) && CellZone::parse(text).is_some()
}

/// Returns the time of a row in the zone of its cell, or the reason why it is refused.
pub(super) fn in_cell_zone(plan: &TablePlan, moment: Moment, cell: &str, text: &str) -> Result<Moment, String> {
    let (Some(ZoneCells::Used(at)), Moment::Local(local)) = (plan.time.zone_cells, &moment) else { return Ok(moment) };
    let name = &plan.header[at];
    match CellZone::parse(cell) {
        Some(zone) => zone.moment(*local, text),
        None if plan.missing.matches(cell) => {
            Err(format!("{text:?} has no zone, and other rows have one in column {name}"))
        }
        None => Err(format!("column {name} holds {cell:?}, which is no offset such as +02:00")),
    }
}

/// Returns the time of a row with which the zone of its cell agrees, or the reason why it is refused.
pub(super) fn checked_by_cell(
    plan: &TablePlan,
    at: Timestamp,
    moment: &Moment,
    cell: &str,
) -> Result<Timestamp, String> {
    match (plan.time.zone_cells, moment, &plan.time.zone) {
        (Some(ZoneCells::Checked(_)), Moment::Local(local), Some(zone)) => agreed_time(at, *local, zone, cell),
        _ => Ok(at),
    }
}
