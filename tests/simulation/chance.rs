//! Chance that can be repeated: numbers from a seed, and decisions that depend on a name alone.

/// Numbers from a seed (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.0)
    }

    /// From 0 to `end`, without `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// A number that belongs to this seed and these words: what happens to a step does not depend on when it happens.
pub(crate) fn fate(seed: u64, name: &str, what: &str, number: u64) -> u64 {
    let mut state = mixed(seed ^ 0xA5A5);
    for byte in name.bytes().chain([0]).chain(what.bytes()) {
        state = mixed(state ^ u64::from(byte));
    }
    mixed(state ^ number)
}
