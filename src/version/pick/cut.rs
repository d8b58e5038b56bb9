//! Where the outputs of a merge or a flush are cut. Cuts tile the whole plane, so that every point has one region whatever the
//! estimates were; a cut by time falls between two timestamps, so that all points of one time of a series share a region.

use super::super::{BASE, DyadicBox, Rectangle};
use super::cluster::{Line, Placed, bounding, cut};
use super::{Limits, Output, Plan};
use crate::series::SeriesId;

/// Regions of one plan or flush: each is a file that is open while it is written.
const MOST_REGIONS: usize = 64;
/// Cuts, one inside the other, through the gaps of what is about to be written.
const CLUSTER_DEPTH: u8 = 3;
/// With fewer points a series, files of the base, or slices, are cut by series, else by time.
const BASE_POINTS_A_SERIES: u64 = 16_384;
const SLICE_POINTS_A_SERIES: u64 = 2_048;
/// A slice is not cut to less than 2^42 ns by time: that is 4,398 s.
const SHORTEST_SLICE_BITS: u8 = 43;

/// An estimate of what lies where: a block, or many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) rectangle: Rectangle,
    pub(crate) points: u64,
    pub(crate) bytes: u64,
}

impl Placed for Fragment {
    fn rectangle(&self) -> Rectangle {
        self.rectangle
    }
}

/// Where one output's points lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    /// No other region overlaps it.
    pub(crate) area: Rectangle,
    /// The output's.
    pub(crate) space: DyadicBox,
}

/// A region in the making, with what is in it.
#[derive(Debug, Clone)]
struct Piece {
    region: Region,
    fragments: Vec<Fragment>,
    bytes: u64,
}

impl Piece {
    fn new(region: Region, fragments: Vec<Fragment>) -> Self {
        let bytes = fragments.iter().map(|fragment| fragment.bytes).sum();
        Self { region, fragments, bytes }
    }

    fn whole(space: DyadicBox, fragments: &[Fragment]) -> Self {
        Self::new(Region { area: DyadicBox::ALL.rectangle(), space }, fragments.to_vec())
    }

    /// Points for each series that may be in it.
    fn points_a_series(&self) -> u64 {
        let points: u64 = self.fragments.iter().map(|fragment| fragment.points).sum();
        let series = |around: Rectangle| u64::from(around.last_series.get() - around.first_series.get()) + 1;
        // Fragments are blocks: of one series, or of neighbours.
        let distinct = self.fragments.len() as u64;
        points / bounding(&self.fragments).map_or(1, series).min(distinct.max(1))
    }

    /// Both parts at a line, each with the space that is given for it.
    fn cut_at(self, line: Line, spaces: [DyadicBox; 2]) -> [Self; 2] {
        let [before, behind] = cut_rectangle(&self.region.area, line);
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for fragment in &self.fragments {
            let (part, rest) = fragment.cut_at(line);
            lower.extend(part);
            upper.extend(rest);
        }
        let piece = |area, space, fragments| Self::new(Region { area, space }, fragments);
        [piece(before, spaces[0], lower), piece(behind, spaces[1], upper)]
    }
}

impl Fragment {
    /// Its parts before and behind a line; what the line cuts is shared out evenly.
    fn cut_at(&self, line: Line) -> (Option<Self>, Option<Self>) {
        let own = &self.rectangle;
        let (first, last, at) = match line {
            Line::Series(at) => (i128::from(own.first_series.get()), i128::from(own.last_series.get()), i128::from(at)),
            Line::Time(at) => (i128::from(own.first_time), i128::from(own.last_time), i128::from(at)),
        };
        if at <= first {
            return (None, Some(*self));
        }
        if at > last {
            return (Some(*self), None);
        }
        let share = |amount: u64| {
            let part = i128::from(amount) * ((at - first) >> 8) / ((last - first + 1) >> 8).max(1);
            u64::try_from(part).unwrap_or(amount).min(amount)
        };
        let [before, behind] = cut_rectangle(own, line);
        let (points, bytes) = (share(self.points).max(1), share(self.bytes));
        let rest =
            Self { rectangle: behind, points: (self.points.saturating_sub(points)).max(1), bytes: self.bytes - bytes };
        (Some(Self { rectangle: before, points, bytes }), Some(rest))
    }
}

