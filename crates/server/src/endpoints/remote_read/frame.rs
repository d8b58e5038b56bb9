//! Frames of a streamed answer: length, checksum, message.

use prost::Message;
use prost::encoding::encode_varint;

use super::messages::ChunkedReadResponse;

/// Writes a frame: the length as a varint, the CRC-32C of the message in big endian, the message.
pub(super) fn put_frame(message: &ChunkedReadResponse, out: &mut Vec<u8>) {
    let bytes = message.encode_to_vec();
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    out.extend_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_length_checksum_and_message() {
        let mut out = Vec::new();
        put_frame(&ChunkedReadResponse { chunked_series: Vec::new(), query_index: 1 }, &mut out);
        let checksum = crc32c::crc32c(&[0x10, 1]).to_be_bytes();
        assert_eq!(out, [&[2][..], &checksum, &[0x10, 1]].concat());
        // The check value of CRC-32C.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }
}
