//! How fast a group becomes bytes; run by hand: `cargo test --release --lib wal -- --ignored --nocapture`.

use std::time::Instant;

use super::*;
use crate::bytes::Salt;
use crate::bytes::frame::{self, Head};

#[test]
#[ignore = "a measurement, not a check"]
fn encode_and_crc() {
    let salt = Salt::new(b"tstraWAL", UUID, 1);
    for (shape, batch) in [("time-major", time_major()), ("one series", one_series()), ("random", random())] {
        let (mut out, mut best) = (Vec::new(), f64::INFINITY);
        for _ in 0..20 {
            let begin = Instant::now();
            for _ in 0..2_000 {
                out.clear();
                let record = std::hint::black_box(batch.record());
                frame::put(&mut out, salt, 0, Head::new(1, 1, 0), |out| record::put_commit(out, &record)).unwrap();
                std::hint::black_box(&out);
            }
            best = best.min(begin.elapsed().as_secs_f64() / 2_000.0);
        }
        let mut decoder = record::Decoder::default();
        let begin = Instant::now();
        for _ in 0..20_000 {
            std::hint::black_box(decoder.commit(1, &out[32..32 + out.len() - 32 - padding(&out)]).unwrap());
        }
        let decode = begin.elapsed().as_secs_f64() / 20_000.0;
        let rate = |seconds: f64| 1e-3 / seconds;
        println!(
            "{shape}: {:.2} bytes/point, encode + CRC {:.0} M points/s, decode {:.0} M points/s",
            f64::from(u32::try_from(out.len()).unwrap()) / 1e3,
            rate(best),
            rate(decode)
        );
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn search_behind_the_end_of_a_recycled_segment() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    for seq in 1..=5_000 {
        append(&mut wal, &[Owned { seq, ..time_major() }]);
    }
    let begin = Instant::now();
    let (mut points, first) = (0, wal.current());
    read_segment(&dir, UUID, first, SegmentEnd::Last, |record| {
        points += record.points.len();
        Ok(())
    })
    .unwrap();
    println!("read {points} points in {:?}", begin.elapsed());
    let second = wal.rotate().unwrap();
    wal.drop_below(second);
    let recycled = wal.rotate().unwrap();
    let stale_to = SegmentHeader::read(&dir, UUID, recycled).unwrap().stale_to;
    let begin = Instant::now();
    let (_, found) = read(&dir, recycled, SegmentEnd::Last).unwrap();
    println!("search {stale_to} bytes in {:?}: {:?}", begin.elapsed(), found.tail);
}

fn padding(frame: &[u8]) -> usize {
    let len = u32::from_le_bytes([frame[8], frame[9], frame[10], frame[11]]) as usize;
    frame.len() - 32 - len
}

/// A thousand series, each with one gauge value of one decimal, read within 50 ms of each other.
fn time_major() -> Owned {
    let mut batch = Owned::new(1, 1_000);
    for n in 0..1_000 {
        batch.series[n as usize] = SeriesId::new(n);
        batch.timestamps[n as usize] = 1_700_000_000_000_000_000 + i64::from(n.wrapping_mul(7_919) % 50) * 1_000_000;
        batch.bits[n as usize] = (f64::from(n.wrapping_mul(7_919) % 400) / 10.0 + 3.0).to_bits();
    }
    batch
}

fn one_series() -> Owned {
    let mut batch = time_major();
    batch.series.fill(SeriesId::new(7));
    for (at, n) in batch.timestamps.iter_mut().zip(0..) {
        *at = 1_700_000_000_000_000_000 + n * 10_000_000_000;
    }
    batch
}

fn random() -> Owned {
    let mut batch = time_major();
    for (n, bits) in batch.bits.iter_mut().enumerate() {
        *bits = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    batch
}
