//! Encoder of Prometheus' XOR chunks.
//!
//! The format is that of Facebook's Gorilla ("Gorilla: A Fast, Scalable, In-Memory Time Series Database", Pelkonen et al.,
//! VLDB 2015) with times of milliseconds, as Prometheus' docs/format/chunks.md describes it under "XOR chunk data":
//!
//! ```text
//!   samples <u16, big endian>, t0 <zigzag varint>, v0 <64 bits>, t1 - t0 <varint>, v1 <xor>, { dod, v <xor> } ...
//!   dod  0                              the same distance as before
//!        10 <14>, 110 <17>, 1110 <20>   its change, in the smallest width that has it
//!        1111 <64>
//!   xor  0                              the same value
//!        10 <bits>                      the differing bits, in the window of the value before
//!        11 <leading zeros: 5> <length: 6> <bits>
//! ```

/// Leading zeros of a chunk whose window is not set yet.
const NO_WINDOW: u32 = u32::MAX;
/// Greatest number of leading zeros that five bits hold.
const MAX_LEADING: u32 = 31;

/// Chunk to which samples are appended.
#[derive(Debug)]
pub(super) struct XorChunk {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    free_bits: u32,
    samples: u16,
    first_time: i64,
    time: i64,
    distance: i64,
    value: u64,
    leading: u32,
    trailing: u32,
}

impl XorChunk {
    /// Creates an empty chunk.
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0, 0],
            free_bits: 0,
            samples: 0,
            first_time: 0,
            time: 0,
            distance: 0,
            value: 0,
            leading: NO_WINDOW,
            trailing: 0,
        }
    }

    /// Returns the number of samples.
    pub(super) fn samples(&self) -> u16 {
        self.samples
    }

    /// Returns the times of the first and the last sample, in milliseconds.
    pub(super) fn times(&self) -> (i64, i64) {
        (self.first_time, self.time)
    }

    /// Appends a sample, whose time is in milliseconds. A chunk has at most 65,535 samples; further ones are not taken.
    pub(super) fn push(&mut self, time: i64, value: f64) {
        let Some(samples) = self.samples.checked_add(1) else { return };
        let bits = value.to_bits();
        match self.samples {
            0 => {
                self.first_time = time;
                // Zigzag: small numbers of either sign are short.
                #[expect(clippy::cast_sign_loss, reason = "the bits are what is encoded")]
                self.put_varint(((time << 1) ^ (time >> 63)) as u64);
                self.put_bits(bits, 64);
            }
            1 => {
                self.distance = time.wrapping_sub(self.time);
                #[expect(clippy::cast_sign_loss, reason = "times ascend")]
                self.put_varint(self.distance as u64);
                self.put_value(bits);
            }
            _ => {
                let distance = time.wrapping_sub(self.time);
                self.put_change(distance.wrapping_sub(self.distance));
                self.distance = distance;
                self.put_value(bits);
            }
        }
        (self.samples, self.time, self.value) = (samples, time, bits);
    }

    /// Returns the bytes of the chunk.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes[..2].copy_from_slice(&self.samples.to_be_bytes());
        self.bytes
    }

    fn put_change(&mut self, change: i64) {
        if change == 0 {
            return self.put_bits(0, 1);
        }
        #[expect(clippy::cast_sign_loss, reason = "the bits are what is encoded")]
        let bits = change as u64;
        for (prefix, prefix_len, width) in [(0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)] {
            let greatest = 1_i64 << (width - 1);
            if (1 - greatest..=greatest).contains(&change) {
                self.put_bits(prefix, prefix_len);
                return self.put_bits(bits, width);
            }
        }
        self.put_bits(0b1111, 4);
        self.put_bits(bits, 64);
    }

    fn put_value(&mut self, bits: u64) {
        let difference = bits ^ self.value;
        if difference == 0 {
            return self.put_bits(0, 1);
        }
        let leading = difference.leading_zeros().min(MAX_LEADING);
        let trailing = difference.trailing_zeros();
        if self.leading != NO_WINDOW && leading >= self.leading && trailing >= self.trailing {
            self.put_bits(0b10, 2);
            return self.put_bits(difference >> self.trailing, 64 - self.leading - self.trailing);
        }
        (self.leading, self.trailing) = (leading, trailing);
        let len = 64 - leading - trailing;
        self.put_bits(0b11, 2);
        self.put_bits(u64::from(leading), 5);
        // A length of 64 is written as 0.
        self.put_bits(u64::from(len), 6);
        self.put_bits(difference >> trailing, len);
    }

    /// Writes a varint of whole bytes, which need not begin at a byte of the chunk.
    fn put_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.put_bits(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.put_bits(number, 8);
    }

    /// Writes the last `count` bits of a number, the highest first.
    fn put_bits(&mut self, bits: u64, mut count: u32) {
        while count > 0 {
            if self.free_bits == 0 {
                self.bytes.push(0);
                self.free_bits = 8;
            }
            let taken = count.min(self.free_bits);
            let part = (bits >> (count - taken)) & ((1 << taken) - 1);
            if let (Some(last), Ok(part)) = (self.bytes.last_mut(), u8::try_from(part << (self.free_bits - taken))) {
                *last |= part;
            }
            self.free_bits -= taken;
            count -= taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_the_bytes_of_the_format() {
        let mut chunk = XorChunk::new();
        assert_eq!(XorChunk::new().finish(), [0, 0]);
        chunk.push(-1, 1.0);
        chunk.push(299, 1.0);
        // 300 = 0b10_0101100; a change of -1 in 14 bits; 2.0 ^ 1.0 has 1 leading zero and 11 bits at 52.
        chunk.push(598, 2.0);
        assert_eq!((chunk.samples(), chunk.times()), (3, (-1, 598)));
        let bits = [
            "00000000",
            "00000011", // three samples
            "00000001", // zigzag -1
            "00111111",
            "11110000",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000000", // 1.0
            "10101100",
            "00000010", // varint 300
            "0",        // the same value
            "10",
            "11111111111111", // -1
            "11",
            "00001",
            "001011",
            "11111111111", // bits 52 to 62 differ
        ];
        let mut text = bits.concat();
        text.push_str(&"0".repeat((8 - text.len() % 8) % 8));
        let expected: Vec<u8> = text
            .as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect();
        assert_eq!(chunk.finish(), expected);
    }
}
