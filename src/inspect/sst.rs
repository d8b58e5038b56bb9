//! The report of an SST.

use super::report::{Report, per, time};
use crate::env::Dir;
use crate::error::Result;
use crate::finding::Finding;
use crate::point::Value;
use crate::sst::{BlockEntry, CodecUses, Description, Part, describe};

/// What is in an SST; see [`Inspection`](super::Inspection).
#[derive(Debug)]
pub struct SstInspection {
    file: Box<Description>,
    /// All whose index page could be read.
    blocks: Vec<BlockEntry>,
}

impl SstInspection {
    pub(super) fn read(dir: &Dir, name: &str) -> Result<Self> {
        let file = Box::new(describe(dir, name)?);
        // A page that cannot be read is among the findings already.
        let blocks = file.entries().filter_map(Result::ok).collect();
        Ok(Self { file, blocks })
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
        let header =
            ["series", "type", "points", "offset", "bytes", "bytes/point", "first time", "last time", "min", "max"];
        report.table("blocks", &header, &self.blocks, rows, block);
        report
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

fn block(block: &BlockEntry) -> Vec<String> {
    let text = |bits| match Value::from_bits(block.ty, bits) {
        // Not through `Display`, which spells all 309 digits of the greatest double.
        Value::F64(value) => format!("{value:?}"),
        other => other.to_string(),
    };
    let (min, max) = block.statistics.map_or_else(Default::default, |known| (text(known.min), text(known.max)));
    vec![
        format!("#{}", block.series),
        block.ty.to_string(),
        block.count.to_string(),
        block.offset.to_string(),
        block.len.to_string(),
        per(u64::from(block.len), u64::from(block.count)),
        time(block.first_time),
        time(block.last_time),
        min,
        max,
    ]
}
