//! cel-go's extension of strings, version 2. Positions count characters.
//!
//! Source: <https://pkg.go.dev/github.com/google/cel-go/ext#Strings>

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{List, Value};

pub(super) fn declare(library: &mut Library) {
    use Type::{Int, String};
    let strings = || Type::list(String);
    library.method("charAt", "string_char_at_int", [String, Int], String, |args| match args {
        [Value::String(text), Value::Int(at)] => char_at(text, *at),
        _ => Err(Error::no_such_overload()),
    });
    library.method("indexOf", "string_index_of_string", [String, String], Int, |args| match args {
        [Value::String(text), Value::String(part)] => index_of(text, part, 0),
        _ => Err(Error::no_such_overload()),
    });
    library.method("indexOf", "string_index_of_string_int", [String, String, Int], Int, |args| match args {
        [Value::String(text), Value::String(part), Value::Int(from)] => index_of(text, part, *from),
        _ => Err(Error::no_such_overload()),
    });
    library.method("lastIndexOf", "string_last_index_of_string", [String, String], Int, |args| match args {
        [Value::String(text), Value::String(part)] => last_index_of(text, part),
        _ => Err(Error::no_such_overload()),
    });
    library.method("lastIndexOf", "string_last_index_of_string_int", [String, String, Int], Int, |args| {
        match args {
            [Value::String(text), Value::String(part), Value::Int(until)] => {
                last_index_until(text, part, *until)
            }
            _ => Err(Error::no_such_overload()),
        }
    });
    library.method("lowerAscii", "string_lower_ascii", [String], String, |args| match args {
        [Value::String(text)] => Ok(Value::string(text.to_ascii_lowercase())),
        _ => Err(Error::no_such_overload()),
    });
    library.method("upperAscii", "string_upper_ascii", [String], String, |args| match args {
        [Value::String(text)] => Ok(Value::string(text.to_ascii_uppercase())),
        _ => Err(Error::no_such_overload()),
    });
    library.method("replace", "string_replace_string_string", [String, String, String], String, |args| {
        match args {
            [Value::String(text), Value::String(old), Value::String(new)] => replace(text, old, new, -1),
            _ => Err(Error::no_such_overload()),
        }
    });
    let with_count = [String, String, String, Int];
    library.method("replace", "string_replace_string_string_int", with_count, String, |args| match args {
        [Value::String(text), Value::String(old), Value::String(new), Value::Int(most)] => {
            replace(text, old, new, *most)
        }
        _ => Err(Error::no_such_overload()),
    });
    library.method("split", "string_split_string", [String, String], strings(), |args| match args {
        [Value::String(text), Value::String(separator)] => Ok(split(text, separator, -1)),
        _ => Err(Error::no_such_overload()),
    });
    library.method("split", "string_split_string_int", [String, String, Int], strings(), |args| match args {
        [Value::String(text), Value::String(separator), Value::Int(most)] => {
            Ok(split(text, separator, *most))
        }
        _ => Err(Error::no_such_overload()),
    });
    library.method("substring", "string_substring_int", [String, Int], String, |args| match args {
        [Value::String(text), Value::Int(start)] => substring(text, *start, None),
        _ => Err(Error::no_such_overload()),
    });
    library.method("substring", "string_substring_int_int", [String, Int, Int], String, |args| match args {
        [Value::String(text), Value::Int(start), Value::Int(end)] => substring(text, *start, Some(*end)),
        _ => Err(Error::no_such_overload()),
    });
    library.method("trim", "string_trim", [String], String, |args| match args {
        [Value::String(text)] => Ok(Value::string(text.trim().to_owned())),
        _ => Err(Error::no_such_overload()),
    });
    library.method("join", "list_join", [strings()], String, |args| match args {
        [Value::List(list)] => join(list, ""),
        _ => Err(Error::no_such_overload()),
    });
    library.method("join", "list_join_string", [strings(), String], String, |args| match args {
        [Value::List(list), Value::String(separator)] => join(list, separator),
        _ => Err(Error::no_such_overload()),
    });
    library.function("strings.quote", "strings_quote", [String], String, |args| match args {
        [Value::String(text)] => Ok(Value::string(quote(text))),
        _ => Err(Error::no_such_overload()),
    });
}

