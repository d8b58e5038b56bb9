//! Where outputs are cut: regions that tile the whole plane of series and time, so that every point has exactly one,
//! whatever the estimates say. Cuts fall between ids or between timestamps: the points of one series at one time stay
//! together.

use super::super::dyadic::DyadicBox;
use super::super::sst::Rectangle;
use super::cut::{Cut, bounds, duration, gap, width};
use super::descent::bytes;
use super::limits::Limits;
use super::{Output, Plan};
use crate::series::SeriesId;

/// An estimate of what is to be written: a block, a run of blocks, a series' chunk of a memtable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) rectangle: Rectangle,
    pub(crate) points: u64,
    pub(crate) bytes: u64,
}

/// One output: the points that it takes, and the space that its file may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) area: Rectangle,
    pub(crate) space: DyadicBox,
}

/// A region in the making, with what lies in it.
#[derive(Debug)]
struct Piece {
    region: Region,
    fragments: Vec<Fragment>,
    bytes: u64,
}

impl Limits {
    /// Where the outputs of a plan are cut.
    pub(crate) fn regions(&self, plan: &Plan, fragments: &[Fragment]) -> Vec<Region> {
        let (before, after) =
            (u128::from(bytes(&plan.inputs).max(1)), u128::from(self.merged_bytes(&plan.inputs).max(1)));
        let merged = |one: &Fragment| {
            let bytes = u64::try_from(u128::from(one.bytes) * after / before).unwrap_or(one.bytes);
            Fragment { bytes, ..*one }
        };
        let fragments: &[Fragment] = &fragments.iter().map(merged).collect::<Vec<_>>();
        let pieces = match plan.output {
            Output::Base => self.quantiles(Piece::whole(DyadicBox::ALL, fragments)),
            Output::InPlace { space, .. } => self.quantiles(Piece::whole(space, fragments)),
            Output::Tier { space, .. } => {
                let pieces = self.parted(Piece::whole(space, fragments), self.output_depth);
                self.sliced(pieces)
            }
        };
        pieces.into_iter().map(|piece| piece.region).collect()
    }

    /// Where a flush is cut. What is not newer than every flush before lies apart: one late point must not widen the
    /// file of all the others.
    pub(crate) fn flush_regions(&self, fragments: &[Fragment], newest_flushed_time: Option<i64>) -> Vec<Region> {
        let all = Piece::whole(DyadicBox::ALL, fragments);
        let spaces = [DyadicBox::ALL; 2];
        let halves = match newest_flushed_time.and_then(|newest| all.split(Cut::AfterTime(newest), spaces)) {
            Some([late, new]) if !late.fragments.is_empty() && !new.fragments.is_empty() => vec![late, new],
            _ => vec![all],
        };
        let pieces = halves.into_iter().flat_map(|half| self.parted(half, self.output_depth)).collect();
        self.sliced(pieces).into_iter().map(|piece| piece.region).collect()
    }

    /// Parted by straight cuts through gaps: spaces stay as they are.
    fn parted(&self, piece: Piece, depth: u32) -> Vec<Piece> {
        let rectangles: Vec<_> = piece.fragments.iter().map(|one| (one.rectangle, one.bytes)).collect();
        let cut = if depth == 0 { None } else { gap(&rectangles, self.smallest_piece) };
        let spaces = [piece.region.space; 2];
        match cut.and_then(|cut| piece.split(cut, spaces)) {
            Some(halves) => halves.into_iter().flat_map(|half| self.parted(half, depth - 1)).collect(),
            None => vec![piece],
        }
    }

    /// Halved at dyadic midpoints until small enough, the largest first, as far as the number of regions allows.
    fn sliced(&self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        pieces.sort_unstable_by_key(|piece| piece.bytes);
        let mut done = Vec::new();
        while let Some(piece) = pieces.pop() {
            let full = done.len() + pieces.len() + 1 >= self.most_regions;
            let cut = if full || piece.bytes <= self.piece { None } else { self.midpoint(&piece) };
            match cut.and_then(|(cut, spaces)| piece.split(cut, spaces)) {
                None => done.push(piece),
                Some(halves) => {
                    for half in halves {
                        let at = pieces.partition_point(|other| other.bytes < half.bytes);
                        pieces.insert(at, half);
                    }
                }
            }
        }
        done
    }

    /// The middle of the smallest dyadic box around the data, and the spaces of its two halves: they narrow along the
    /// cut alone, else flushes of series side by side would each have a time of their own and never meet.
    fn midpoint(&self, piece: &Piece) -> Option<(Cut, [DyadicBox; 2])> {
        let around = DyadicBox::around(&piece.bounds()?);
        let (_, (_, time_bits)) = around.sides();
        let (space_series, space_time) = piece.region.space.sides();
        let by_series = || {
            let [lower, upper] = around.halves_by_series()?;
            let within = |half: DyadicBox| {
                let (first, bits) = half.sides().0;
                DyadicBox::new(first, bits, space_time.0, space_time.1)
            };
            Some((Cut::AfterSeries(lower.rectangle().last_series), [within(lower)?, within(upper)?]))
        };
        let by_time = || {
            let [lower, upper] = around.halves_by_time()?;
            let within = |half: DyadicBox| {
                let (first, bits) = half.sides().1;
                DyadicBox::new(space_series.0, space_series.1, first, bits)
            };
            Some((Cut::AfterTime(lower.rectangle().last_time), [within(lower)?, within(upper)?]))
        };
        let long = time_bits > self.piece_time_bits;
        if piece.points_per_series() >= self.piece_series_points && long {
            return by_time();
        }
        // A single series can be cut by time alone, however short.
        by_series().or_else(by_time)
    }

