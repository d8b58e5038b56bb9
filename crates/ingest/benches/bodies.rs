//! Decoding of remote write and OTLP for series that are known: nanoseconds per sample, and as a part of the time that
//! prost takes to decode the same body into messages with owned texts.
//!
//! `cargo bench -p timestrata-ingest --bench bodies`

mod messages;

use std::hint::black_box;
use std::time::Instant;

use messages::{MetricsRequest, Request, WriteRequest};
use prost::Message;
use timestrata_ingest::bodies::{BodySummary, OtlpOptions, RemoteWriteVersion, decode_otlp, decode_remote_write};
use timestrata_ingest::{IngestError, Limits, Rows, SeriesTable};

/// Series of a body.
const SERIES: usize = 1_000;
/// Samples that a measurement decodes at least.
const SAMPLES: usize = 2_000_000;

fn main() {
    println!("{:28} {:>10} {:>10} {:>10} {:>10}", "1,000 known series", "bytes", "ns/sample", "prost ns", "ratio");
    for samples in [1, 2, 5, 10] {
        let request = WriteRequest::of_nodes(SERIES, samples);
        let v2 = Request::from_v1(&request).encode_to_vec();
        let v1 = request.encode_to_vec();
        report(
            &format!("remote write 1.0 x {samples}"),
            &v1,
            SERIES * samples,
            prost_ns::<WriteRequest>,
            |table, rows| decode_remote_write(&v1, RemoteWriteVersion::V1, &Limits::default(), table, rows),
        );
        report(&format!("remote write 2.0 x {samples}"), &v2, SERIES * samples, prost_ns::<Request>, |table, rows| {
            decode_remote_write(&v2, RemoteWriteVersion::V2, &Limits::default(), table, rows)
        });
    }
    let otlp = MetricsRequest::of_gauges(SERIES).encode_to_vec();
    report("OTLP gauges x 1", &otlp, SERIES, prost_ns::<MetricsRequest>, |table, rows| {
        decode_otlp(&otlp, OtlpOptions::default(), &Limits::default(), table, rows)
    });
}

/// Measures a decoder whose series are known, and prints it beside prost.
fn report(
    title: &str,
    body: &[u8],
    samples: usize,
    prost: impl Fn(&[u8], usize) -> f64,
    decode: impl Fn(&SeriesTable, &mut Rows) -> Result<BodySummary, IngestError>,
) {
    let table = SeriesTable::new(64 << 20);
    let mut rows = Rows::default();
    let known = decode(&table, &mut rows).expect("the body is good");
    assert_eq!((known.samples, known.refused.total()), (samples as u64, 0));
    let own = fastest(samples, || {
        rows.reset();
        black_box(decode(&table, &mut rows).expect("the body is good"));
    });
    let other = prost(body, samples);
    println!("{title:28} {:10} {own:10.1} {other:10.1} {:10.3}", body.len(), own / other);
}

fn prost_ns<M: Message + Default>(body: &[u8], samples: usize) -> f64 {
    fastest(samples, || {
        black_box(M::decode(body).expect("the body is good"));
    })
}

/// Returns the nanoseconds per sample of the fastest of five measurements.
fn fastest(samples: usize, mut run: impl FnMut()) -> f64 {
    let repeats = (SAMPLES / samples).max(1);
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..repeats {
            run();
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let nanos = start.elapsed().as_nanos() as f64 / (repeats * samples) as f64;
        best = best.min(nanos);
    }
    best
}
