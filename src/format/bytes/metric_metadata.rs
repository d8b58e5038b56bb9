//! Encoding of a change of the metadata of a metric, the same in the WAL and in the manifest.

use super::{ByteReader, DecodeResult, put_text, read_text};
use crate::state::metric_metadata::MetadataChange;
use crate::types::metric_metadata::{MetricKind, MetricMetadata, check_metric_name};

/// Minimum length of an encoded change, in bytes: length and one byte of the metric name, a kind and two lengths.
pub(crate) const MIN_METADATA_CHANGE_BYTES: usize = 5;

/// Appends a change: metric name, kind, unit and description.
pub(crate) fn put_metadata_change(out: &mut Vec<u8>, change: &MetadataChange) {
    put_text(out, &change.metric);
    out.push(change.metadata.kind.code());
    put_text(out, &change.metadata.unit);
    put_text(out, &change.metadata.description);
}

/// Reads a change and checks the rules that every write checks.
pub(crate) fn read_metadata_change(reader: &mut ByteReader<'_>) -> DecodeResult<MetadataChange> {
    let metric = read_text(reader)?.to_owned();
    check_metric_name(&metric).map_err(|error| error.to_string())?;
    let code = reader.u8()?;
    let kind = MetricKind::from_code(code).ok_or_else(|| format!("unknown kind {code} of a metric"))?;
    let metadata = MetricMetadata::new(kind).with_unit(read_text(reader)?).with_description(read_text(reader)?);
    metadata.validate().map_err(|error| error.to_string())?;
    Ok(MetadataChange { metric, metadata })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_these_bytes_and_a_broken_rule_is_refused() {
        let metadata = MetricMetadata::new(MetricKind::Counter).with_unit("s").with_description("up");
        let change = MetadataChange { metric: "cpu".to_owned(), metadata };
        let mut bytes = Vec::new();
        put_metadata_change(&mut bytes, &change);
        assert_eq!(bytes, b"\x03cpu\x02\x01s\x02up");
        let read = |bytes: &[u8]| read_metadata_change(&mut ByteReader::new(bytes));
        assert_eq!(read(&bytes), Ok(change));
        assert!(bytes.len() >= MIN_METADATA_CHANGE_BYTES && read(b"\x01m\x00\x00\x00").is_ok());
        for bad in [&b"\x00\x00\x00\x00"[..], b"\x01m\x08\x00\x00", b"\x01m\x00\x01\x07\x00", b"\x01m\x00\x00"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
