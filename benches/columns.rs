//! Sizes of the columns of real databases in level 0 and in the base, beside the crate pco at its default level.
//!
//!     cargo bench -p timestrata --bench columns -- DIRECTORY...
//!
//! Each argument is the directory of a database, for example one that `timestrata ingest` made. Each series is divided into
//! blocks as a file divides it, and each block is encoded by all three. A line has the sums of the series of one metric. The
//! time of a decoding is the least of many runs, for all blocks of the metric together. Times that several series have in
//! common are encoded for each of them.

#![expect(clippy::cast_precision_loss, reason = "counts of bytes and points stay far below 2^53")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use timestrata::testing::columns::{ColumnEncoder, EncodedColumn};
use timestrata::testing::hot_paths::HotPath;
use timestrata::{Db, Selector, Timestamp, ValueSlice};

/// Maximum number of points of a block.
const BLOCK_POINTS: usize = 8_192;

/// Level of pco that the columns are compared with: the crate's default.
const PCO_LEVEL: usize = 8;

/// Values of a series.
#[derive(Debug, Clone)]
enum Values {
    Doubles(Vec<f64>),
    Integers(Vec<i64>),
}

/// One way to encode columns: length, codecs, and the decoding of all of them.
#[derive(Default)]
struct Encodings {
    bytes: usize,
    codecs: BTreeSet<&'static str>,
    decodings: Vec<HotPath>,
}

impl Encodings {
    fn add(&mut self, column: EncodedColumn) {
        self.bytes += column.byte_len();
        self.codecs.insert(column.codec());
        self.decodings.push(column.decoding());
    }

    /// Adds a column of pco, without the header of a file.
    fn add_pco<T: Number + Default>(&mut self, values: &[T]) {
        let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
        let mut chunk = FileCompressor::default().chunk_compressor(values, &config).expect("pco encodes any numbers");
        let mut bytes = Vec::new();
        chunk.write_meta(&mut bytes).expect("a vector takes all bytes");
        chunk.write_page(0, &mut bytes).expect("a vector takes all bytes");
        self.bytes += bytes.len();
        let mut out = vec![T::default(); values.len()];
        self.decodings.push(Box::new(move || {
            let (format, _) = FileDecompressor::new(&[4_u8, 1][..]).expect("the version exists");
            let (mut chunk, page) = format.chunk_decompressor::<T, _>(&bytes[..]).expect("the chunk was just encoded");
            let mut page = chunk.page_decompressor(page, out.len()).expect("the page was just encoded");
            page.read(&mut out).expect("the page was just encoded");
            out.len() as u64
        }));
    }

    /// Returns the least time of decoding all columns.
    fn time(&mut self) -> Duration {
        let begun = Instant::now();
        let mut least = Duration::MAX;
        while begun.elapsed() < Duration::from_millis(60) {
            let start = Instant::now();
            for decoding in &mut self.decodings {
                black_box(decoding());
            }
            least = least.min(start.elapsed());
        }
        least
    }
}

/// Columns of one kind of the series of a metric, encoded in three ways.
#[derive(Default)]
struct Columns {
    points: usize,
    level_0: Encodings,
    base: Encodings,
    pco: Encodings,
    encoders: (ColumnEncoder, Option<ColumnEncoder>),
}

impl Columns {
    fn add(&mut self, values: &Values) {
        let (level_0, base) = &mut self.encoders;
        let base = base.get_or_insert_with(ColumnEncoder::base);
        match values {
            Values::Doubles(values) => {
                for block in blocks(values) {
                    self.level_0.add(level_0.doubles(block));
                    self.base.add(base.doubles(block));
                    self.pco.add_pco(block);
                    self.points += block.len();
                }
            }
            Values::Integers(values) => {
                for block in blocks(values) {
                    self.level_0.add(level_0.integers(block));
                    self.base.add(base.integers(block));
                    self.pco.add_pco(block);
                    self.points += block.len();
                }
            }
        }
    }

