//! Exact decimals of up to 36 digits, with the rounding quantities need: away from zero.

use std::cmp::Ordering;

/// Digits that a mantissa may have. Two such numbers add, and one times a hundred fits,
/// within i128.
pub(super) const MAX_DIGITS: u32 = 36;

/// `mantissa * 10^exponent`, where `|mantissa| < 10^MAX_DIGITS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Decimal {
    pub(super) mantissa: i128,
    pub(super) exponent: i32,
}

impl Decimal {
    pub(super) fn sign(&self) -> i32 {
        self.mantissa.signum() as i32
    }

    pub(super) fn neg(self) -> Self {
        Self { mantissa: -self.mantissa, ..self }
    }

    fn digits(&self) -> u32 {
        self.mantissa.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1)
    }

    /// A multiple of `10^scale`, away from zero, and whether it is the same number.
    pub(super) fn rounded_up(&self, scale: i32) -> (Self, bool) {
        if self.exponent >= scale || self.mantissa == 0 {
            return (*self, true);
        }
        let places = scale.abs_diff(self.exponent);
        let Some(divisor) = 10i128.checked_pow(places) else {
            return (Self { mantissa: self.mantissa.signum(), exponent: scale }, false);
        };
        let exact = self.mantissa % divisor == 0;
        let away = if exact { 0 } else { self.mantissa.signum() };
        (Self { mantissa: self.mantissa / divisor + away, exponent: scale }, exact)
    }

    /// How many `10^scale` this is, rounded away from zero and held within i64.
    pub(super) fn in_units_of(&self, scale: i32) -> i64 {
        let (rounded, _) = self.rounded_up(scale);
        let limit = if rounded.mantissa < 0 { i64::MIN } else { i64::MAX };
        if rounded.mantissa == 0 {
            return 0;
        }
        let factor = 10i128.checked_pow(rounded.exponent.abs_diff(scale));
        let units = factor.and_then(|factor| rounded.mantissa.checked_mul(factor));
        units.and_then(|units| i64::try_from(units).ok()).unwrap_or(limit)
    }

    pub(super) fn as_f64(&self) -> f64 {
        match self.exponent {
            0 => self.mantissa as f64,
            // Parsing the decimal text gives the nearest float, which arithmetic would not.
            exponent => format!("{}e{exponent}", self.mantissa).parse().unwrap_or(f64::NAN),
        }
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        if self.mantissa == 0 {
            return *other;
        }
        if other.mantissa == 0 {
            return *self;
        }
        let (a, b) = align(self, other);
        fit(a.mantissa + b.mantissa, a.exponent)
    }

    pub(super) fn mul(&self, factor: i64) -> Self {
        if let Some(product) = self.mantissa.checked_mul(factor.into()) {
            return fit(product, self.exponent);
        }
        // i64 has 19 digits: what is left of the mantissa leaves room for them.
        let (short, _) = self.rounded_up(self.exponent.saturating_add(19));
        fit(short.mantissa * i128::from(factor), short.exponent)
    }

    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        if by_sign.is_ne() || self.mantissa == 0 {
            return by_sign;
        }
        let by_size = self.magnitude().cmp(&other.magnitude());
        if by_size.is_ne() {
            return if self.mantissa < 0 { by_size.reverse() } else { by_size };
        }
        // Numbers of one magnitude align without loss.
        let (a, b) = align(self, other);
        a.mantissa.cmp(&b.mantissa)
    }

    /// The place of the first digit.
    fn magnitude(&self) -> i64 {
        i64::from(self.digits()) + i64::from(self.exponent)
    }

    /// The same number with no factor of ten in its mantissa; one form per value.
    pub(super) fn reduced(&self) -> Self {
        let mut reduced = *self;
        if reduced.mantissa == 0 {
            return Self::default();
        }
        while reduced.mantissa % 10 == 0 {
            reduced.mantissa /= 10;
            reduced.exponent = reduced.exponent.saturating_add(1);
        }
        reduced
    }
}

/// Both numbers over one exponent: the lower of the two if the digits suffice.
fn align(a: &Decimal, b: &Decimal) -> (Decimal, Decimal) {
    if a.exponent < b.exponent {
        let (b, a) = align(b, a);
        return (a, b);
    }
    let room = MAX_DIGITS.saturating_sub(a.digits());
    let shift = a.exponent.abs_diff(b.exponent).min(room);
    // `room` is at most MAX_DIGITS, and `shift` at most the distance of two i32.
    let exponent = a.exponent.saturating_sub_unsigned(shift);
    let a = Decimal { mantissa: a.mantissa * 10i128.pow(shift), exponent };
    (a, b.rounded_up(exponent).0)
}

/// Drops digits, away from zero, until the mantissa has no more than it may.
pub(super) fn fit(mantissa: i128, exponent: i32) -> Decimal {
    let wide = Decimal { mantissa, exponent };
    match wide.digits().saturating_sub(MAX_DIGITS) {
        0 => wide,
        // One more digit than needed, for rounding up can carry.
        excess => wide.rounded_up(exponent.saturating_add_unsigned(excess + 1)).0,
    }
}
