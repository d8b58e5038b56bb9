//! File bytes with their hash, and the hash function and random numbers of the simulated disk.
//!
//! The hash and the generator are not cryptographic: they are fast and give equal results on every machine.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

/// Bytes of a file with their hash, which is computed once.
#[derive(Default)]
pub struct FileBytes {
    bytes: Vec<u8>,
    hash: OnceLock<u64>,
}

impl FileBytes {
    /// Hash of the bytes; equal bytes have equal hashes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| hash_bytes(0, &self.bytes))
    }

    /// Writes bytes at an offset. Bytes between the old end and the offset become zeros.
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

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, hash: OnceLock::new() }
    }
}

impl Clone for FileBytes {
    fn clone(&self) -> Self {
        self.bytes.clone().into()
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for FileBytes {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for FileBytes {}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, hash {:016x}", self.bytes.len(), self.hash())
    }
}

/// Adds one number to a rolling hash.
pub(super) fn mix_hash(hash: u64, number: u64) -> u64 {
    (hash.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Hashes eight bytes at a time, because enumeration hashes every image.
pub(super) fn hash_bytes(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = words.iter().fold(hash, |hash, word| mix_hash(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash = mix_hash(hash, u64::from_le_bytes(last));
    // The length distinguishes a tail of zeros from a missing tail. The last steps mix high bits into low bits.
    hash = mix_hash(hash, len_u64(bytes.len()));
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

pub(super) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).expect("no machine has lengths beyond 64 bits")
}

/// Seeded random numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct SeededRng(u64);

impl SeededRng {
    /// Creates a generator; the same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below the bound. The bound must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }

    /// Returns a number from zero to the bound, both included.
    pub(crate) fn up_to(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(len_u64(bound).saturating_add(1))).expect("it is at most a usize")
    }
}
