//! Output regions: where the output of a flush or compaction is split into files.
//!
//! Regions tile the whole plane of series and time, so that every point lies in exactly one region, even if the
//! estimates are wrong. Split lines run between series ids or between timestamps, so the points of one series at one
//! timestamp are written to one file.

use super::super::dyadic_box::DyadicBox;
use super::base_merge::bytes;
use super::limits::PickerLimits;
use super::split_line::{SplitLine, best_gap_split, bounding_rectangle, series_count, time_span};
use super::{CompactionPlan, CompactionTarget};
use crate::state::rectangle::Rectangle;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Estimated size of some points to write: one or more blocks, or consecutive points of a memtable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SizeEstimate {
    pub(crate) rectangle: Rectangle,
    pub(crate) points: u64,
    /// Estimated bytes of the points in a file, with their index entries.
    pub(crate) bytes: u64,
}

/// Region of one output file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputRegion {
    /// Area of the region. Every point inside is written to the file of the region.
    pub(crate) bounds: Rectangle,
    /// Partition that the file gets in its metadata.
    pub(crate) partition: DyadicBox,
}

/// Region that may still be split, with the estimates inside it and their total bytes.
#[derive(Debug)]
struct RegionDraft {
    region: OutputRegion,
    estimates: Vec<SizeEstimate>,
    bytes: u64,
}

/// Divisor of the time span of a flush that gives the longest overlap with flushed times of a file of new points.
const OVERLAP_FRACTION: u64 = 16;

/// Longest such overlap in nanoseconds, an hour: one point with a wrong clock stretches the time span by years.
const MAX_OVERLAP: u64 = 3_600_000_000_000;

/// Returns the time up to which the points of a flush are late; `None` if they need no region of their own.
///
/// `times` are those of the flush, from the oldest to the newest point. A single late point would widen the rectangle of a
/// file of new points over those of older files. Points that are hardly late do not: if a memtable is frozen in the middle
/// of a tick, the rest of the tick is as new as what was flushed before. In a file of its own it would be one point of
/// each series.
pub(crate) fn late_border(times: TimeRange, newest_flushed_time: Option<i64>) -> Option<i64> {
    let newest = newest_flushed_time.filter(|newest| times.first() <= *newest)?;
    let (overlap, span) = (newest.abs_diff(times.first()), times.last().abs_diff(times.first()));
    (overlap > (span / OVERLAP_FRACTION).min(MAX_OVERLAP)).then_some(newest)
}

impl PickerLimits {
    /// Returns the output regions of a plan.
    ///
    /// The bytes of the estimates are scaled from the size of the inputs to the estimated size of the merged files.
    pub(crate) fn compaction_regions(&self, plan: &CompactionPlan, estimates: &[SizeEstimate]) -> Vec<OutputRegion> {
        let before = u128::from(bytes(&plan.inputs).max(1));
        let after = u128::from(self.merged_bytes(&plan.inputs).max(1));
        let merged = |one: &SizeEstimate| {
            let bytes = u64::try_from(u128::from(one.bytes) * after / before).unwrap_or(one.bytes);
            SizeEstimate { bytes, ..*one }
        };
        let estimates: &[SizeEstimate] = &estimates.iter().map(merged).collect::<Vec<_>>();
        let drafts = match plan.output {
            CompactionTarget::Base => self.split_evenly(RegionDraft::whole(DyadicBox::ALL, estimates)),
            CompactionTarget::InPlace { partition, .. } => self.split_evenly(RegionDraft::whole(partition, estimates)),
            CompactionTarget::Tier { partition, .. } => {
                let drafts = self.split_at_gaps(RegionDraft::whole(partition, estimates), self.max_gap_split_depth);
                self.split_to_size(drafts)
            }
        };
        drafts.into_iter().map(|draft| draft.region).collect()
    }

    /// Returns the output regions of a flush.
    ///
    /// Late points, those up to `newest_flushed_time`, and later points get separate regions: see [`late_border`].
    pub(crate) fn flush_regions(
        &self,
        estimates: &[SizeEstimate],
        newest_flushed_time: Option<i64>,
    ) -> Vec<OutputRegion> {
        let all = RegionDraft::whole(DyadicBox::ALL, estimates);
        let border = all.bounding_rectangle().and_then(|all| late_border(all.times, newest_flushed_time));
        let partitions = [DyadicBox::ALL; 2];
        let halves = match border.and_then(|border| all.split(SplitLine::AfterTime(border), partitions)) {
            Some([late, new]) if !late.estimates.is_empty() && !new.estimates.is_empty() => vec![late, new],
            _ => vec![all],
        };
        let drafts = halves.into_iter().flat_map(|half| self.split_at_gaps(half, self.max_gap_split_depth)).collect();
        self.split_to_size(drafts).into_iter().map(|draft| draft.region).collect()
    }

