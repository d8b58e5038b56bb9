//! A fuzzer's bytes read as choices: a total function, so that every input means something and none is wasted.

/// What is left of the bytes; behind their end everything is zero or empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Whether the bit of a byte is set, for a handful of choices in one.
    pub(crate) fn flags<const N: usize>(&mut self) -> [bool; N] {
        let byte = self.byte();
        std::array::from_fn(|bit| byte >> bit & 1 == 1)
    }

    pub(crate) fn word(&mut self) -> u64 {
        let mut word = [0; 8];
        let taken = self.bytes(8);
        word[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(word)
    }

    pub(crate) fn short(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    /// A number: mostly a small one, else an end of a range or any at all. Eight plain bytes would hardly ever be small.
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

    /// At most so many bytes.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A length, and so many bytes.
    pub(crate) fn run(&mut self) -> &'a [u8] {
        let len = self.short();
        self.bytes(len)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
