//! Reports of a manifest and of a series log.

use std::time::Duration;

use uuid::Uuid;

use super::report::{TextReport, format_time};
use crate::format::bytes::log_header::LOG_FORMAT_VERSION;
use crate::format::bytes::selector::decode_selector;
use crate::format::finding::Finding;
use crate::format::manifest::{ManifestDescription, SeriesLogDescription, describe_manifest, describe_series_log};
use crate::platform::env::Dir;
use crate::state::file_id::FileId;
use crate::state::version::{
    AgeProgress, DurableState, PendingAge, PendingTime, RetentionProgress, SstMeta, UNLIMITED_AGE,
};
use crate::types::error::Result;
use crate::types::metric_metadata::MetricMetadata;

/// Contents of a manifest; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct ManifestInspection(Box<ManifestDescription>);

impl ManifestInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        describe_manifest(dir, name).map(|description| Self(Box::new(description)))
    }

    pub(super) fn findings(&self) -> &[Finding] {
        self.0.damage.as_slice()
    }

    pub(super) fn report(&self, max_rows: usize) -> TextReport {
        let ManifestDescription { uuid, generation, file_len, edits, state, bad_edit, .. } = &*self.0;
        let mut report = TextReport::new("manifest");
        report.add_field("format version", LOG_FORMAT_VERSION);
        report.add_field("database", uuid);
        report.add_field("generation", generation);
        report.add_field("bytes", file_len);
        report.add_field("records", edits.len());
        report.add_field("flushed_seq", state.flushed_seq);
        report.add_field("WAL floor", hex(state.wal_floor));
        report.add_field("series log", format!("{}, {} bytes", hex(state.series_log.file), state.series_log.len));
        report.add_field("next series id", state.next_series_id);
        report.add_field("next file id", hex(state.next_file_id));
        report.add_field("duplicates", state.duplicates);
        for origin in &state.origins {
            report.add_field("origin database", Uuid::from_u128(*origin));
        }
        add_retention(&mut report, state);
        report.add_field("empty series", state.series_sets.empty.count());
        report.add_field("empty-series candidates", state.series_sets.candidates.count());
        report.add_field("unwritten series", state.series_sets.unwritten.count());
        report.add_field("deletes", state.tombstones.len());
        report.add_field("SSTs", state.ssts.len());
        report.add_field("points", state.ssts.iter().map(|sst| sst.points).sum::<u64>());
        if let Some(bad) = bad_edit {
            let bytes = bad.end - bad.offset;
            report.add_field(
                "torn edit",
                format!("{bytes} bytes at byte {}; whether it is damage depends on the other files", bad.offset),
            );
        }
        let header =
            ["record", "offset", "bytes", "flushed_seq", "WAL floor", "series log", "SSTs added", "SSTs removed"];
        let numbered: Vec<_> = edits.iter().enumerate().collect();
        report.add_table("records", &header, &numbered, max_rows, |(number, (extent, edit))| {
            vec![
                if *number == 0 { "full record".to_owned() } else { format!("edit {number}") },
                extent.offset.to_string(),
                extent.len.to_string(),
                edit.flushed_seq.to_string(),
                hex(edit.wal_floor),
                format!("{:x}: {}", edit.series_log.file.get(), edit.series_log.len),
                ids(edit.added_ssts.iter().map(|sst| sst.id)),
                ids(edit.removed_ssts.iter().copied()),
            ]
        });
        let header = [
            "SST",
            "level",
            "generation",
            "bytes",
            "points",
            "blocks",
            "series",
            "seqs",
            "first time",
            "last time",
            "written by",
        ];
        let ssts: Vec<_> = state.ssts.iter().cloned().collect();
        report.add_table("SSTs", &header, &ssts, max_rows, sst);
        let metadata: Vec<_> = state.metadata.iter().collect();
        let header = ["metric", "kind", "unit", "description"];
        report.add_table("metadata", &header, &metadata, max_rows, |(metric, metadata)| {
            let MetricMetadata { kind, unit, description } = metadata;
            // One line per row.
            let description = description.replace(['\n', '\t'], " ");
            vec![(*metric).to_owned(), kind.to_string(), unit.clone(), description]
        });
        report
    }
}

