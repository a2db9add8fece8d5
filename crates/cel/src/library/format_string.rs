//! `'%s is %d'.format([name, age])`.
//!
//! Source: <https://pkg.go.dev/github.com/google/cel-go/ext#Strings>

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{List, Map, Value, quote};

/// Digits behind the point if the clause names none.
const PRECISION: usize = 6;
/// The most digits behind the point.
const MOST_PRECISION: usize = 1_000;

pub(super) fn declare(library: &mut Library) {
    let params = [Type::String, Type::list(Type::Dyn)];
    library.method("format", "string_format", params, Type::String, |args| match args {
        [Value::String(pattern), Value::List(values)] => format(pattern, values),
        _ => Err(Error::no_such_overload()),
    });
}

fn format<'a>(pattern: &str, values: &List<'a>) -> Answer<'a> {
    let mut out = String::new();
    let read = read_pattern(pattern, values.len(), |piece| {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Clause(clause) => {
                let value = values.get(clause.index).unwrap_or(Value::Null);
                let text = clause.text(&value).map_err(|why| format!("error during formatting: {why}"))?;
                out.push_str(&text);
            }
        }
        Ok::<_, String>(())
    });
    read.map(|_| Value::string(out)).map_err(Error::new)
}

/// A piece of a pattern.
pub(crate) enum Piece<'p> {
    Text(&'p str),
    Clause(Clause),
}

/// How one of the values is to be printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clause {
    /// Which of the values.
    pub(crate) index: usize,
    pub(crate) letter: char,
    precision: Option<usize>,
}

/// Reads a pattern for `count` values and hands on its pieces; how many of the values it prints.
pub(crate) fn read_pattern<E: From<String>>(
    pattern: &str,
    count: usize,
    mut each: impl FnMut(Piece<'_>) -> Result<(), E>,
) -> Result<usize, E> {
    let mut rest = pattern;
    let mut index = 0;
    while let Some(at) = rest.find('%') {
        each(Piece::Text(&rest[..at]))?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            each(Piece::Text("%"))?;
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return Err("unexpected end of string".to_owned().into());
        }
        if index >= count {
            return Err(format!("index {index} out of range").into());
        }
        let (clause, after) =
            clause(index, rest).map_err(|why| format!("could not parse formatting clause: {why}"))?;
        each(Piece::Clause(clause))?;
        rest = after;
        index += 1;
    }
    each(Piece::Text(rest))?;
    Ok(index)
}

/// What stands behind a percent sign, and what follows it.
fn clause(index: usize, text: &str) -> Result<(Clause, &str), String> {
    let (precision, rest) = precision(text)?;
    let letter = rest.chars().next().ok_or("unexpected end of string")?;
    if !"sdfebxXo".contains(letter) {
        return Err(format!("unrecognized formatting clause \"{letter}\""));
    }
    Ok((Clause { index, letter, precision }, &rest[letter.len_utf8()..]))
}

/// `.3` before the letter of a clause, and what follows it.
fn precision(text: &str) -> Result<(Option<usize>, &str), String> {
    let Some(rest) = text.strip_prefix('.') else { return Ok((None, text)) };
    let failed = |why: &str| format!("error while parsing precision: {why}");
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(|| failed("could not find end of precision specifier"))?;
    let (digits, rest) = rest.split_at(end);
    let precision =
        digits.parse().ok().filter(|precision| *precision <= MOST_PRECISION).ok_or_else(|| {
            let why = format!("strconv.Atoi: parsing {}: invalid syntax", quote(digits));
            failed(&format!("error while converting precision to integer: {why}"))
        })?;
    Ok((Some(precision), rest))
}

impl Clause {
    fn text(self, value: &Value<'_>) -> Result<String, String> {
        let precision = self.precision.unwrap_or(PRECISION);
        match self.letter {
            'd' => decimal(value),
            'f' => fixed(value, precision),
            'e' => scientific(value),
            'b' => binary(value),
            'x' => hex(value, false),
            'X' => hex(value, true),
            'o' => octal(value),
            _ => string(value),
        }
    }

    /// What is wrong with a value of that type, which nobody has seen yet.
    pub(crate) fn misfit(self, of: &Type) -> Option<String> {
        use Type::{Bool, Bytes, Double, Int, String, Uint};
        let (fits, what) = match self.letter {
            'd' => (matches!(of, Int | Uint), DECIMAL),
            'o' => (matches!(of, Int | Uint), OCTAL),
            'b' => (matches!(of, Int | Uint | Bool), BINARY),
            'x' | 'X' => (matches!(of, Int | Uint | String | Bytes), HEX),
            'f' => (matches!(of, Double | String), FIXED),
            'e' => (matches!(of, Double | String), SCIENTIFIC),
            _ => (is_printable(of), STRING),
        };
        (!fits && *of != Type::Dyn).then(|| format!("{what}, was given {}", of.name()))
    }
}

fn is_printable(of: &Type) -> bool {
    use Type::{Bool, Bytes, Double, Duration, Int, List, Map, Null, String, Timestamp, Uint};
    matches!(
        of,
        Bool | Bytes
            | Double
            | Duration
            | Int
            | List(_)
            | Map(_)
            | Null
            | String
            | Timestamp
            | Type::Type(_)
            | Uint
    )
}