    /// Splits a draft at straight gaps, recursively to at most `depth` levels.
    ///
    /// All parts keep its partition.
    fn split_at_gaps(&self, draft: RegionDraft, depth: u32) -> Vec<RegionDraft> {
        let rectangles: Vec<_> = draft.estimates.iter().map(|one| (one.rectangle, one.bytes)).collect();
        let line = if depth == 0 { None } else { best_gap_split(&rectangles, self.min_split_bytes) };
        let partitions = [draft.region.partition; 2];
        match line.and_then(|line| draft.split(line, partitions)) {
            Some(halves) => halves.into_iter().flat_map(|half| self.split_at_gaps(half, depth - 1)).collect(),
            None => vec![draft],
        }
    }

    /// Splits drafts at dyadic midpoints until each has at most `tier_file_bytes`.
    ///
    /// The largest draft is split first. There are no further splits at `max_regions` drafts in total.
    fn split_to_size(&self, mut drafts: Vec<RegionDraft>) -> Vec<RegionDraft> {
        drafts.sort_unstable_by_key(|draft| draft.bytes);
        let mut done = Vec::new();
        while let Some(draft) = drafts.pop() {
            let is_full = done.len() + drafts.len() + 1 >= self.max_regions;
            let split = if is_full || draft.bytes <= self.tier_file_bytes { None } else { self.midpoint(&draft) };
            match split.and_then(|(line, partitions)| draft.split(line, partitions)) {
                None => done.push(draft),
                Some(halves) => {
                    for half in halves {
                        let at = drafts.partition_point(|other| other.bytes < half.bytes);
                        drafts.insert(at, half);
                    }
                }
            }
        }
        done
    }

    /// Returns the middle line of the dyadic box around the estimates, and the partitions of both sides.
    ///
    /// The line is between times if the series have many points and the box is long enough, or if the box has a single
    /// series; else it is between series. `None` if there are no estimates, or if the box is one nanosecond of one
    /// series.
    ///
    /// Only the split side of the partition narrows; the other side stays. If both narrowed, files of neighbouring
    /// series would have partitions of different times and would never be merged.
    fn midpoint(&self, draft: &RegionDraft) -> Option<(SplitLine, [DyadicBox; 2])> {
        let enclosing = DyadicBox::enclosing(&draft.bounding_rectangle()?);
        let (_, (_, time_bits)) = enclosing.sides();
        let (partition_series, partition_time) = draft.region.partition.sides();
        let by_series = || {
            let [lower, upper] = enclosing.halves_by_series()?;
            let narrowed = |half: DyadicBox| {
                let (first, bits) = half.sides().0;
                DyadicBox::new(first, bits, partition_time.0, partition_time.1)
            };
            let line = SplitLine::AfterSeries(lower.rectangle().last_series);
            Some((line, [narrowed(lower)?, narrowed(upper)?]))
        };
        let by_time = || {
            let [lower, upper] = enclosing.halves_by_time()?;
            let narrowed = |half: DyadicBox| {
                let (first, bits) = half.sides().1;
                DyadicBox::new(partition_series.0, partition_series.1, first, bits)
            };
            let line = SplitLine::AfterTime(lower.rectangle().times.last());
            Some((line, [narrowed(lower)?, narrowed(upper)?]))
        };
        let is_long = time_bits > self.tier_min_time_bits;
        if draft.points_per_series() >= self.tier_min_series_points && is_long {
            return by_time();
        }
        // A single series can only be split by time, however short it is.
        by_series().or_else(by_time)
    }

    /// Splits a draft into parts of about equal bytes, as few as keep each at about `base_file_bytes`.
    ///
    /// There are at most `max_regions` parts, which are larger if this many do not suffice.
    fn split_evenly(&self, draft: RegionDraft) -> Vec<RegionDraft> {
        let max_parts = u64::try_from(self.max_regions).unwrap_or(u64::MAX).max(1);
        let parts = draft.bytes.div_ceil(self.base_file_bytes.max(1)).clamp(1, max_parts);
        let mut done = Vec::new();
        let mut open = vec![(draft, parts)];
        while let Some((draft, parts)) = open.pop() {
            let lower = parts / 2;
            let share = u128::from(draft.bytes) * u128::from(lower) / u128::from(parts.max(1));
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            let line = if parts < 2 { None } else { self.quantile_line(&draft, share) };
            let partitions = [draft.region.partition; 2];
            match line.and_then(|line| draft.split(line, partitions)) {
                Some([below, above]) => open.extend([(below, lower), (above, parts - lower)]),
                None => done.push(draft),
            }
        }
        done
    }

