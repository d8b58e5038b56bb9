//! Requests of Prometheus' remote write protocol, version 0.1.0: protobuf in snappy's block format.

/// Samples of one series.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Labels in the order of their names, with `__name__`.
    pub(crate) labels: Vec<(String, String)>,
    /// Times in milliseconds, and values.
    pub(crate) samples: Vec<(i64, f64)>,
}

/// Largest literal that a tag with two bytes of length may have.
const MAX_LITERAL_BYTES: usize = 1 << 16;
/// Tag of a literal whose length less one follows in two bytes.
const LITERAL_TAG: u8 = 61 << 2;

/// Returns the body of a request.
pub(crate) fn write_request(series: &[Series]) -> Vec<u8> {
    let mut message = Vec::new();
    for one in series {
        let mut body = Vec::new();
        for (name, value) in &one.labels {
            let mut label = Vec::new();
            push_field(&mut label, 1, name.as_bytes());
            push_field(&mut label, 2, value.as_bytes());
            push_field(&mut body, 1, &label);
        }
        for (time, value) in &one.samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend(value.to_le_bytes());
            sample.push(2 << 3);
            push_varint(&mut sample, time.cast_unsigned());
            push_field(&mut body, 2, &sample);
        }
        push_field(&mut message, 1, &body);
    }
    snappy(&message)
}

/// Writes a field that has a length.
fn push_field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Returns bytes in snappy's block format, as literals alone.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16_384 + 16);
    push_varint(&mut out, bytes.len() as u64);
    for literal in bytes.chunks(MAX_LITERAL_BYTES) {
        out.push(LITERAL_TAG);
        out.extend(u16::try_from(literal.len() - 1).unwrap().to_le_bytes());
        out.extend(literal);
    }
    out
}
