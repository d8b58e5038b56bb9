//! Report of an SST.

use std::collections::BTreeMap;

use super::report::{TextReport, format_ratio, format_time};
use crate::format::finding::Finding;
use crate::format::sst::{
    BlockDetail, BlockStatistics, BlockSum, CodecUsageByName, DictionaryEntry, DictionaryKey, SstDescription, SstPart,
    describe_sst,
};
use crate::platform::env::Dir;
use crate::types::error::Result;
use crate::types::point::{Value, ValueType};
use crate::types::series::SeriesId;

/// Contents of an SST; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SstInspection {
    file: Box<SstDescription>,
}

impl SstInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        Ok(Self { file: Box::new(describe_sst(dir, name)?) })
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.file.findings
    }

    pub(super) fn report(&self, max_rows: usize) -> TextReport {
        let meta = &self.file.meta;
        let rectangle = &meta.rectangle;
        let mut report = TextReport::new("SST");
        report.add_field("format version", self.file.version);
        report.add_field("database", self.file.uuid);
        report.add_field("file id", format!("{:016x}", meta.id.get()));
        report.add_field("bytes", meta.file_len);
        report.add_field("footer CRC", format!("{:08x}", meta.footer_crc));
        report.add_field("level", meta.level);
        report.add_field(
            "series",
            format!("#{} to #{}, {} series", rectangle.first_series, rectangle.last_series, meta.series),
        );
        report.add_field(
            "time",
            format!("{} to {}", format_time(rectangle.times.first()), format_time(rectangle.times.last())),
        );
        report.add_field("seqs", format!("{} to {}", meta.min_seq, meta.max_seq));
        report.add_field("points", meta.points);
        report.add_field("blocks", meta.blocks);
        report.add_field("bytes/point", format_ratio(meta.file_len, meta.points));
        report.add_table("parts", &["part", "offset", "bytes", "pages"], &self.file.parts, usize::MAX, |part| {
            let SstPart { name, extent, pages } = *part;
            let pages = if pages == 0 { String::new() } else { pages.to_string() };
            vec![name.to_owned(), extent.offset.to_string(), extent.len.to_string(), pages]
        });
        codecs(&mut report, "timestamps by codec", &self.file.timestamp_codecs);
        codecs(&mut report, "values by codec", &self.file.value_codecs);
        self.series(&mut report, max_rows);
        report
    }

    /// Adds the tables of series and blocks.
    ///
    /// The rows that are built are bounded by `max_rows`, not by the file's size.
    fn series(&self, report: &mut TextReport, max_rows: usize) {
        let blocks = &self.file.blocks[..self.file.blocks.len().min(max_rows)];
        let last = blocks.last().map(|block| block.entry.series);
        let (mut shown, mut keys) = (Vec::new(), BTreeMap::new());
        // A page that cannot be read is skipped: it is already among the findings.
        for entry in self.file.series().filter_map(Result::ok) {
            let has_block = last.is_some_and(|last| entry.id <= last);
            if !has_block && shown.len() == max_rows {
                break;
            }
            if let DictionaryKey::Key(key, _) = &entry.key {
                keys.insert(entry.id, key.to_string());
            }
            if shown.len() < max_rows {
                shown.push(entry);
            }
        }
        let more = |shown: usize, all: u64| usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(shown);
        let all = self.file.meta.series;
        report.add_table_excerpt(
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
        report.add_table_excerpt("blocks", &header, blocks, more, |form| block(form, &keys));
    }
}

/// Adds the table of the codecs of one column.
fn codecs(report: &mut TextReport, title: &'static str, uses: &CodecUsageByName) {
    let uses: Vec<_> = uses.iter().collect();
    report.add_table(
        title,
        &["codec", "blocks", "points", "bytes", "bytes/point"],
        &uses,
        usize::MAX,
        |(name, used)| {
            let bytes_per_point = format_ratio(used.bytes, used.points);
            vec![
                (**name).to_owned(),
                used.blocks.to_string(),
                used.points.to_string(),
                used.bytes.to_string(),
                bytes_per_point,
            ]
        },
    );
}

/// Formats the row of a series.
fn series(DictionaryEntry { id, ty, key: name }: &DictionaryEntry) -> Vec<String> {
    let (duplicates, key) = match name {
        DictionaryKey::Hash(hash) => (String::new(), format!("hash {hash:04x}")),
        DictionaryKey::Key(key, duplicates) => (duplicates.to_string(), key.to_string()),
    };
    vec![format!("#{id}"), ty.to_string(), duplicates, key]
}

/// Formats the row of a block.
fn block(BlockDetail { entry: block, columns }: &BlockDetail, keys: &BTreeMap<SeriesId, String>) -> Vec<String> {
    let mut row = vec![
        keys.get(&block.series).map_or_else(|| format!("#{}", block.series), |key| format!("#{} {key}", block.series)),
        block.ty.to_string(),
        block.count.to_string(),
        block.offset.to_string(),
        block.len.to_string(),
        format_ratio(u64::from(block.len), u64::from(block.count)),
        format_time(block.first_time),
        format_time(block.last_time),
    ];
    match columns {
        Some(columns) => row.extend(columns.iter().flat_map(|form| [form.codec.to_owned(), form.bytes.to_string()])),
        None => row.extend(["damaged", "", "", ""].map(str::to_owned)),
    }
    row.extend(block.statistics.map_or_else(Default::default, |known| statistics(block.ty, &known)));
    row
}

/// Formats the statistics of a block: minimum, maximum, sum, first and last value.
fn statistics(ty: ValueType, known: &BlockStatistics) -> [String; 5] {
    let text = |bits| match Value::from_bits(ty, bits) {
        Value::F64(value) => double(value),
        other => other.to_string(),
    };
    let sum = match known.sum {
        BlockSum::Float(sum) => double(sum),
        BlockSum::Integer(sum) => sum.to_string(),
    };
    [text(known.min), text(known.max), sum, text(known.first), text(known.last)]
}

/// Formats a double, with an exponent if it is very large or small.
///
/// `Display` would write all 309 digits of the greatest double.
fn double(value: f64) -> String {
    format!("{value:?}")
}
