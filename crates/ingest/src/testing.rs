//! Entry points for fuzzing. They may change in any release.

mod decoded;

use std::io::Read as _;

use timestrata::Timestamp;

pub use decoded::{DecodedInput, decode_pieces, encode_point, value_text};

use crate::bodies::{OtlpOptions, RemoteWriteVersion, decode_otlp, decode_otlp_json, decode_remote_write};
use crate::formats::{StatsdAggregator, StatsdOptions};
use crate::{
    Compression, Decompressor, Format, IngestOptions, Limits, Rows, SeriesTable, TextValues, decompress_body, formats,
};

/// Function that takes any bytes, and panics if a decoder breaks a promise.
pub type EntryPoint = fn(&[u8]);

/// Entry points by the names of their fuzz targets.
pub const ENTRY_POINTS: [(&str, EntryPoint); 14] = [
    ("ingest_annotated_csv", annotated_csv),
    ("ingest_bodies", bodies),
    ("ingest_collectd", collectd),
    ("ingest_collectd_json", collectd_json),
    ("ingest_compression", compression),
    ("ingest_graphite", graphite),
    ("ingest_json", json),
    ("ingest_line_protocol", line_protocol),
    ("ingest_openmetrics", openmetrics),
    ("ingest_prometheus", prometheus),
    ("ingest_sadf", sadf),
    ("ingest_sadf_p", sadf_p),
    ("ingest_statsd", statsd),
    ("ingest_statsd_aggregator", statsd_aggregator),
];

macro_rules! entry_points {
    ($($name:ident => $format:ident),* $(,)?) => {$(
        #[doc = concat!("Decodes an input as `", stringify!($format), "`.")]
        pub fn $name(data: &[u8]) {
            check(&formats::$format, data);
        }
    )*};
}

entry_points! {
    annotated_csv => AnnotatedCsv,
    collectd => CollectdLines,
    collectd_json => CollectdJson,
    graphite => Graphite,
    json => Json,
    line_protocol => LineProtocol,
    openmetrics => OpenMetrics,
    prometheus => PrometheusText,
    sadf => SadfDatabase,
    sadf_p => SadfPretty,
    statsd => Statsd,
}

/// Decodes an input at once and in pieces, whose size is the first byte, and compares the results.
fn check(format: &dyn Format, data: &[u8]) {
    let Some((size, input)) = data.split_first() else {
        return;
    };
    let _ = format.sniff(input);
    let whole = decode(format, input, input.len().max(1), usize::MAX);
    let size = usize::from(*size).max(1);
    assert_eq!(decode(format, input, size, size), whole, "the result depends on the pieces");
}

/// Decompresses a stream and bodies.
///
/// # Panics
///
/// If more than the limit comes out.
pub fn compression(data: &[u8]) {
    const LIMIT: u64 = 1 << 20;
    let mut plain = Vec::new();
    if let Ok(reader) = Decompressor::new(data, LIMIT) {
        // The read that exceeds the limit fails.
        let _ = reader.take(4 * LIMIT).read_to_end(&mut plain);
    }
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Snappy] {
        let body = decompress_body(compression, data, LIMIT);
        assert!(body.is_err() || body.is_ok_and(|body| body.len() as u64 <= LIMIT), "more came out than the limit");
    }
}

/// Decodes bodies of remote write and OTLP, each twice.
///
/// # Panics
///
/// If the second result differs, whose series are known.
pub fn bodies(data: &[u8]) {
    let limits = Limits::default();
    let table = SeriesTable::new(1 << 20);
    let decode = |at: usize| {
        let mut rows = Rows::default();
        let options = OtlpOptions::default();
        let result = match at {
            0 => decode_remote_write(data, RemoteWriteVersion::V1, &limits, &table, &mut rows),
            1 => decode_remote_write(data, RemoteWriteVersion::V2, &limits, &table, &mut rows),
            2 => decode_otlp(data, options, &limits, &table, &mut rows),
            _ => decode_otlp_json(data, options, &limits, &table, &mut rows),
        };
        // Metadata is handed out once.
        let summary = result.map(|summary| (summary.samples, summary.histograms, summary.exemplars, summary.refused));
        let points: Vec<_> = rows
            .point_series()
            .iter()
            .map(|series| rows.series(*series).key().clone())
            .zip(rows.timestamps().to_vec())
            .collect();
        (summary, points)
    };
    for at in 0..4 {
        assert_eq!(decode(at), decode(at), "known series change the result");
    }
}

/// Aggregates packets, which end at the byte 0, with a flush after every eighth.
///
/// # Panics
///
/// If the aggregator holds more series than its limit, or a flush has two points of one series at its time.
pub fn statsd_aggregator(data: &[u8]) {
    const SERIES: usize = 64;
    let mut options = StatsdOptions::default();
    (options.max_series, options.max_items, options.max_timed_points) = (SERIES, 256, 64);
    let mut aggregator = StatsdAggregator::new(options);
    let mut rows = Rows::default();
    for (number, packet) in (1_i64..).zip(data.split(|byte| *byte == 0)) {
        aggregator.packet(packet);
        assert!(aggregator.series_len() <= SERIES, "{} series", aggregator.series_len());
        if number % 8 == 0 {
            rows.reset();
            aggregator.flush(Timestamp::from_secs(number), &mut rows);
        }
    }
    rows.reset();
    aggregator.flush(Timestamp::UNIX_EPOCH, &mut rows);
}

/// Returns points, refused rows, the error and notices as lines of text.
fn decode(format: &dyn Format, input: &[u8], size: usize, batch: usize) -> Vec<String> {
    let mut options = IngestOptions {
        default_time: Some(Timestamp::UNIX_EPOCH),
        text: TextValues::Skip,
        precision: Some(crate::Precision::Nanoseconds),
        ..IngestOptions::default()
    };
    options.limits.row_bytes = 4096;
    let planned = format.planner(&options).and_then(|mut planner| {
        planner.push(input);
        planner.finish(true)
    });
    let mut decoder = match planned {
        Ok(decoder) => decoder,
        Err(error) => return vec![error.to_string()],
    };
    let found = decode_pieces(&mut *decoder, input, size, batch);
    let points = found.points.iter().map(|(key, time, value)| format!("{key} {time} {value}"));
    let refused = found.refused.iter().map(|(line, reason)| format!("{line}: {reason}"));
    points.chain(refused).chain(found.error.iter().map(ToString::to_string)).chain(found.notices.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_input_of_the_fuzz_corpus_is_decoded_or_refused() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        for (target, entry_point) in ENTRY_POINTS {
            assert!(fuzz.join(format!("fuzz_targets/{target}.rs")).exists(), "no fuzz target {target}");
            let mut count = 0;
            for folder in [fuzz.join("corpus").join(target), fuzz.join("regressions").join(target)] {
                for entry in std::fs::read_dir(folder).into_iter().flatten() {
                    let path = entry.unwrap().path();
                    let input = std::fs::read(&path).unwrap();
                    let outcome = std::panic::catch_unwind(|| entry_point(&input));
                    assert!(outcome.is_ok(), "{} breaks a promise of {target}", path.display());
                    count += 1;
                }
            }
            assert!(count > 0, "no corpus for {target}");
        }
    }
}
