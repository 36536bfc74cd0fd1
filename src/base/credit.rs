//! When it pays to remember what was read: while enough of what follows is like it.

/// What remembering one costs, in those that have to be like it; what there is at first, and at most.
const PRICE: u32 = 4;
const START: u32 = 64;
const MOST: u32 = 256;

/// Runs out where few are alike.
#[derive(Debug)]
pub(crate) struct Credit(u32);

impl Default for Credit {
    fn default() -> Self {
        Self(START)
    }
}

impl Credit {
    /// One was like one that is remembered.
    pub(crate) fn earn(&mut self) {
        self.0 = (self.0 + 1).min(MOST);
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.0 >= PRICE
    }

    /// One is remembered.
    pub(crate) fn spend(&mut self) {
        self.0 = self.0.saturating_sub(PRICE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_as_long_as_enough_are_alike() {
        let mut credit = Credit::default();
        for _ in 0..1_000 {
            assert!(credit.is_enough());
            credit.spend();
            (0..PRICE).for_each(|_| credit.earn());
        }
        for _ in 0..START / PRICE {
            assert!(credit.is_enough());
            credit.spend();
        }
        assert!(!credit.is_enough());
    }
}
