//! A file's bytes as values that are shared until one of them changes, and the hashes and chance of the simulated disk.
//! Not cryptographic: fast, and the same on every machine.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// A file's bytes together with their hash, which is worked out once.
#[derive(Default)]
pub struct Bytes {
    bytes: Vec<u8>,
    hash: OnceLock<u64>,
}

impl Bytes {
    /// Equal for equal bytes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| hash_bytes(0, &self.bytes))
    }

    /// Bytes between the end and the offset become zeros.
    pub(super) fn overwrite(&mut self, offset: usize, bytes: &[u8]) {
        self.hash = OnceLock::new();
        overwrite(&mut self.bytes, offset, bytes);
    }

    pub(super) fn resize(&mut self, len: usize) {
        self.hash = OnceLock::new();
        self.bytes.resize(len, 0);
    }
}

pub(super) fn overwrite(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, hash: OnceLock::new() }
    }
}

impl Clone for Bytes {
    fn clone(&self) -> Self {
        self.bytes.clone().into()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, hash {:016x}", self.bytes.len(), self.hash())
    }
}

/// One more number in a rolling hash.
pub(super) fn mix(hash: u64, number: u64) -> u64 {
    (hash.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Eight bytes at a time: enumeration hashes every image.
pub(super) fn hash_bytes(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = mix(hash, u64::from_le_bytes(last));
    // The length tells a tail of zeros from its absence; the last steps let high bits reach low ones.
    hash = mix(hash, number(bytes.len()));
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

pub(super) fn number(len: usize) -> u64 {
    u64::try_from(len).expect("no machine has lengths beyond 64 bits")
}

/// Numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the bound, which is not zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// A number from zero to the bound, the bound included.
    pub(crate) fn up_to(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(number(bound).saturating_add(1))).expect("it is at most a usize")
    }
}
