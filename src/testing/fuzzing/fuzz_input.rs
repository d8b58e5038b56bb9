//! Reader of fuzz input: turns bytes into choices.
//!
//! Every input is valid, so that no run of the fuzzer is wasted.

/// The unread rest of a fuzz input. Reads beyond its end return zero or empty values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FuzzInput<'a>(&'a [u8]);

impl<'a> FuzzInput<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Reads one byte as up to eight flags, lowest bit first.
    pub(crate) fn flags<const N: usize>(&mut self) -> [bool; N] {
        let byte = self.byte();
        std::array::from_fn(|bit| byte >> bit & 1 == 1)
    }

    /// Reads eight bytes, little-endian.
    pub(crate) fn word(&mut self) -> u64 {
        let mut word = [0; 8];
        let taken = self.bytes(8);
        word[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(word)
    }

    /// Reads two bytes, little-endian.
    pub(crate) fn short(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    /// Reads a number that is small in most cases, else a boundary value or any 64-bit value.
    ///
    /// Eight plain bytes would almost never be a small number.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=0xef => u64::from(small),
            0xf0 => u64::MAX,
            0xf1 => u64::MAX - 1,
            0xf2 => i64::MAX.cast_unsigned(),
            0xf3 => i64::MIN.cast_unsigned(),
            0xf4 => u64::from(u32::MAX),
            0xf5 => 1 << 31,
            0xf6 => (1 << 31) - 1,
            0xf7 => 1 << 32,
            0xf8 => u64::from(u16::MAX),
            0xf9 => self.short() as u64,
            0xfa => u64::MAX - self.short() as u64,
            _ => self.word(),
        }
    }

    /// Reads at most `max_len` bytes.
    pub(crate) fn bytes(&mut self, max_len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(max_len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Reads a length of two bytes, then at most that many bytes.
    pub(crate) fn byte_run(&mut self) -> &'a [u8] {
        let len = self.short();
        self.bytes(len)
    }

    /// Returns all unread bytes.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
