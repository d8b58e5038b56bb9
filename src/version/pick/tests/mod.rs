//! The rules by themselves, over files that are only numbers; [`world`] drives whole histories through them.

mod pathologies;
mod plane;
mod world;

use super::*;
use crate::series::SeriesId;

const MIB: u64 = 1 << 20;

fn rectangle(series: (u32, u32), times: (i64, i64)) -> Rectangle {
    let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
    Rectangle { first_series, last_series, first_time: times.0, last_time: times.1 }
}

/// A file of one byte a point, in blocks as full as they can be.
fn file(id: u64, level: u8, rectangle: Rectangle, len: u64) -> Arc<SstMeta> {
    Arc::new(SstMeta {
        id: FileId::new(id),
        len,
        footer_crc: 0,
        rectangle,
        min_seq: 0,
        max_seq: 0,
        points: len,
        blocks: len.div_ceil(8_192),
        series: u64::from(rectangle.last_series.get() - rectangle.first_series.get()) + 1,
        level,
        age: id,
        space: DyadicBox::ALL,
        origin: 0,
    })
}

fn ids(plan: &Plan) -> Vec<u64> {
    plan.inputs.iter().map(|file| file.id.get()).collect()
}

fn idle() -> BTreeSet<FileId> {
    BTreeSet::new()
}
