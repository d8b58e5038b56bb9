//! The reports of a manifest and of a series log.

use uuid::Uuid;

use super::report::{Report, time};
use crate::bytes::header::FORMAT_VERSION;
use crate::env::Dir;
use crate::error::Result;
use crate::finding::Finding;
use crate::manifest::{ManifestDescription, SeriesLogDescription, describe_manifest, describe_series_log};
use crate::version::{FileId, SstMeta};

/// What is in a manifest; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct ManifestInspection(ManifestDescription);

impl ManifestInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        describe_manifest(dir, name).map(Self)
    }

    pub(super) fn findings(&self) -> &[Finding] {
        self.0.damage.as_slice()
    }

    pub(super) fn report(&self, rows: usize) -> Report {
        let ManifestDescription { uuid, generation, file_len, edits, durable, bad, .. } = &self.0;
        let mut report = Report::new("manifest");
        report.fact("format version", FORMAT_VERSION);
        report.fact("database", uuid);
        report.fact("generation", generation);
        report.fact("bytes", file_len);
        report.fact("records", edits.len());
        report.fact("flushed_seq", durable.flushed_seq);
        report.fact("WAL floor", hex(durable.floor));
        report.fact("series log", format!("{} bytes", durable.series_log_len));
        report.fact("next file id", hex(durable.next_file));
        report.fact("duplicates", durable.duplicates);
        for origin in &durable.origins {
            report.fact("made of the files of", Uuid::from_u128(*origin));
        }
        let cutoff = durable.cutoff.map_or_else(|| "none".to_owned(), time);
        report.fact("cutoff", cutoff);
        for (select, cutoff) in &durable.cutoffs {
            report.fact("cutoff of", format!("{select}: {}", time(*cutoff)));
        }
        report.fact("series gone", durable.gone.count());
        report.fact("series to look at", durable.suspects.count());
        report.fact("deletes", durable.tombstones.len());
        report.fact("SSTs", durable.ssts.len());
        report.fact("points", durable.ssts.iter().map(|sst| sst.points).sum::<u64>());
        if let Some(bad) = bad {
            let bytes = bad.end - bad.offset;
            report.fact(
                "torn edit",
                format!("{bytes} bytes at {}; the other files tell whether it is damage", bad.offset),
            );
        }
        let header = ["record", "offset", "bytes", "flushed_seq", "floor", "series log", "SSTs added", "SSTs removed"];
        let numbered: Vec<_> = edits.iter().enumerate().collect();
        report.table("records", &header, &numbered, rows, |(number, (place, edit))| {
            vec![
                if *number == 0 { "whole state".to_owned() } else { format!("edit {number}") },
                place.offset.to_string(),
                place.len.to_string(),
                edit.flushed_seq.to_string(),
                hex(edit.floor),
                edit.series_log_len.to_string(),
                ids(edit.added.iter().map(|sst| sst.id)),
                ids(edit.removed.iter().copied()),
            ]
        });
        let header = [
            "SST",
            "level",
            "age",
            "bytes",
            "points",
            "blocks",
            "series",
            "seqs",
            "first time",
            "last time",
            "written by",
        ];
        report.table("SSTs", &header, &durable.ssts, rows, sst);
        report
    }
}

fn hex(id: FileId) -> String {
    format!("{:016x}", id.get())
}

/// A few ids, or how many there are: a whole state may name thousands.
fn ids(ids: impl ExactSizeIterator<Item = FileId>) -> String {
    match ids.len() {
        0 => "-".to_owned(),
        1..=4 => ids.map(|id| format!("{:x}", id.get())).collect::<Vec<_>>().join(","),
        many => format!("{many} files"),
    }
}

fn sst(sst: &SstMeta) -> Vec<String> {
    let rectangle = &sst.rectangle;
    vec![
        hex(sst.id),
        sst.level.to_string(),
        sst.age.to_string(),
        sst.len.to_string(),
        sst.points.to_string(),
        sst.blocks.to_string(),
        format!("#{}..#{} ({})", rectangle.first_series, rectangle.last_series, sst.series),
        format!("{}..{}", sst.min_seq, sst.max_seq),
        time(rectangle.first_time),
        time(rectangle.last_time),
        if sst.origin == 0 { "itself".to_owned() } else { Uuid::from_u128(sst.origin).to_string() },
    ]
}

/// What is in a series log; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SeriesLogInspection(SeriesLogDescription);

impl SeriesLogInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        describe_series_log(dir, name).map(Self)
    }

    pub(super) fn report(&self, rows: usize) -> Report {
        let SeriesLogDescription { uuid, file_len, groups, definitions, sound_to, flaw } = &self.0;
        let mut report = Report::new("series log");
        report.fact("format version", FORMAT_VERSION);
        report.fact("database", uuid);
        report.fact("bytes", file_len);
        report.fact("series", definitions.len());
        report.fact("sound", format!("up to byte {sound_to}"));
        if let Some(flaw) = flaw {
            report.fact("then", format!("{flaw}; damage, if the manifest says that the log is longer"));
        }
        report.table("groups", &["offset", "bytes", "series up to"], groups, rows, |(place, series)| {
            let last = series.checked_sub(1).map_or_else(String::new, |last| format!("#{last}"));
            vec![place.offset.to_string(), place.len.to_string(), last]
        });
        report.table("series", &["key", "id", "type", "made by seq"], definitions, rows, |definition| {
            let id = format!("#{}", definition.id);
            vec![definition.key.to_string(), id, definition.ty.to_string(), definition.seq.to_string()]
        });
        report
    }
}
