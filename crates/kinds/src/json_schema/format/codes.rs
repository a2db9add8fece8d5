//! Numbers and names with a fixed build.

use std::sync::LazyLock;

use regex::Regex;

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("a pattern of this file: {error}"))
}

static HOSTNAME: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
    )
});

static CREDIT_CARD: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11})$",
    )
});

static RGB: LazyLock<Regex> = LazyLock::new(|| {
    let part = r"(0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])";
    let space = r"[\t\n\x0c\r ]*";
    compiled(&format!(r"^rgb\({space}{part}{space},{space}{part}{space},{space}{part}{space}\)$"))
});

static SSN: LazyLock<Regex> = LazyLock::new(|| compiled("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"));

static BASE64: LazyLock<Regex> = LazyLock::new(|| {
    compiled("^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$")
});

/// RFC 1034 names, with letters and symbols of every script.
pub(super) fn hostname(text: &str) -> bool {
    HOSTNAME.is_match(text) && text.len() <= 255 && text.split('.').all(|label| label.len() <= 63)
}

pub(super) fn base64(text: &str) -> bool {
    BASE64.is_match(text)
}

pub(super) fn bson_object_id(text: &str) -> bool {
    text.len() == 24 && all_hex(text)
}

fn all_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// With or without dashes; the version's digit, and from 4 on that of the variant.
pub(super) fn uuid(text: &str, version: Option<char>) -> bool {
    let groups = [8, 4, 4, 4, 12];
    let mut rest = text;
    let mut parts = Vec::with_capacity(groups.len());
    for (index, length) in groups.into_iter().enumerate() {
        rest = if index > 0 { rest.strip_prefix('-').unwrap_or(rest) } else { rest };
        let Some((part, after)) = rest.split_at_checked(length) else { return false };
        parts.push(part);
        rest = after;
    }
    let first = |index: usize| parts.get(index).and_then(|part: &&str| part.chars().next()).unwrap_or('0');
    let variant = matches!(first(3).to_ascii_lowercase(), '8' | '9' | 'a' | 'b');
    rest.is_empty()
        && parts.iter().all(|part| all_hex(part))
        && version.is_none_or(|version| first(2) == version && (version == '3' || variant))
}

pub(super) fn hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && all_hex(digits)
}

pub(super) fn rgb_color(text: &str) -> bool {
    RGB.is_match(text)
}

/// Upstream asks for the separators by asking for eleven characters.
pub(super) fn ssn(text: &str) -> bool {
    text.len() == 11 && SSN.is_match(text)
}

/// A card's number with its check digit (Luhn); everything but digits is ignored.
pub(super) fn credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let doubled = |(at, digit): (usize, u8)| {
        let digit = u32::from(digit - b'0') * if at % 2 == 1 { 2 } else { 1 };
        if digit > 9 { digit - 9 } else { digit }
    };
    CREDIT_CARD.is_match(&digits) && digits.bytes().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ' | '-')).collect()
}

pub(super) fn isbn10(text: &str) -> bool {
    let text = without_separators(text);
    let digit = |(at, c): (u32, char)| match c {
        'X' if at == 10 => Some(10 * 10),
        c => c.to_digit(10).map(|digit| at * digit),
    };
    let sum = || (1..).zip(text.chars()).map(digit).sum::<Option<u32>>();
    // A long text would be too much for the sum.
    text.len() == 10 && sum().is_some_and(|sum| sum % 11 == 0)
}

pub(super) fn isbn13(text: &str) -> bool {
    let text = without_separators(text);
    let digit = |(at, c): (usize, char)| c.to_digit(10).map(|digit| digit * if at % 2 == 1 { 3 } else { 1 });
    let sum: Option<u32> = text.chars().enumerate().map(digit).sum();
    text.len() == 13 && sum.is_some_and(|sum| sum % 10 == 0)
}

/// 6, 8 or 20 bytes: `01:23:..`, `01-23-..` or `0123.4567..`.
pub(super) fn mac(text: &str) -> bool {
    let parts_of = |separator: char, digits: usize| -> Option<usize> {
        let parts: Vec<&str> = text.split(separator).collect();
        let fits = parts.iter().all(|part| part.len() == digits && all_hex(part));
        fits.then_some(parts.len() * digits / 2)
    };
    let bytes = parts_of(':', 2).or_else(|| parts_of('-', 2)).or_else(|| parts_of('.', 4));
    matches!(bytes, Some(6 | 8 | 20))
}