    /// Cut into parts of equal bytes: at most about `base_file` each, as far as the number of regions allows.
    fn quantiles(&self, piece: Piece) -> Vec<Piece> {
        let most = u64::try_from(self.most_regions).unwrap_or(u64::MAX).max(1);
        let parts = piece.bytes.div_ceil(self.base_file.max(1)).clamp(1, most);
        let mut done = Vec::new();
        let mut open = vec![(piece, parts)];
        while let Some((piece, parts)) = open.pop() {
            let lower = parts / 2;
            let share = u128::from(piece.bytes) * u128::from(lower) / u128::from(parts.max(1));
            let cut = if parts < 2 { None } else { self.quantile(&piece, u64::try_from(share).unwrap_or(u64::MAX)) };
            let spaces = [piece.region.space; 2];
            match cut.and_then(|cut| piece.split(cut, spaces)) {
                Some([below, above]) => open.extend([(below, lower), (above, parts - lower)]),
                None => done.push(piece),
            }
        }
        done
    }

    /// The first cut that leaves at least so many bytes below it and anything above it.
    fn quantile(&self, piece: &Piece, bytes: u64) -> Option<Cut> {
        let bounds = piece.bounds()?;
        let (one_series, one_time) = (bounds.first_series == bounds.last_series, bounds.first_time == bounds.last_time);
        if one_series && one_time {
            return None;
        }
        let by_series = one_time || !one_series && piece.points_per_series() < self.base_series_points;
        let at = |steps: u64| {
            if by_series {
                let step = u32::try_from(steps).unwrap_or(u32::MAX);
                Cut::AfterSeries(SeriesId::new(bounds.first_series.get().saturating_add(step)))
            } else {
                Cut::AfterTime(bounds.first_time.saturating_add_unsigned(steps))
            }
        };
        let below = |cut: Cut| {
            let lower = piece.fragments.iter().map(|one| one.split(cut)[0].map_or(0, |low| low.bytes));
            lower.fold(0, u64::saturating_add)
        };
        // Cuts after the last id or time part nothing.
        let mut last = if by_series { width(&bounds) - 2 } else { bounds.last_time.abs_diff(bounds.first_time) - 1 };
        let mut first = 0;
        while first < last {
            let middle = first + (last - first) / 2;
            if below(at(middle)) >= bytes {
                last = middle;
            } else {
                first = middle + 1;
            }
        }
        Some(at(first))
    }
}

impl Piece {
    fn whole(space: DyadicBox, fragments: &[Fragment]) -> Self {
        Self::new(Region { area: DyadicBox::ALL.rectangle(), space }, fragments.to_vec())
    }

    fn new(region: Region, fragments: Vec<Fragment>) -> Self {
        let bytes = fragments.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
        Self { region, fragments, bytes }
    }

    fn bounds(&self) -> Option<Rectangle> {
        bounds(self.fragments.iter().map(|one| one.rectangle))
    }

    /// Both sides of a cut, if it goes through the area at all; a fragment in its way counts on both.
    fn split(&self, cut: Cut, spaces: [DyadicBox; 2]) -> Option<[Self; 2]> {
        let [Some(lower), Some(upper)] = cut.sides(&self.region.area) else { return None };
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for one in &self.fragments {
            let [below, above] = one.split(cut);
            low.extend(below);
            high.extend(above);
        }
        let [low_space, high_space] = spaces;
        Some([
            Self::new(Region { area: lower, space: low_space }, low),
            Self::new(Region { area: upper, space: high_space }, high),
        ])
    }

    /// The mean over the ids that its fragments span.
    fn points_per_series(&self) -> u64 {
        let mut spans: Vec<_> = self
            .fragments
            .iter()
            .map(|one| (one.rectangle.first_series.get(), one.rectangle.last_series.get()))
            .collect();
        spans.sort_unstable();
        let (mut series, mut counted) = (0_u64, 0_u64);
        for (first, last) in spans {
            let end = u64::from(last) + 1;
            series += end.saturating_sub(counted.max(u64::from(first)));
            counted = counted.max(end);
        }
        let points = self.fragments.iter().map(|one| one.points).fold(0, u64::saturating_add);
        points / series.max(1)
    }
}

impl Fragment {
    /// What lies below and above a cut, as if points and bytes were spread evenly.
    fn split(&self, cut: Cut) -> [Option<Self>; 2] {
        match cut.sides(&self.rectangle) {
            [Some(lower), Some(upper)] => {
                let (part, whole) = match cut {
                    Cut::AfterSeries(_) => (u128::from(width(&lower)), u128::from(width(&self.rectangle))),
                    Cut::AfterTime(_) => (duration(&lower), duration(&self.rectangle)),
                };
                // A part is at most 2^64, so the product fits.
                let share = |of: u64| u64::try_from(u128::from(of) * part / whole).unwrap_or(of);
                let (points, bytes) = (share(self.points), share(self.bytes));
                let above = Self { rectangle: upper, points: self.points - points, bytes: self.bytes - bytes };
                [Some(Self { rectangle: lower, points, bytes }), Some(above)]
            }
            [lower, upper] => [lower.map(|_| *self), upper.map(|_| *self)],
        }
    }
}