const STRING: &str = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps";
const DECIMAL: &str = "decimal clause can only be used on integers";
const FIXED: &str = "fixed-point clause can only be used on doubles";
const SCIENTIFIC: &str = "scientific clause can only be used on doubles";
const BINARY: &str = "only integers and bools can be formatted as binary";
const HEX: &str = "only integers, byte buffers, and strings can be formatted as hex";
const OCTAL: &str = "octal clause can only be used on integers";

fn only(what: &str, value: &Value<'_>) -> String {
    format!("{what}, was given {}", value.type_name())
}

fn string(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::List(list) => list_text(list),
        Value::Map(map) => map_text(map),
        Value::Null => Ok("null".to_owned()),
        _ => value.to_text().ok_or_else(|| only(STRING, value)),
    }
}

/// A value inside a list or a map, as a literal of the language.
fn nested(value: &Value<'_>) -> Result<String, String> {
    Ok(match value {
        Value::String(text) => quote(text),
        Value::Bytes(bytes) => format!("b{}", quote(&String::from_utf8_lossy(bytes))),
        Value::Timestamp(_) => format!("timestamp({})", quote(&value.to_text().unwrap_or_default())),
        Value::Duration(_) => format!("duration({})", quote(&value.to_text().unwrap_or_default())),
        Value::Double(number) if number.is_finite() => format!("{number:.PRECISION$}"),
        Value::Double(_) => quote(&value.to_text().unwrap_or_default()),
        Value::Foreign(_) | Value::Optional(_) => {
            return Err(format!("no formatting function for {}", value.type_name()));
        }
        value => string(value)?,
    })
}

fn list_text(list: &List<'_>) -> Result<String, String> {
    let items: Vec<String> = list.iter().map(|item| nested(&item)).collect::<Result<_, _>>()?;
    Ok(format!("[{}]", items.join(", ")))
}

fn map_text(map: &Map<'_>) -> Result<String, String> {
    let mut entries = Vec::new();
    for key in map.keys() {
        let value = map.get(&key).ok().flatten().ok_or_else(|| format!("could not find key: {key}"))?;
        entries.push(format!("{}:{}", nested(&key)?, nested(&value)?));
    }
    entries.sort();
    Ok(format!("{{{}}}", entries.join(", ")))
}

fn decimal(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(number.to_string()),
        Value::Uint(number) => Ok(number.to_string()),
        _ => Err(only(DECIMAL, value)),
    }
}

/// The number of a double, or of the words that stand for one.
fn number(value: &Value<'_>, what: &str) -> Result<f64, String> {
    match value {
        Value::Double(number) => Ok(*number),
        Value::String(text) => match &**text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(only(what, value)),
        },
        _ => Err(only(what, value)),
    }
}

fn fixed(value: &Value<'_>, precision: usize) -> Result<String, String> {
    let number = number(value, FIXED)?;
    Ok(special(number).unwrap_or_else(|| grouped(&format!("{number:.precision$}"))))
}

fn special(number: f64) -> Option<String> {
    match number {
        _ if number.is_nan() => Some("NaN".to_owned()),
        f64::INFINITY => Some("∞".to_owned()),
        f64::NEG_INFINITY => Some("-∞".to_owned()),
        _ => None,
    }
}

/// Thousands parted by commas, as in American English.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{out}.{fraction}"),
        None => out,
    }
}

/// As American English writes it: `2.718282×10⁰⁰`. Like cel-go's, it takes no notice of a precision.
fn scientific(value: &Value<'_>) -> Result<String, String> {
    let number = number(value, SCIENTIFIC)?;
    if let Some(text) = special(number) {
        return Ok(text);
    }
    let text = format!("{number:.PRECISION$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { "⁻" } else { "" };
    let raised: String = format!("{:02}", exponent.abs()).chars().map(superscript).collect();
    Ok(format!("{digits}×10{sign}{raised}"))
}

fn superscript(digit: char) -> char {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    digit.to_digit(10).and_then(|digit| DIGITS.get(digit as usize)).copied().unwrap_or(digit)
}

/// Go prints a negative number with its sign, not in two's complement.
fn signed(number: i64, digits: impl Fn(u64) -> String) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, digits(number.unsigned_abs()))
}

fn binary(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(signed(*number, |digits| format!("{digits:b}"))),
        Value::Uint(number) => Ok(format!("{number:b}")),
        Value::Bool(value) => Ok(u8::from(*value).to_string()),
        _ => Err(only(BINARY, value)),
    }
}

fn hex(value: &Value<'_>, upper: bool) -> Result<String, String> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = match value {
        Value::Int(number) => signed(*number, |digits| format!("{digits:x}")),
        Value::Uint(number) => format!("{number:x}"),
        Value::String(text) => bytes(text.as_bytes()),
        Value::Bytes(content) => bytes(content),
        _ => return Err(only(HEX, value)),
    };
    Ok(if upper { text.to_uppercase() } else { text })
}

fn octal(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(signed(*number, |digits| format!("{digits:o}"))),
        Value::Uint(number) => Ok(format!("{number:o}")),
        _ => Err(only(OCTAL, value)),
    }
}
