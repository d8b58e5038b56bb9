//! Seeded pseudo-random numbers.

/// Splitmix64 generator: the same seed gives the same numbers.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`.
    #[allow(dead_code, reason = "not every test binary draws from a range")]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
