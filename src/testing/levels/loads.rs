//! The nine loads: what each flush holds. A flush is 3 M points, or an hour of the sparse one.

use super::lump::Lump;

const FLUSH: u64 = 3_000_000;
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
/// When what is live begins: 2023-11-14T22:13:20Z.
const START: i64 = 1_700_000_000 * SECOND;

/// What is written, by the letters of the design's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// In order, 1,000 series every 10 s.
    A,
    /// In order, 100,000 series every 10 s.
    B,
    /// In order, a million series every 60 s.
    C,
    /// As A, and 5 % late, by up to a day.
    D,
    /// 10,000 series of a year each, one after the other.
    E,
    /// 10,000 series, anywhere in a year.
    F,
    /// As A, beside a year of 100 other series, one after the other.
    G,
    /// As G, and 5 % late, and 1 % anywhere.
    M,
    /// In order, 10 series every second, flushed hourly.
    H,
}

impl Load {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F, Self::G, Self::M, Self::H];

    /// In a few words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A in order, 1,000 series",
            Self::B => "B in order, 100,000 series",
            Self::C => "C in order, 1 M series",
            Self::D => "D as A, 5 % late",
            Self::E => "E backfill series by series",
            Self::F => "F anywhere in a year",
            Self::G => "G as A beside a backfill",
            Self::M => "M as G, 5 % late, 1 % anywhere",
            Self::H => "H sparse, flushed hourly",
        }
    }

    /// How many points a flush holds, and how many flushes make so many points; ten years are the most for H.
    pub(super) fn flushes(self, points: u64) -> (u64, u64) {
        match self {
            Self::H => (36_000, (points / 36_000).min(10 * 365 * 24)),
            _ => (FLUSH, points / FLUSH),
        }
    }

    /// The flush of this number, of so many.
    pub(super) fn flush(self, number: u64, of: u64) -> Vec<Lump> {
        match self {
            Self::A => vec![live(number, 1_000, 3_000, 10)],
            Self::B => vec![live(number, 100_000, 30, 10)],
            Self::C => vec![live(number, 1_000_000, 3, 60)],
            Self::D => {
                let on_time = live(number, 1_000, 2_850, 10);
                vec![late(&on_time, 150_000), on_time]
            }
            Self::E => backfill(number * FLUSH, FLUSH, 0, 1_000_000),
            Self::F => vec![Lump::new((0, 9_999), (START - YEAR, START - 1), FLUSH)],
            Self::G => beside(number, of, FLUSH / 2, 1_500),
            Self::M => {
                let mut all = beside(number, of, 1_410_000, 1_410);
                let on_time = live(number, 1_000, 1_410, 10);
                all.push(late(&on_time, 150_000));
                all.push(Lump::new((0, 1_099), (START - YEAR, on_time.rectangle.last_time), 30_000));
                all
            }
            Self::H => vec![live(number, 10, 3_600, 1)],
        }
    }
}

/// All series at every tick.
fn live(number: u64, series: u32, ticks: u32, seconds: i64) -> Lump {
    let long = i64::from(ticks) * seconds * SECOND;
    let from = START + number.cast_signed() * long;
    Lump::new((0, series - 1), (from, from + long - seconds * SECOND), u64::from(series) * u64::from(ticks))
}

fn late(on_time: &Lump, points: u64) -> Lump {
    let times = (on_time.rectangle.first_time - DAY, on_time.rectangle.last_time);
    let series = (on_time.rectangle.first_series.get(), on_time.rectangle.last_series.get());
    Lump::new(series, times, points)
}

/// The points of these numbers, a series' year after the other's.
fn backfill(from: u64, points: u64, first_series: u32, each: u64) -> Vec<Lump> {
    let step = YEAR / each.cast_signed();
    let (mut at, end) = (from, from + points);
    let mut lumps = Vec::new();
    while at < end {
        let (series, within) = (at / each, at % each);
        let count = (each - within).min(end - at);
        let id = first_series + u32::try_from(series).unwrap_or(0);
        let time = |number: u64| START - YEAR + step * number.cast_signed();
        lumps.push(Lump::new((id, id), (time(within), time(within + count - 1)), count));
        at += count;
    }
    lumps
}

fn beside(number: u64, of: u64, backfilled: u64, ticks: u32) -> Vec<Lump> {
    let each = (of * backfilled).div_ceil(100).max(1);
    let mut lumps = backfill(number * backfilled, backfilled, 1_000, each);
    lumps.push(live(number, 1_000, ticks, 10));
    lumps
}
