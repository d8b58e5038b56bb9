//! The 64-bit hash that stands for a series' key in files of level 0, where whole keys would outweigh the points.
//! Promises the same number on every machine and in every release: it is part of the file format.

use crate::series::SeriesKey;

/// FNV-1a, 64 bits (Fowler, Noll and Vo; RFC 9923): no seed, and a key is short enough that its pace does not count.
struct Fnv1a(u64);

impl Fnv1a {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(Self::PRIME);
        }
    }
}

/// The hash of a key's canonical bytes: its metric name, then of each tag, in order of tag keys, key and value, each text
/// preceded by the byte 0xFF save the first. That byte occurs in no UTF-8, so no two keys share their bytes.
pub(crate) fn key_hash(key: &SeriesKey) -> u64 {
    let mut hash = Fnv1a(Fnv1a::OFFSET_BASIS);
    hash.write(key.metric().as_bytes());
    for text in key.tags().flat_map(|(key, value)| [key, value]) {
        hash.write(&[0xff]);
        hash.write(text.as_bytes());
    }
    hash.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fixed_for_ever() {
        // The first two are FNV's published test vectors.
        assert_eq!(key_hash(&SeriesKey::new("a")), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(key_hash(&SeriesKey::new("foobar")), 0x8594_4171_f739_67e8);
        let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "north");
        assert_eq!(key_hash(&key), key_hash(&SeriesKey::new("temp").tag("roof", "north").tag("station", "JFK")));
    }

    #[test]
    fn where_one_text_ends_and_the_next_begins_matters() {
        let keys = [
            SeriesKey::new("m").tag("ab", "c"),
            SeriesKey::new("m").tag("a", "bc"),
            SeriesKey::new("ma").tag("b", "c"),
            SeriesKey::new("m").tag("abc", ""),
            SeriesKey::new("mabc"),
        ];
        let mut hashes: Vec<u64> = keys.iter().map(key_hash).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), keys.len());
    }
}
