//! Go's `time.Parse` for the two layouts of API times, as far as its errors go.

use crate::goprint::quote;

/// A layout: how it is printed in errors, and its fraction of a second.
pub(super) struct Layout {
    text: &'static str,
    fraction: Fraction,
}

enum Fraction {
    /// May follow the seconds, any number of digits.
    Optional,
    /// This chunk: a point and exactly six digits.
    Micro(&'static str),
}

/// `metav1.Time`.
pub(super) const SECONDS: Layout = Layout { text: "2006-01-02T15:04:05Z07:00", fraction: Fraction::Optional };
/// `metav1.MicroTime`.
pub(super) const MICRO: Layout =
    Layout { text: "2006-01-02T15:04:05.000000Z07:00", fraction: Fraction::Micro(".000000") };

/// `Err` is Go's text: `parsing time "x" as "2006-…": cannot parse "x" as "2006"`.
pub(super) fn check(text: &str, layout: &Layout) -> Result<(), String> {
    let mut reader = Reader { text, rest: text, layout: layout.text };
    let year = reader.digits(4, "2006")?;
    reader.literal("-")?;
    let month = reader.digits(2, "01")?;
    if !(1..=12).contains(&month) {
        return Err(reader.out_of_range("month"));
    }
    reader.literal("-")?;
    let day = reader.digits(2, "02")?;
    reader.literal("T")?;
    reader.digits_below(2, "15", 24, "hour")?;
    reader.literal(":")?;
    reader.digits_below(2, "04", 60, "minute")?;
    reader.literal(":")?;
    reader.digits_below(2, "05", 60, "second")?;
    reader.fraction(&layout.fraction)?;
    reader.zone()?;
    if !reader.rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quote(text), quote(reader.rest)));
    }
    match (1..=days_in(year, month)).contains(&day) {
        true => Ok(()),
        false => Err(reader.out_of_range("day")),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    layout: &'static str,
}

impl Reader<'_> {
    fn cannot_parse(&self, chunk: &str) -> String {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(self.text),
            quote(self.layout),
            quote(self.rest),
            quote(chunk)
        )
    }

    fn out_of_range(&self, what: &str) -> String {
        format!("parsing time {}: {what} out of range", quote(self.text))
    }

    /// A number of exactly `count` digits.
    fn digits(&mut self, count: usize, chunk: &str) -> Result<u32, String> {
        let number = self.rest.get(..count).filter(|head| head.bytes().all(|b| b.is_ascii_digit()));
        let number = number.and_then(|head| head.parse().ok()).ok_or_else(|| self.cannot_parse(chunk))?;
        self.rest = self.rest.get(count..).unwrap_or_default();
        Ok(number)
    }

    fn digits_below(&mut self, count: usize, chunk: &str, limit: u32, what: &str) -> Result<(), String> {
        match self.digits(count, chunk)? < limit {
            true => Ok(()),
            false => Err(self.out_of_range(what)),
        }
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(literal).ok_or_else(|| self.cannot_parse(literal))?;
        Ok(())
    }

    fn fraction(&mut self, fraction: &Fraction) -> Result<(), String> {
        let digits = self
            .rest
            .strip_prefix(['.', ','])
            .map_or(0, |tail| tail.bytes().take_while(u8::is_ascii_digit).count());
        match fraction {
            Fraction::Optional if digits == 0 => {}
            Fraction::Optional => self.rest = self.rest.get(digits + 1..).unwrap_or_default(),
            Fraction::Micro(chunk) if digits < 6 => return Err(self.cannot_parse(chunk)),
            Fraction::Micro(_) => self.rest = self.rest.get(7..).unwrap_or_default(),
        }
        Ok(())
    }

    /// `Z` or `+01:00`.
    fn zone(&mut self) -> Result<(), String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(());
        }
        let bytes = self.rest.as_bytes();
        let well_formed = matches!(
            bytes,
            [b'+' | b'-', h1, h2, b':', m1, m2, ..] if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit())
        );
        if !well_formed {
            return Err(self.cannot_parse("Z07:00"));
        }
        let number =
            |range| self.rest.get(range).and_then(|text: &str| text.parse().ok()).unwrap_or(u32::MAX);
        if number(1..3) > 24 {
            return Err(self.out_of_range("time zone offset hour"));
        }
        if number(4..6) > 60 {
            return Err(self.out_of_range("time zone offset minute"));
        }
        self.rest = self.rest.get(6..).unwrap_or_default();
        Ok(())
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
