//! From the least to the most.

/// A size or a cost that is not known exactly. Arithmetic stops at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    pub min: u64,
    pub max: u64,
}

/// What an evaluation may cost.
pub type Estimate = Interval;

impl Interval {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { min: 0, max: u64::MAX };
    pub(super) const ZERO: Self = Self::exactly(0);
    pub(super) const ONE: Self = Self::exactly(1);
    /// Less than anything: the start of a union.
    pub(super) const NOTHING: Self = Self { min: u64::MAX, max: 0 };

    pub const fn exactly(value: u64) -> Self {
        Self { min: value, max: value }
    }

    pub fn up_to(max: u64) -> Self {
        Self { min: 0, max }
    }

    pub(super) fn add(self, other: Self) -> Self {
        Self { min: self.min.saturating_add(other.min), max: self.max.saturating_add(other.max) }
    }

    pub(super) fn multiply(self, other: Self) -> Self {
        Self { min: self.min.saturating_mul(other.min), max: self.max.saturating_mul(other.max) }
    }

    /// Times a factor, rounded up.
    pub(super) fn scale(self, factor: f64) -> Self {
        Self { min: super::charge::scaled(self.min, factor), max: super::charge::scaled(self.max, factor) }
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}
