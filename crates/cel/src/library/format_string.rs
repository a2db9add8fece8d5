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
    let mut rest = pattern;
    let mut index = 0;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let value = values.get(index).ok_or_else(|| Error::new(format!("index {index} out of range")))?;
        if rest.is_empty() {
            return Err(Error::new("unexpected end of string"));
        }
        let (precision, after) = precision(rest).map_err(unparsable)?;
        let clause = after.chars().next().ok_or_else(|| unparsable("unexpected end of string".to_owned()))?;
        let text = clause_text(clause, precision, &value)?;
        out.push_str(&text);
        rest = &after[clause.len_utf8()..];
        index += 1;
    }
    out.push_str(rest);
    Ok(Value::string(out))
}

fn unparsable(why: String) -> Error {
    Error::new(format!("could not parse formatting clause: {why}"))
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

fn clause_text(clause: char, precision: Option<usize>, value: &Value<'_>) -> Result<String, Error> {
    let precision = precision.unwrap_or(PRECISION);
    let text = match clause {
        's' => string(value),
        'd' => decimal(value),
        'f' => fixed(value, precision),
        'e' => scientific(value, precision),
        'b' => binary(value),
        'x' => hex(value, false),
        'X' => hex(value, true),
        'o' => octal(value),
        _ => return Err(unparsable(format!("unrecognized formatting clause \"{clause}\""))),
    };
    text.map_err(|why| Error::new(format!("error during formatting: {why}")))
}

fn only(clause: &str, of: &str, value: &Value<'_>) -> String {
    format!("{clause} clause can only be used on {of}, was given {}", value.type_name())
}

fn string(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::List(list) => list_text(list),
        Value::Map(map) => map_text(map),
        Value::Null => Ok("null".to_owned()),
        _ => value.to_text().ok_or_else(|| {
            only(
                "string",
                "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
                value,
            )
        }),
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
        _ => Err(only("decimal", "integers", value)),
    }
}

/// The number of a double, or of the words that stand for one.
fn number(value: &Value<'_>, clause: &str) -> Result<f64, String> {
    match value {
        Value::Double(number) => Ok(*number),
        Value::String(text) => match &**text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(only(clause, "doubles", value)),
        },
        _ => Err(only(clause, "doubles", value)),
    }
}

fn fixed(value: &Value<'_>, precision: usize) -> Result<String, String> {
    let number = number(value, "fixed-point")?;
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

/// As American English writes it: `2.72×10⁰⁰`.
fn scientific(value: &Value<'_>, precision: usize) -> Result<String, String> {
    let number = number(value, "scientific")?;
    if let Some(text) = special(number) {
        return Ok(text);
    }
    let text = format!("{number:.precision$e}");
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
        _ => {
            let what = "only integers and bools can be formatted as binary";
            Err(format!("{what}, was given {}", value.type_name()))
        }
    }
}

fn hex(value: &Value<'_>, upper: bool) -> Result<String, String> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = match value {
        Value::Int(number) => signed(*number, |digits| format!("{digits:x}")),
        Value::Uint(number) => format!("{number:x}"),
        Value::String(text) => bytes(text.as_bytes()),
        Value::Bytes(content) => bytes(content),
        _ => {
            let what = "only integers, byte buffers, and strings can be formatted as hex";
            return Err(format!("{what}, was given {}", value.type_name()));
        }
    };
    Ok(if upper { text.to_uppercase() } else { text })
}

fn octal(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Int(number) => Ok(signed(*number, |digits| format!("{digits:o}"))),
        Value::Uint(number) => Ok(format!("{number:o}")),
        _ => Err(only("octal", "integers", value)),
    }
}
