//! The report of an SST.

use std::collections::BTreeMap;

use super::report::{Report, per, time};
use crate::env::Dir;
use crate::error::Result;
use crate::finding::Finding;
use crate::point::{Value, ValueType};
use crate::series::SeriesId;
use crate::sst::{BlockForm, CodecUses, Description, Part, SeriesEntry, SeriesName, Statistics, Sum, describe};

/// What is in an SST; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SstInspection {
    file: Box<Description>,
}

impl SstInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self { file: Box::new(describe(dir, name)?) })
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.file.findings
    }

    pub(super) fn report(&self, rows: usize) -> Report {
        let meta = &self.file.meta;
        let rectangle = &meta.rectangle;
        let mut report = Report::new("SST");
        report.fact("format version", self.file.version);
        report.fact("database", self.file.uuid);
        report.fact("file id", format!("{:016x}", meta.id.get()));
        report.fact("bytes", meta.len);
        report.fact("footer CRC", format!("{:08x}", meta.footer_crc));
        report.fact("level", meta.level);
        report.fact(
            "series",
            format!("#{} to #{}, {} of them", rectangle.first_series, rectangle.last_series, meta.series),
        );
        report.fact("time", format!("{} to {}", time(rectangle.first_time), time(rectangle.last_time)));
        report.fact("seqs", format!("{} to {}", meta.min_seq, meta.max_seq));
        report.fact("points", meta.points);
        report.fact("blocks", meta.blocks);
        report.fact("bytes/point", per(meta.len, meta.points));
        report.table("parts", &["part", "offset", "bytes", "pages"], &self.file.parts, usize::MAX, |part| {
            let Part { name, extent, pages } = *part;
            let pages = if pages == 0 { String::new() } else { pages.to_string() };
            vec![name.to_owned(), extent.offset.to_string(), extent.len.to_string(), pages]
        });
        codecs(&mut report, "timestamps by codec", &self.file.timestamp_codecs);
        codecs(&mut report, "values by codec", &self.file.value_codecs);
        self.series(&mut report, rows);
        report
    }

    /// The series, and under them the blocks; of either no more is held than is shown.
    fn series(&self, report: &mut Report, rows: usize) {
        let blocks = &self.file.blocks[..self.file.blocks.len().min(rows)];
        let last = blocks.last().map(|(entry, _)| entry.series);
        let (mut shown, mut keys) = (Vec::new(), BTreeMap::new());
        // A page that cannot be read is among the findings already.
        for entry in self.file.series().filter_map(Result::ok) {
            let has_block = last.is_some_and(|last| entry.id <= last);
            if !has_block && shown.len() == rows {
                break;
            }
            if let SeriesName::Key(key, _) = &entry.name {
                keys.insert(entry.id, key.to_string());
            }
            if shown.len() < rows {
                shown.push(entry);
            }
        }
        let more = |shown: usize, all: u64| usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(shown);
        let all = self.file.meta.series;
        report.part_of_table(
            "series",
            &["series", "type", "duplicates", "key"],
            &shown,
            more(shown.len(), all),
            series,
        );
        let header = [
            "series",
            "type",
            "points",
            "offset",
            "bytes",
            "bytes/point",
            "first time",
            "last time",
            "times",
            "bytes",
            "values",
            "bytes",
            "min",
            "max",
            "sum",
            "first",
            "last",
        ];
        let more = self.file.blocks.len() - blocks.len();
        report.part_of_table("blocks", &header, blocks, more, |form| block(form, &keys));
    }
}

fn codecs(report: &mut Report, title: &'static str, uses: &CodecUses) {
    let uses: Vec<_> = uses.iter().collect();
    report.table(title, &["codec", "blocks", "points", "bytes", "bytes/point"], &uses, usize::MAX, |(name, used)| {
        let bytes_per_point = per(used.bytes, used.points);
        vec![
            (**name).to_owned(),
            used.blocks.to_string(),
            used.points.to_string(),
            used.bytes.to_string(),
            bytes_per_point,
        ]
    });
}

fn series(SeriesEntry { id, ty, name }: &SeriesEntry) -> Vec<String> {
    let (duplicates, key) = match name {
        SeriesName::Hash(hash) => (String::new(), format!("hash {hash:016x}")),
        SeriesName::Key(key, duplicates) => (duplicates.to_string(), key.to_string()),
    };
    vec![format!("#{id}"), ty.to_string(), duplicates, key]
}

fn block((block, columns): &BlockForm, keys: &BTreeMap<SeriesId, String>) -> Vec<String> {
    let mut row = vec![
        keys.get(&block.series).map_or_else(|| format!("#{}", block.series), |key| format!("#{} {key}", block.series)),
        block.ty.to_string(),
        block.count.to_string(),
        block.offset.to_string(),
        block.len.to_string(),
        per(u64::from(block.len), u64::from(block.count)),
        time(block.first_time),
        time(block.last_time),
    ];
    match columns {
        Some(columns) => row.extend(columns.iter().flat_map(|form| [form.codec.to_owned(), form.bytes.to_string()])),
        None => row.extend(["damaged", "", "", ""].map(str::to_owned)),
    }
    row.extend(block.statistics.map_or_else(Default::default, |known| statistics(block.ty, &known)));
    row
}

fn statistics(ty: ValueType, known: &Statistics) -> [String; 5] {
    let text = |bits| match Value::from_bits(ty, bits) {
        Value::F64(value) => double(value),
        other => other.to_string(),
    };
    let sum = match known.sum {
        Sum::Float(sum) => double(sum),
        Sum::Integer(sum) => sum.to_string(),
    };
    [text(known.min), text(known.max), sum, text(known.first), text(known.last)]
}

/// Not through `Display`, which spells all 309 digits of the greatest double.
fn double(value: f64) -> String {
    format!("{value:?}")
}
