use std::io::{ErrorKind, Read, Write};

use proptest::prelude::*;

use super::*;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 1).unwrap()
}

fn read(input: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    Decompressor::new(input, limit)?.read_to_end(&mut plain)?;
    Ok(plain)
}

#[test]
fn members_and_frames_that_follow_each_other_are_one_input() {
    assert_eq!(read(&[gzip(b"time,"), gzip(b"v\n")].concat(), 100).unwrap(), b"time,v\n");
    assert_eq!(read(&[zstd_frame(b"time,"), zstd_frame(b"v\n")].concat(), 100).unwrap(), b"time,v\n");
    let skippable = [&[0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 7, 7], &zstd_frame(b"x")[..]].concat();
    assert_eq!(read(&skippable, 100).unwrap(), b"x");
    assert_eq!(read(b"", 100).unwrap(), b"");
    assert_eq!(read(b"\x1F", 100).unwrap(), b"\x1F");
}

#[test]
fn an_input_that_is_cut_off_is_an_error_at_every_length() {
    let plain: Vec<u8> = (0..2000_u32).flat_map(|n| format!("{n},").into_bytes()).collect();
    for whole in [gzip(&plain), zstd_frame(&plain)] {
        assert_eq!(read(&whole, u64::MAX).unwrap(), plain);
        for len in (Compression::MAGIC_BYTES..whole.len()).step_by(7).chain([whole.len() - 1]) {
            let error = read(&whole[..len], u64::MAX).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{len}: {error}");
            assert!(error.to_string().contains("cut off"), "{error}");
        }
    }
}

#[test]
fn the_limit_and_a_second_compression_are_errors() {
    let bomb = vec![0; 1 << 20];
    for body in [gzip(&bomb), zstd_frame(&bomb)] {
        let message = read(&body, 1000).unwrap_err().to_string();
        assert!(message.contains("larger than 1000 bytes"), "{message}");
        assert!(read(&body, 1 << 20).is_ok());
    }
    for inner in [gzip(b"x"), zstd_frame(b"x")] {
        for outer in [gzip(&inner), zstd_frame(&inner)] {
            let message = read(&outer, 1000).unwrap_err().to_string();
            assert!(message.contains("decompress it first"), "{message}");
        }
    }
}

#[test]
fn bodies_are_decompressed_by_their_content_encoding() {
    let snappy = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
    for (compression, body) in [
        (Compression::Gzip, gzip(b"hello hello hello")),
        (Compression::Zstd, zstd_frame(b"hello hello hello")),
        (Compression::Snappy, snappy),
    ] {
        assert_eq!(Compression::from_content_encoding(compression.as_str()).unwrap(), Some(compression));
        assert_eq!(decompress_body(compression, &body, 100).unwrap(), b"hello hello hello");
        assert!(decompress_body(compression, &body, 10).unwrap_err().message.contains("larger than 10"));
        assert!(decompress_body(compression, &body[..body.len() - 1], 100).is_err());
    }
    assert!(Compression::from_content_encoding("br").is_err());
    assert!(decompress_body(Compression::Gzip, b"plain", 100).is_err());
    // A length of 4 GiB in a body of six bytes.
    assert!(decompress_body(Compression::Snappy, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0], u64::MAX).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_decompressed_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        at in 0..60_usize,
        plain in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        for mut body in [gzip(&plain), zstd_frame(&plain), snap::raw::Encoder::new().compress_vec(&plain).unwrap()] {
            let len = body.len();
            body[at % len] ^= 1;
            let _ = read(&body, 1000);
            let _ = decompress_body(Compression::Snappy, &body, 1000);
        }
        let _ = read(&bytes, 1000);
        let _ = decompress_body(Compression::Snappy, &bytes, 1000);
        for magic in [GZIP_MAGIC, ZSTD_MAGIC] {
            let _ = read(&[magic, &bytes].concat(), 1000);
        }
    }
}