/// Both parts of a rectangle that a line cuts.
fn cut_rectangle(whole: &Rectangle, line: Line) -> [Rectangle; 2] {
    match line {
        Line::Series(at) => [
            Rectangle { last_series: SeriesId::new(at - 1), ..*whole },
            Rectangle { first_series: SeriesId::new(at), ..*whole },
        ],
        Line::Time(at) => [Rectangle { last_time: at - 1, ..*whole }, Rectangle { first_time: at, ..*whole }],
    }
}

/// Where the outputs of a plan are cut.
pub(crate) fn regions(plan: &Plan, fragments: &[Fragment]) -> Vec<Region> {
    regions_within(plan, fragments, &Limits::PRODUCTION)
}

/// The same with other sizes.
pub(crate) fn regions_within(plan: &Plan, fragments: &[Fragment], limits: &Limits) -> Vec<Region> {
    let pieces = match plan.output {
        // A lone file written anew stays one.
        Output::InPlace { space, .. } if plan.inputs.len() == 1 => vec![Piece::whole(space, fragments)],
        Output::InPlace { space, .. } => {
            cut_by(vec![Piece::whole(space, fragments)], |piece| quantile(piece, limits, plan))
        }
        Output::Base => cut_by(vec![Piece::whole(DyadicBox::ALL, fragments)], |piece| quantile(piece, limits, plan)),
        Output::Tier { space, .. } => {
            let clusters = cut_gaps(Piece::whole(space, fragments), CLUSTER_DEPTH, 0);
            cut_by(clusters, |piece| slice(piece, limits, &plan.base, limits.slice))
        }
    };
    pieces.into_iter().map(|piece| piece.region).collect()
}

/// Where a flush is cut: what is no newer than what was flushed before goes apart, so that one late point does not widen a
/// whole file; then through gaps; then what is still large.
pub(crate) fn flush_regions(
    fragments: &[Fragment],
    newest_flushed_time: Option<i64>,
    base: &[(Rectangle, u64)],
) -> Vec<Region> {
    let limits = &Limits::PRODUCTION;
    let whole = Piece::whole(DyadicBox::ALL, fragments);
    let behind_newest = newest_flushed_time.and_then(|newest| newest.checked_add(1));
    let apart = match behind_newest {
        Some(at) => whole.cut_at(Line::Time(at), [DyadicBox::ALL; 2]).into(),
        None => vec![whole],
    };
    let clusters = apart.into_iter().flat_map(|piece| cut_gaps(piece, CLUSTER_DEPTH, limits.flush_piece)).collect();
    let pieces = cut_by(clusters, |piece| slice(piece, limits, base, limits.largest_slice));
    pieces.into_iter().map(|piece| piece.region).collect()
}

/// The pieces that cuts through gaps make; their spaces stay as they were.
fn cut_gaps(piece: Piece, depth: u8, least: u64) -> Vec<Piece> {
    let parts = depth.checked_sub(1).and_then(|depth| {
        let (line, before, behind) = cut(&piece.fragments)?;
        let bytes = |part: &[Fragment]| part.iter().map(|fragment| fragment.bytes).sum::<u64>();
        (bytes(&before) >= least && bytes(&behind) >= least).then_some((depth, line))
    });
    let Some((depth, line)) = parts else { return vec![piece] };
    let space = piece.region.space;
    piece.cut_at(line, [space; 2]).into_iter().flat_map(|part| cut_gaps(part, depth, least)).collect()
}

/// Cuts the largest piece that is to be cut, again and again.
fn cut_by(mut pieces: Vec<Piece>, how: impl Fn(&Piece) -> Option<(Line, [DyadicBox; 2])>) -> Vec<Piece> {
    let mut done = Vec::new();
    while let Some(at) = (0..pieces.len()).max_by_key(|at| pieces[*at].bytes) {
        let piece = pieces.swap_remove(at);
        let line = if pieces.len() + done.len() + 2 > MOST_REGIONS { None } else { how(&piece) };
        match line {
            Some((line, spaces)) => pieces.extend(piece.cut_at(line, spaces)),
            None => done.push(piece),
        }
    }
    done
}

