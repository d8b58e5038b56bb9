//! A client of remote read, with a decoder of its own for frames and XOR chunks.

use prost::Message;

use crate::remote_write_messages::{Label, TimeSeries};

/// Labels and samples of a series.
pub(crate) type ReadSeries = (Vec<(String, String)>, Vec<(i64, f64)>);

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) queries: Vec<Query>,
    #[prost(int32, repeated, tag = "2")]
    pub(crate) accepted_response_types: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Query {
    #[prost(int64, tag = "1")]
    start: i64,
    #[prost(int64, tag = "2")]
    end: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<Matcher>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Matcher {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, Message)]
struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    series: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct ChunkedReadResponse {
    #[prost(message, repeated, tag = "1")]
    series: Vec<ChunkedSeries>,
    #[prost(int64, tag = "2")]
    query: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ChunkedSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    chunks: Vec<Chunk>,
}

#[derive(Clone, PartialEq, Message)]
struct Chunk {
    #[prost(int64, tag = "1")]
    first: i64,
    #[prost(int64, tag = "2")]
    last: i64,
    #[prost(int32, tag = "3")]
    encoding: i32,
    #[prost(bytes = "vec", tag = "4")]
    data: Vec<u8>,
}

/// Returns a query of milliseconds, both inclusive.
pub(crate) fn query(start: i64, end: i64, matchers: Vec<Matcher>) -> Query {
    Query { start, end, matchers }
}

/// Returns a matcher: 0 is `=`, 1 `!=`, 2 `=~`, 3 `!~`.
pub(crate) fn matcher(kind: i32, name: &str, value: &str) -> Matcher {
    Matcher { kind, name: name.to_owned(), value: value.to_owned() }
}

impl ReadRequest {
    /// Returns the body of the request.
    pub(crate) fn to_body(&self) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(&self.encode_to_vec()).unwrap()
    }
}

/// Reads an answer with samples; the series of each query.
pub(crate) fn read_samples(body: &[u8]) -> Vec<Vec<ReadSeries>> {
    let message = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let response = ReadResponse::decode(message.as_slice()).unwrap();
    let series = |series: TimeSeries| {
        let samples = series.samples.iter().map(|sample| (sample.timestamp, sample.value)).collect();
        (labels(series.labels), samples)
    };
    response.results.into_iter().map(|result| result.series.into_iter().map(series).collect()).collect()
}

/// Reads an answer of frames; the series of each query.
pub(crate) fn read_chunks(body: &[u8], queries: usize) -> Vec<Vec<ReadSeries>> {
    let mut found: Vec<Vec<ReadSeries>> = vec![Vec::new(); queries];
    for frame in frames(body) {
        let list = &mut found[usize::try_from(frame.query).unwrap()];
        for series in frame.series {
            let labels = labels(series.labels);
            if list.last().is_none_or(|(known, _)| *known != labels) {
                list.push((labels, Vec::new()));
            }
            let samples = &mut list.last_mut().unwrap().1;
            for chunk in series.chunks {
                assert_eq!(chunk.encoding, 1);
                let decoded = decode_xor(&chunk.data);
                assert_eq!((decoded[0].0, decoded.last().unwrap().0), (chunk.first, chunk.last));
                samples.extend(decoded);
            }
        }
    }
    found
}

/// Returns the bytes of each chunk of an answer of frames.
#[allow(dead_code, reason = "for the program that compares them with those of Prometheus")]
pub(crate) fn chunk_bytes(body: &[u8]) -> Vec<Vec<u8>> {
    let series = frames(body).into_iter().flat_map(|frame| frame.series);
    series.flat_map(|series| series.chunks).map(|chunk| chunk.data).collect()
}

fn frames(mut body: &[u8]) -> Vec<ChunkedReadResponse> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        let len = usize::try_from(prost::encoding::decode_varint(&mut body).unwrap()).unwrap();
        let (checksum, rest) = body.split_at(4);
        let (message, rest) = rest.split_at(len);
        assert_eq!(checksum, crc32c::crc32c(message).to_be_bytes());
        body = rest;
        frames.push(ChunkedReadResponse::decode(message).unwrap());
    }
    frames
}

fn labels(labels: Vec<Label>) -> Vec<(String, String)> {
    labels.into_iter().map(|label| (label.name, label.value)).collect()
}

/// Bits of a chunk, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> bool {
        let byte = self.bytes[self.next / 8];
        self.next += 1;
        byte >> (7 - (self.next - 1) % 8) & 1 == 1
    }

    fn take(&mut self, count: u32) -> u64 {
        (0..count).fold(0, |bits, _| bits << 1 | u64::from(self.bit()))
    }

    fn varint(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.take(8);
            number |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }
}

#[allow(clippy::cast_possible_wrap, reason = "the bits of signed numbers")]
fn decode_xor(data: &[u8]) -> Vec<(i64, f64)> {
    let count = u16::from_be_bytes([data[0], data[1]]);
    let mut bits = Bits { bytes: &data[2..], next: 0 };
    let (mut time, mut distance, mut value, mut window) = (0_i64, 0_i64, 0_u64, (0_u32, 0_u32));
    let mut samples = Vec::new();
    for number in 0..count {
        match number {
            0 => {
                let zigzag = bits.varint();
                time = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                value = bits.take(64);
            }
            1 => distance = bits.varint() as i64,
            _ => {
                let ones = (0..4).take_while(|_| bits.bit()).count();
                let width = [0, 14, 17, 20, 64][ones];
                let mut change = bits.take(width) as i64;
                if (1..64).contains(&width) && change > 1 << (width - 1) {
                    change -= 1 << width;
                }
                distance += change;
            }
        }
        time += distance;
        if number > 0 && bits.bit() {
            if bits.bit() {
                let leading = u32::try_from(bits.take(5)).unwrap();
                let len = u32::try_from(bits.take(6)).unwrap();
                window = (leading, 64 - leading - if len == 0 { 64 } else { len });
            }
            value ^= bits.take(64 - window.0 - window.1) << window.1;
        }
        samples.push((time, f64::from_bits(value)));
    }
    samples
}