    fn print(mut self, name: &str) {
        let points = self.points as f64;
        let of_pco = |bytes: usize| bytes as f64 / self.pco.bytes as f64;
        let (in_level_0, in_base) = (of_pco(self.level_0.bytes), of_pco(self.base.bytes));
        let bytes = [self.level_0.bytes, self.base.bytes, self.pco.bytes].map(|bytes| bytes as f64 / points);
        let nanos =
            [&mut self.level_0, &mut self.base, &mut self.pco].map(|way| way.time().as_secs_f64() * 1e9 / points);
        let faster = nanos[2] / nanos[1];
        let misses_base = in_base > 1.03 && faster < 3.0;
        let misses_level_0 = in_level_0 > 1.15 && nanos[2] / nanos[0] < 3.0;
        let codecs = |way: &Encodings| way.codecs.iter().copied().collect::<Vec<_>>().join(" ");
        println!(
            "| {name} | {} | {:.3} | {:.3} | {:.3} | {in_level_0:.2} | {in_base:.2} | {:.2} | {:.2} | {:.2} | {faster:.1} | {} | {} |{}{}",
            self.points,
            bytes[0],
            bytes[1],
            bytes[2],
            nanos[0],
            nanos[1],
            nanos[2],
            codecs(&self.level_0),
            codecs(&self.base),
            if misses_base { " base missed" } else { "" },
            if misses_level_0 { " level 0 missed" } else { "" },
        );
    }
}

/// Divides a series as a file does: all blocks are full but the last two, which have equal sizes.
fn blocks<T>(values: &[T]) -> Vec<&[T]> {
    let full = values.len().div_ceil(BLOCK_POINTS).saturating_sub(2) * BLOCK_POINTS;
    let (front, rest) = values.split_at(full);
    let half = if rest.len() > BLOCK_POINTS { rest.len().div_ceil(2) } else { rest.len() };
    front.chunks(BLOCK_POINTS).chain(rest.chunks(half.max(1))).collect()
}

/// Reads all series: metric, times and values.
fn read(directory: &str) -> Vec<(String, Vec<i64>, Values)> {
    let db = Db::builder(directory).read_only().open_blocking().expect("the argument is the directory of a database");
    let snapshot = db.snapshot();
    let mut cursor = snapshot.scan_series(Selector::all()).cursor().expect("the selector is valid");
    let (mut series, mut last): (Vec<(String, Vec<i64>, Values)>, _) = (Vec::new(), None);
    while let Some(chunk) = cursor.next_chunk().expect("the files are sound") {
        if last.as_ref() != Some(&chunk.series.key) {
            let values = match chunk.values {
                ValueSlice::F64(_) => Values::Doubles(Vec::new()),
                _ => Values::Integers(Vec::new()),
            };
            series.push((chunk.series.key.metric().to_owned(), Vec::new(), values));
            last = Some(chunk.series.key.clone());
        }
        let Some((_, times, values)) = series.last_mut() else { continue };
        times.extend(chunk.timestamps.iter().copied().map(Timestamp::as_nanos));
        match (values, chunk.values) {
            (Values::Doubles(all), ValueSlice::F64(values)) => all.extend_from_slice(values),
            (Values::Integers(all), ValueSlice::I64(values)) => all.extend_from_slice(values),
            (Values::Integers(all), ValueSlice::U64(values)) => {
                all.extend(values.iter().map(|value| value.cast_signed()));
            }
            (Values::Integers(all), ValueSlice::Bool(values)) => {
                all.extend(values.iter().map(|value| i64::from(*value)));
            }
            _ => unreachable!("a series has one type"),
        }
    }
    series
}

fn main() {
    println!(
        "| column | points | level 0, bytes/point | base | pco | level 0 / pco | base / pco | decode, ns: level 0 | base | pco | pco / base | codecs of level 0 | of the base |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for directory in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        let (mut values, mut times) = (BTreeMap::<String, Columns>::new(), Columns::default());
        for (metric, series_times, series_values) in read(&directory) {
            values.entry(metric).or_default().add(&series_values);
            times.add(&Values::Integers(series_times));
        }
        for (metric, columns) in values {
            columns.print(&metric);
        }
        times.print("timestamps");
    }
}