    /// Returns the first line with at least `bytes` below it, or else the last possible line.
    ///
    /// `None` if there are no estimates, or all are of one series at one nanosecond, so that no line is possible. The
    /// line is between times if the series have at least `base_min_series_points` points on average, else between
    /// series; if only one of the two is possible, it is that one.
    fn quantile_line(&self, draft: &RegionDraft, bytes: u64) -> Option<SplitLine> {
        let bounds = draft.bounding_rectangle()?;
        let times = bounds.times;
        let (one_series, one_time) = (bounds.first_series == bounds.last_series, times.first() == times.last());
        if one_series && one_time {
            return None;
        }
        let by_series = one_time || !one_series && draft.points_per_series() < self.base_min_series_points;
        let line_at = |steps: u64| {
            if by_series {
                let step = u32::try_from(steps).unwrap_or(u32::MAX);
                SplitLine::AfterSeries(SeriesId::new(bounds.first_series.get().saturating_add(step)))
            } else {
                SplitLine::AfterTime(times.first().saturating_add_unsigned(steps))
            }
        };
        let bytes_below = |line: SplitLine| {
            let lower = draft.estimates.iter().map(|one| one.split(line)[0].map_or(0, |low| low.bytes));
            lower.fold(0, u64::saturating_add)
        };
        // The last possible line is before the last series id or time: a line after it splits nothing.
        let mut last = if by_series { series_count(&bounds) - 2 } else { times.last().abs_diff(times.first()) - 1 };
        let mut first = 0;
        while first < last {
            let middle = first + (last - first) / 2;
            if bytes_below(line_at(middle)) >= bytes {
                last = middle;
            } else {
                first = middle + 1;
            }
        }
        Some(line_at(first))
    }
}

impl RegionDraft {
    fn whole(partition: DyadicBox, estimates: &[SizeEstimate]) -> Self {
        Self::new(OutputRegion { bounds: DyadicBox::ALL.rectangle(), partition }, estimates.to_vec())
    }

    fn new(region: OutputRegion, estimates: Vec<SizeEstimate>) -> Self {
        let bytes = estimates.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
        Self { region, estimates, bytes }
    }

    fn bounding_rectangle(&self) -> Option<Rectangle> {
        bounding_rectangle(self.estimates.iter().map(|one| one.rectangle))
    }

    /// Splits the region at a line; `None` if the line does not cross it.
    ///
    /// An estimate that the line crosses is split, too.
    fn split(&self, line: SplitLine, partitions: [DyadicBox; 2]) -> Option<[Self; 2]> {
        let [Some(lower), Some(upper)] = line.sides(&self.region.bounds) else { return None };
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for one in &self.estimates {
            let [below, above] = one.split(line);
            low.extend(below);
            high.extend(above);
        }
        let [low_partition, high_partition] = partitions;
        Some([
            Self::new(OutputRegion { bounds: lower, partition: low_partition }, low),
            Self::new(OutputRegion { bounds: upper, partition: high_partition }, high),
        ])
    }

    /// Returns the mean number of points per series id. Ids that no estimate spans do not count.
    fn points_per_series(&self) -> u64 {
        let mut spans: Vec<_> = self
            .estimates
            .iter()
            .map(|one| (one.rectangle.first_series.get(), one.rectangle.last_series.get()))
            .collect();
        spans.sort_unstable();
        let (mut series, mut counted_to) = (0_u64, 0_u64);
        for (first, last) in spans {
            let end = u64::from(last) + 1;
            series += end.saturating_sub(counted_to.max(u64::from(first)));
            counted_to = counted_to.max(end);
        }
        let points = self.estimates.iter().map(|one| one.points).fold(0, u64::saturating_add);
        points / series.max(1)
    }
}

impl SizeEstimate {
    /// Returns the parts below and above a line, as if points and bytes were spread evenly.
    fn split(&self, line: SplitLine) -> [Option<Self>; 2] {
        match line.sides(&self.rectangle) {
            [Some(lower), Some(upper)] => {
                let (part, whole) = match line {
                    SplitLine::AfterSeries(_) => {
                        (u128::from(series_count(&lower)), u128::from(series_count(&self.rectangle)))
                    }
                    SplitLine::AfterTime(_) => (time_span(&lower), time_span(&self.rectangle)),
                };
                // `part` is at most 2^64, so the product fits in 128 bits.
                let share = |of: u64| u64::try_from(u128::from(of) * part / whole).unwrap_or(of);
                let (points, bytes) = (share(self.points), share(self.bytes));
                let above = Self { rectangle: upper, points: self.points - points, bytes: self.bytes - bytes };
                [Some(Self { rectangle: lower, points, bytes }), Some(above)]
            }
            [lower, upper] => [lower.map(|_| *self), upper.map(|_| *self)],
        }
    }
}
