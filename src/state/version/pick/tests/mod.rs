//! Tests of the picker over files that exist only as metadata; [`simulation`] runs histories.

mod pathologies;
mod plane;
mod simulation;

use super::*;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

const MIB: u64 = 1 << 20;

fn rectangle(series: (u32, u32), times: (i64, i64)) -> Rectangle {
    let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
    Rectangle { first_series, last_series, times: TimeRange::new(times.0, times.1) }
}

/// A file of one byte per point, in blocks as full as possible.
fn file(id: u64, level: u8, rectangle: Rectangle, file_len: u64) -> Arc<SstMeta> {
    Arc::new(SstMeta {
        id: FileId::new(id),
        file_len,
        footer_crc: 0,
        rectangle,
        min_seq: 0,
        max_seq: 0,
        points: file_len,
        blocks: file_len.div_ceil(8_192),
        series: u64::from(rectangle.last_series.get() - rectangle.first_series.get()) + 1,
        level,
        generation: id,
        partition: DyadicBox::ALL,
        origin: 0,
    })
}

fn ids(plan: &CompactionPlan) -> Vec<u64> {
    plan.inputs.iter().map(|file| file.id.get()).collect()
}

fn idle() -> BTreeSet<FileId> {
    BTreeSet::new()
}
