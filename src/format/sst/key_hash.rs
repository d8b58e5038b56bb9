//! Hash of a series key, which files of level 0 store instead of the key.
//!
//! The hash is part of the file format: it is the same on every machine and in every release.

use crate::types::series::SeriesKey;

/// State of the hash function: 64-bit FNV-1a (Fowler, Noll, Vo; RFC 9923), without a seed. Keys are short, so the low
/// speed of FNV-1a does not matter.
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

/// Returns the hash of the canonical bytes of a key, folded to 16 bits by exclusive or.
///
/// The canonical bytes are the metric, and then for each tag in order of tag keys: 0xFF, tag key, 0xFF, tag value.
/// UTF-8 never contains 0xFF, so different keys have different canonical bytes.
pub(crate) fn key_hash(key: &SeriesKey) -> u16 {
    let hash = fnv1a(key).to_le_bytes();
    hash.as_chunks().0.iter().fold(0, |folded, half| folded ^ u16::from_le_bytes(*half))
}

/// Returns the hash of the canonical bytes of a key, not folded.
fn fnv1a(key: &SeriesKey) -> u64 {
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
    fn the_hash_never_changes() {
        // The first two are FNV's published test vectors.
        assert_eq!(fnv1a(&SeriesKey::new("a")), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(&SeriesKey::new("foobar")), 0x8594_4171_f739_67e8);
        assert_eq!(key_hash(&SeriesKey::new("a")), 0xaf63 ^ 0xdc4c ^ 0x8601 ^ 0xec8c);
        let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "north");
        assert_eq!(key_hash(&key), key_hash(&SeriesKey::new("temp").tag("roof", "north").tag("station", "JFK")));
    }

    #[test]
    fn the_boundaries_between_texts_change_the_hash() {
        let keys = [
            SeriesKey::new("m").tag("ab", "c"),
            SeriesKey::new("m").tag("a", "bc"),
            SeriesKey::new("ma").tag("b", "c"),
            SeriesKey::new("m").tag("abc", ""),
            SeriesKey::new("mabc"),
        ];
        let mut hashes: Vec<u64> = keys.iter().map(fnv1a).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), keys.len());
    }
}
