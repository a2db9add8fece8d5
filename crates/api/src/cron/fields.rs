//! One field of a schedule: `*`, `5`, `mon-fri`, `*/10`, `1,15,30-40/2`.

use crate::goprint::quote;

/// The numbers that a field allows, as bits; the topmost bit says that it was a star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field(u64);

const STAR: u64 = 1 << 63;

impl Field {
    pub(super) fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| number < 63 && self.0 & (1 << number) != 0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 & !STAR == 0
    }

    /// Whether it allows everything, written as a star. One of the two day fields being a star
    /// means that the other alone decides.
    pub(super) fn is_star(self) -> bool {
        self.0 & STAR != 0
    }
}

/// Which numbers a field may have, and their names.
pub(super) struct Bounds {
    least: u64,
    most: u64,
    /// Names of the numbers from `least` on.
    names: &'static [&'static str],
}

pub(super) const MINUTES: Bounds = Bounds { least: 0, most: 59, names: &[] };
pub(super) const HOURS: Bounds = Bounds { least: 0, most: 23, names: &[] };
pub(super) const DAYS: Bounds = Bounds { least: 1, most: 31, names: &[] };
pub(super) const MONTHS: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
pub(super) const WEEKDAYS: Bounds =
    Bounds { least: 0, most: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Bounds {
    /// A list of ranges. An empty list allows nothing, as upstream.
    pub(super) fn parse(&self, text: &str) -> Result<Field, String> {
        let ranges = text.split(',').filter(|range| !range.is_empty());
        let mut bits = 0;
        for range in ranges {
            bits |= self.range(range)?;
        }
        Ok(Field(bits))
    }

    /// `*`, `N`, `N-M`, each with or without `/STEP`.
    fn range(&self, text: &str) -> Result<u64, String> {
        let (numbers, step) = match text.split('/').collect::<Vec<_>>().as_slice() {
            [numbers] => (*numbers, None),
            [numbers, step] => (*numbers, Some(*step)),
            // Upstream reads the numbers first, and complains of them first.
            [numbers, ..] => {
                self.ends(numbers, text)?;
                return Err(format!("too many slashes: {text}"));
            }
            [] => return Ok(0),
        };
        let (first, mut last) = self.ends(numbers, text)?;
        let stepping = step.map(whole_number).transpose()?;
        if stepping.is_some() && !numbers.contains('-') {
            last = self.most;
        }
        let step = stepping.unwrap_or(1);
        self.check(first, last, step, text)?;
        let star = is_star(numbers) && step <= 1;
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let bits = (first..=last).step_by(step).fold(0, |bits, number| bits | 1 << number);
        Ok(bits | if star { STAR } else { 0 })
    }

    /// The first and last number of a range.
    fn ends(&self, numbers: &str, whole: &str) -> Result<(u64, u64), String> {
        if is_star(numbers) {
            return Ok((self.least, self.most));
        }
        let parts: Vec<&str> = numbers.split('-').collect();
        let first = self.number(parts.first().copied().unwrap_or_default())?;
        match parts.as_slice() {
            [_] => Ok((first, first)),
            [_, last] => Ok((first, self.number(last)?)),
            _ => Err(format!("too many hyphens: {whole}")),
        }
    }

    fn number(&self, text: &str) -> Result<u64, String> {
        let lower = text.to_lowercase();
        match (self.least..).zip(self.names).find(|(_, name)| **name == lower) {
            Some((number, _)) => Ok(number),
            None => whole_number(text),
        }
    }

    fn check(&self, first: u64, last: u64, step: u64, text: &str) -> Result<(), String> {
        let Self { least, most, .. } = self;
        if first < *least {
            return Err(format!("beginning of range ({first}) below minimum ({least}): {text}"));
        }
        if last > *most {
            return Err(format!("end of range ({last}) above maximum ({most}): {text}"));
        }
        if first > last {
            return Err(format!("beginning of range ({first}) beyond end of range ({last}): {text}"));
        }
        match step {
            0 => Err(format!("step of range should be a positive number: {text}")),
            _ => Ok(()),
        }
    }
}

/// A star, whatever follows its hyphen.
fn is_star(numbers: &str) -> bool {
    matches!(numbers.split('-').next(), Some("*" | "?"))
}

fn whole_number(text: &str) -> Result<u64, String> {
    let number: i64 = text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("failed to parse int from {text}: strconv.Atoi: parsing {}: {why}", quote(text))
    })?;
    u64::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}
