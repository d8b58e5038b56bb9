//! The newest point of a series or of a whole selection, of all or before a time: from statistics where they tell.

use super::blocking::Wanted;
use super::catalog::{AnySources, Catalog, SeriesInfo};
use super::select::Select;
use crate::error::Result;
use crate::merge::TimeRange;
use crate::point::{Point, Sample, Value};
use crate::sync::Arc;

/// The newest point in a range of each series that matches and has one, in key order.
pub(super) fn newest_of(
    catalog: &dyn Catalog,
    select: &Select,
    range: TimeRange,
    wanted: &Wanted,
) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
    select.check()?;
    let mut found = Vec::new();
    for info in catalog.select(select) {
        if !wanted.still() {
            break;
        }
        let newest = match catalog.sources(&info, range, None)? {
            AnySources::F64(sources) => sources.latest()?.map(widened),
            AnySources::I64(sources) => sources.latest()?.map(widened),
            AnySources::U64(sources) => sources.latest()?.map(widened),
            AnySources::Bool(sources) => sources.latest()?.map(widened),
        };
        found.extend(newest.map(|point| (info, point)));
    }
    Ok(found)
}

fn widened<T: Sample>(point: Point<T>) -> Point<Value> {
    Point { timestamp: point.timestamp, value: point.value.into() }
}
