//! Named formats: `format.dns1123Label().validate(name)` is what is wrong with a name.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-format-library>

use std::any::Any;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::go_url;
use ironclad_api::validation::{Faults, label_value, name, qualified_name};

use super::{Library, Run};
use crate::error::Error;
use crate::types::Type;
use crate::value::{Foreign, Timestamp, Value, quote};

const NAME: &str = "kubernetes.NamedFormat";

/// A format: the function that returns it, and what it finds wrong.
#[derive(Clone, Copy, Debug)]
struct Format {
    function: &'static str,
    validate: fn(&str) -> Faults,
    /// The length of the pattern that upstream matches, or would: what it costs follows from it.
    pattern: u64,
    constant: Run,
}

/// The entry of a format at its place in [`FORMATS`].
macro_rules! format {
    ($at:literal, $function:literal, $pattern:literal, $validate:expr) => {
        Format {
            function: $function,
            validate: $validate,
            pattern: $pattern,
            constant: |_| Ok(Value::foreign(Named($at))),
        }
    };
}

const FORMATS: [Format; 13] = [
    format!(0, "format.dns1123Label", 30, |text| name::label(text, false)),
    format!(1, "format.dns1123Subdomain", 60, |text| name::subdomain(text, false)),
    format!(2, "format.dns1035Label", 30, |text| name::label_1035(text, false)),
    format!(3, "format.qualifiedName", 60, qualified_name),
    format!(4, "format.dns1123LabelPrefix", 30, |text| name::label(text, true)),
    format!(5, "format.dns1123SubdomainPrefix", 60, |text| name::subdomain(text, true)),
    format!(6, "format.dns1035LabelPrefix", 30, |text| name::label_1035(text, true)),
    format!(7, "format.labelValue", 40, label_value),
    format!(8, "format.uri", 1103, uri),
    format!(9, "format.uuid", 70, |text| unless(is_uuid(text), "does not match the UUID format")),
    format!(10, "format.byte", 84, |text| unless(
        !text.is_empty() && STANDARD.decode(text).is_ok(),
        "invalid base64"
    )),
    format!(11, "format.date", 71, |text| unless(
        text.len() == 10 && Timestamp::parse(&std::format!("{text}T00:00:00Z")).is_some(),
        "invalid date"
    )),
    format!(12, "format.datetime", 71, |text| unless(Timestamp::parse(text).is_some(), "invalid datetime")),
];

/// The place of a format in the list.
#[derive(Debug, PartialEq)]
struct Named(usize);

impl Foreign for Named {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Foreign) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self == other)
    }
}

pub(super) fn declare(library: &mut Library) {
    let own = || Type::message(NAME);
    for format in &FORMATS {
        library.function(format.function, format.function, [], own(), format.constant);
    }
    library.function(
        "format.named",
        "format-named",
        [Type::String],
        Type::optional(own()),
        |args| match args {
            [Value::String(name)] => {
                let known = |format: &Format| format.function.strip_prefix("format.") == Some(&**name);
                let found = FORMATS.iter().position(known);
                Ok(found.map_or(Value::Optional(None), |at| Value::some(Value::foreign(Named(at)))))
            }
            _ => Err(Error::no_such_overload()),
        },
    );
    let faults = Type::optional(Type::list(Type::String));
    library.method("validate", "format-validate", [own(), Type::String], faults, |args| {
        let named: Option<&Named> = args.first().and_then(Value::as_foreign);
        let format = named.and_then(|named| FORMATS.get(named.0)).ok_or_else(Error::no_such_overload)?;
        let text = args.get(1).and_then(Value::as_str).ok_or_else(Error::no_such_overload)?;
        let faults = (format.validate)(text);
        if faults.is_empty() {
            return Ok(Value::Optional(None));
        }
        Ok(Value::some(Value::list(faults.into_iter().map(Value::string).collect())))
    });
}

/// The length of the pattern behind a format; `None` of a value that is none.
pub(crate) fn pattern_length(format: &Value<'_>) -> Option<u64> {
    let named: &Named = format.as_foreign()?;
    Some(FORMATS.get(named.0)?.pattern)
}

fn unless(holds: bool, fault: &str) -> Faults {
    if holds { Faults::new() } else { vec![fault.to_owned()] }
}

fn uri(text: &str) -> Faults {
    match go_url::request_uri(text) {
        Ok(_) => Faults::new(),
        Err(why) => vec![std::format!("parse {}: {why}", quote(text))],
    }
}

/// Hexadecimal digits in groups, with or without dashes.
fn is_uuid(text: &str) -> bool {
    let mut rest = text;
    for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        rest = if index > 0 { rest.strip_prefix('-').unwrap_or(rest) } else { rest };
        match rest.split_at_checked(length) {
            Some((group, after)) if group.bytes().all(|b| b.is_ascii_hexdigit()) => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}