/// Adds the cutoffs of retention, and its progress.
fn add_retention(report: &mut TextReport, state: &DurableState) {
    let cutoff = state.cutoff.map_or_else(|| "none".to_owned(), format_time);
    report.add_field("cutoff", cutoff);
    for (selector, cutoff) in &state.rule_cutoffs {
        report.add_field("cutoff of", format!("{}: {}", selector_text(selector), format_time(*cutoff)));
    }
    let RetentionProgress { trusted_time, pending_time, .. } = &state.retention;
    report.add_field("trusted time", trusted_time.map_or_else(|| "none".to_owned(), format_time));
    if let Some(PendingTime { claimed, served, .. }) = pending_time {
        report.add_field("pending time", format!("{}, {served:?} of its grace served", format_time(*claimed)));
    }
    let ages = state.retention.rule_ages.iter().map(|(rule, age)| (selector_text(rule), age));
    for (rule, age) in std::iter::once(("all series".to_owned(), &state.retention.age)).chain(ages) {
        if *age != AgeProgress::default() {
            report.add_field("age of", format!("{rule}: {}", age_text(age)));
        }
    }
}

/// Formats the selector of a retention rule.
fn selector_text(encoded: &[u8]) -> String {
    decode_selector(encoded).map_or_else(|what| format!("unreadable rule ({what})"), |selector| selector.to_string())
}

/// Formats the age of a retention limit, and the one that waits.
fn age_text(age: &AgeProgress) -> String {
    let text = |nanos: i64| match nanos {
        UNLIMITED_AGE => "unlimited".to_owned(),
        nanos => format!("{:?}", Duration::from_nanos(nanos.unsigned_abs())),
    };
    let pending = age
        .pending
        .map(|PendingAge { age, served }| format!(", pending {}, {served:?} of its grace served", text(age)));
    format!("{}{}", text(age.applied), pending.unwrap_or_default())
}

/// Formats a file id as in file names.
fn hex(id: FileId) -> String {
    format!("{:016x}", id.get())
}

/// Formats up to four ids, or else their number: a full record may name thousands.
fn ids(ids: impl ExactSizeIterator<Item = FileId>) -> String {
    match ids.len() {
        0 => "-".to_owned(),
        1..=4 => ids.map(|id| format!("{:x}", id.get())).collect::<Vec<_>>().join(","),
        many => format!("{many} files"),
    }
}

/// Formats the row of an SST.
fn sst(sst: &SstMeta) -> Vec<String> {
    let rectangle = &sst.rectangle;
    vec![
        hex(sst.id),
        sst.level.to_string(),
        sst.generation.to_string(),
        sst.file_len.to_string(),
        sst.points.to_string(),
        sst.blocks.to_string(),
        format!("#{}..#{} ({})", rectangle.first_series, rectangle.last_series, sst.series),
        format!("{}..{}", sst.min_seq, sst.max_seq),
        format_time(rectangle.times.first()),
        format_time(rectangle.times.last()),
        if sst.origin == 0 { "this database".to_owned() } else { Uuid::from_u128(sst.origin).to_string() },
    ]
}

/// Contents of a series log; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SeriesLogInspection(SeriesLogDescription);

impl SeriesLogInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        describe_series_log(dir, name).map(Self)
    }

    pub(super) fn report(&self, max_rows: usize) -> TextReport {
        let SeriesLogDescription { uuid, id, file_len, groups, definitions, valid_to, defect } = &self.0;
        let mut report = TextReport::new("series log");
        report.add_field("format version", LOG_FORMAT_VERSION);
        report.add_field("database", uuid);
        report.add_field("file id", hex(*id));
        report.add_field("bytes", file_len);
        report.add_field("series", definitions.len());
        report.add_field("valid", format!("up to byte {valid_to}"));
        if let Some(defect) = defect {
            report.add_field("after that", format!("{defect}; this is damage if the manifest names a greater length"));
        }
        report.add_table("groups", &["offset", "bytes", "series up to"], groups, max_rows, |(extent, series)| {
            let last = series.checked_sub(1).and_then(|last| definitions.get(last));
            let last = last.map_or_else(String::new, |last| format!("#{}", last.id));
            vec![extent.offset.to_string(), extent.len.to_string(), last]
        });
        report.add_table("series", &["key", "id", "type", "created by seq"], definitions, max_rows, |definition| {
            let id = format!("#{}", definition.id);
            vec![definition.key.to_string(), id, definition.value_type.to_string(), definition.seq.to_string()]
        });
        report
    }
}