fn out_of_range(index: i64) -> Error {
    Error::new(format!("index out of range: {index}"))
}

/// The byte where the character of an index begins; the end of the text for its length.
fn byte_at(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    let ends = std::iter::once(text.len());
    text.char_indices().map(|(at, _)| at).chain(ends).nth(index)
}

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn char_at<'a>(text: &str, index: i64) -> Answer<'a> {
    let at = byte_at(text, index).ok_or_else(|| out_of_range(index))?;
    let found = text.get(at..).and_then(|rest| rest.chars().next());
    Ok(Value::string(found.map(String::from).unwrap_or_default()))
}

fn index_of<'a>(text: &str, part: &str, from: i64) -> Answer<'a> {
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    if from < 0 {
        return Err(out_of_range(from));
    }
    let found = byte_at(text, from).and_then(|start| Some((start, text.get(start..)?.find(part)?)));
    let index = found.and_then(|(start, at)| text.get(..start + at)).map_or(-1, count);
    Ok(Value::Int(index))
}

fn last_index_of<'a>(text: &str, part: &str) -> Answer<'a> {
    if part.is_empty() {
        return Ok(Value::Int(count(text)));
    }
    Ok(Value::Int(text.rfind(part).and_then(|at| text.get(..at)).map_or(-1, count)))
}

/// The last place not behind `until`.
fn last_index_until<'a>(text: &str, part: &str, until: i64) -> Answer<'a> {
    if part.is_empty() {
        return Ok(Value::Int(until));
    }
    if until < 0 {
        return Err(out_of_range(until));
    }
    if until >= count(text) {
        return Ok(Value::Int(-1));
    }
    let limit = byte_at(text, until).unwrap_or(text.len());
    let places = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= limit);
    let found = places.filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(part))).last();
    Ok(Value::Int(found.and_then(|at| text.get(..at)).map_or(-1, count)))
}

/// Go's `strings.Replace`: all if `most` is negative; an empty `old` is found around every
/// character.
fn replace<'a>(text: &str, old: &str, new: &str, most: i64) -> Answer<'a> {
    match usize::try_from(most) {
        Err(_) => Ok(Value::string(text.replace(old, new))),
        Ok(most) => Ok(Value::string(text.replacen(old, new, most))),
    }
}

/// Go's `strings.SplitN`: none if `most` is 0, all if it is negative; an empty separator
/// parts the characters.
fn split<'a>(text: &str, separator: &str, most: i64) -> Value<'a> {
    let own = |part: &str| Value::string(part.to_owned());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Value::list(Vec::new());
    }
    if !separator.is_empty() {
        return Value::list(text.splitn(most, separator).map(own).collect());
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if parts.len() + 1 == most {
            parts.push(own(rest));
            break;
        }
        let (first, after) = rest.split_at(c.len_utf8());
        parts.push(own(first));
        rest = after;
    }
    Value::list(parts)
}

fn substring<'a>(text: &str, start: i64, end: Option<i64>) -> Answer<'a> {
    if let Some(end) = end
        && start > end
    {
        return Err(Error::new(format!("invalid substring range. start: {start}, end: {end}")));
    }
    let from = byte_at(text, start).ok_or_else(|| out_of_range(start))?;
    let to = match end {
        Some(end) => byte_at(text, end).ok_or_else(|| out_of_range(end))?,
        None => text.len(),
    };
    Ok(Value::string(text.get(from..to).unwrap_or_default().to_owned()))
}

fn join<'a>(list: &List<'a>, separator: &str) -> Answer<'a> {
    let mut out = String::new();
    for (at, item) in list.iter().enumerate() {
        let text = item.as_str().ok_or_else(|| Error::new(format!("join: invalid input: {item}")))?;
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::string(out))
}

/// A string as a literal of the language.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
