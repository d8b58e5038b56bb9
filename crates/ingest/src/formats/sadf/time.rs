//! Times of sadf.

use std::collections::HashSet;

use timestrata::Timestamp;

use crate::formats::number::parse_seconds;
use crate::formats::row_error::{RowError, shown};
use crate::time::{DateOrder, Moment, RowOrder, SeriesClock, ZoneResolver, parse_auto, time_zone};
use crate::{IngestError, IngestOptions};

/// Note on times without a zone.
const LOCAL_TIME_NOTE: &str = "the times name no zone and are read as UTC";

/// Checks the zone of the options.
pub(super) fn check_zone(options: &IngestOptions) -> Result<(), IngestError> {
    let Some(name) = &options.table.time_zone else { return Ok(()) };
    time_zone(name).map(drop).map_err(|reason| IngestError::new(reason).suggest("time-zone", "Europe/Berlin"))
}

/// Reader of the times of rows: local ones are in the zone of the options, UTC without one.
pub(super) struct RowTimes {
    resolver: ZoneResolver,
    has_zone: bool,
    /// `true` once a local time has been read as UTC.
    is_assumed: bool,
    /// Local text and time of the last row, and the time of the row with another text before it.
    last: Option<(String, Timestamp)>,
    clock: SeriesClock,
    /// Names of what was measured by the rows with the last text, if it lies in an hour that comes twice.
    measured: HashSet<Vec<u8>>,
}

impl RowTimes {
    pub(super) fn new(options: &IngestOptions) -> Self {
        let zone = options.table.time_zone.as_deref().and_then(|name| time_zone(name).ok());
        let has_zone = options.table.time_zone.is_some();
        let resolver = ZoneResolver::new(zone, RowOrder::Ascending);
        Self {
            resolver,
            has_zone,
            is_assumed: false,
            last: None,
            clock: SeriesClock::default(),
            measured: HashSet::new(),
        }
    }

    /// Begins the rows of another activity, whose times begin again.
    pub(super) fn restart(&mut self) {
        self.last = None;
        self.clock = SeriesClock::default();
        self.measured.clear();
    }

    /// Parses `2024-01-01 00:10:01 UTC`, the same without `UTC`, or seconds since the epoch.
    ///
    /// Rows of one activity with the same text are of one time, unless `measured`, the names of what a row measures, come
    /// again in an hour that comes twice: then the text is that of the second pass.
    pub(super) fn parse(&mut self, text: &str, measured: &[u8]) -> Result<Timestamp, RowError> {
        let refusal =
            || RowError::refused(format!("{} is not a time such as 2024-01-01 00:10:01 UTC", shown(text.as_bytes())));
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return parse_seconds(text.as_bytes()).map(Timestamp::from_nanos).ok_or_else(refusal);
        }
        if let Some(plain) = text.strip_suffix(" UTC") {
            let (date, clock) = plain.split_once(' ').ok_or_else(refusal)?;
            return format!("{date}T{clock}Z").parse().map_err(|_| refusal());
        }
        if let Some((_, time)) = self.last.as_ref().filter(|(last, _)| last == text)
            && (self.measured.is_empty() || self.measured.insert(measured.to_vec()))
        {
            return Ok(*time);
        }
        if text.split_once(' ').is_none() {
            return Err(refusal());
        }
        let parsed = parse_auto(text, DateOrder::Undecided, false).map_err(|_| refusal())?;
        self.is_assumed |= !self.has_zone && matches!(parsed.moment, Moment::Local(_));
        let repeated_before = self.resolver.repeated;
        let time = self.resolver.resolve(&parsed.moment, &self.clock, text).map_err(RowError::refused)?;
        // Activities may follow each other without a header between them.
        if self.clock.last.is_some_and(|last| time.as_secs() < last.as_secs() - 2 * 3_600) {
            self.restart();
            return self.parse(text, measured);
        }
        self.measured.clear();
        if self.resolver.repeated > repeated_before {
            self.measured.insert(measured.to_vec());
        }
        self.clock.last = Some(time);
        self.last = Some((text.to_owned(), time));
        Ok(time)
    }

    /// Returns the note on local times that were read as UTC.
    pub(super) fn note(&self) -> Option<String> {
        self.is_assumed.then(|| LOCAL_TIME_NOTE.to_owned())
    }

    /// Returns what happened to rows because of a change of the clocks.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.resolver.repeated > 0 {
            notices.push("some times lie in an hour that came twice: the order of the rows decided".to_owned());
        }
        notices
    }
}