/// A cut of the base: at the quantile that leaves files of about the wanted size.
fn quantile(piece: &Piece, limits: &Limits, plan: &Plan) -> Option<(Line, [DyadicBox; 2])> {
    let wanted = limits.base_file.max(plan.bytes().div_ceil(MOST_REGIONS as u64 / 2));
    let files = (piece.bytes + wanted / 2) / wanted;
    if files < 2 {
        return None;
    }
    let share = piece.bytes / files * (files / 2);
    let around = bounding(&piece.fragments)?;
    let by_series = piece.points_a_series() < BASE_POINTS_A_SERIES;
    let line = if by_series && around.first_series < around.last_series {
        series_quantile(&piece.fragments, share, &around)
    } else {
        time_quantile(&piece.fragments, share, &around)
    };
    let inside = match line? {
        Line::Series(at) => around.first_series.get() < at && at <= around.last_series.get(),
        Line::Time(at) => around.first_time < at && at <= around.last_time,
    };
    let space = if matches!(plan.output, Output::Base) { DyadicBox::ALL } else { piece.region.space };
    line.filter(|_| inside).map(|line| (line, [space; 2]))
}

/// The series before which a share of the bytes lies.
fn series_quantile(fragments: &[Fragment], share: u64, around: &Rectangle) -> Option<Line> {
    let mut ends: Vec<(u32, u64)> = fragments.iter().map(|one| (one.rectangle.last_series.get(), one.bytes)).collect();
    ends.sort_unstable();
    let mut bytes = 0;
    let end = ends.iter().find(|(_, own)| {
        bytes += own;
        bytes >= share
    });
    let at = end?.0.checked_add(1)?;
    // Never all on one side.
    Some(Line::Series(at.clamp(around.first_series.get() + 1, around.last_series.get())))
}

/// The time before which a share of the bytes lies, found by halving.
fn time_quantile(fragments: &[Fragment], share: u64, around: &Rectangle) -> Option<Line> {
    let (mut low, mut high) = (around.first_time.checked_add(1)?, around.last_time);
    if low > high {
        return None;
    }
    let before = |at: i64| -> u64 {
        fragments.iter().filter_map(|fragment| fragment.cut_at(Line::Time(at)).0).map(|part| part.bytes).sum()
    };
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) < share { low = middle + 1 } else { high = middle }
    }
    Some(Line::Time(low))
}

/// A cut at the middle of the smallest box that holds a piece, if it is large.
fn slice(piece: &Piece, limits: &Limits, base: &[(Rectangle, u64)], wanted: u64) -> Option<(Line, [DyadicBox; 2])> {
    let around = bounding(&piece.fragments)?;
    let meets_base = || {
        let met = base.iter().filter(|(rectangle, _)| rectangle.overlaps(&around)).map(|(_, bytes)| bytes);
        met.sum::<u64>()
    };
    if piece.bytes <= wanted || piece.bytes <= limits.largest_slice && meets_base() <= limits.slice_meets_base {
        return None;
    }
    let space = DyadicBox::around(&around);
    let (_, (_, time_bits)) = space.sides();
    let by_time = piece.points_a_series() >= SLICE_POINTS_A_SERIES && time_bits >= SHORTEST_SLICE_BITS;
    let series =
        || space.halves_by_series().map(|halves| (Line::Series(halves[1].rectangle().first_series.get()), halves));
    let time = || {
        let halves = space.halves_by_time().filter(|_| time_bits >= SHORTEST_SLICE_BITS);
        halves.map(|halves| (Line::Time(halves[1].rectangle().first_time), halves))
    };
    if by_time { time().or_else(series) } else { series().or_else(time) }
}

/// The level that a plan's outputs are of.
impl Output {
    pub(crate) fn level(&self) -> u8 {
        match self {
            Self::Base => BASE,
            Self::Tier { level, .. } | Self::InPlace { level, .. } => *level,
        }
    }
}
