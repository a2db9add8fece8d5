//! One value against one schema, and everything in it.

use ironclad_api::schema::json_type;
use serde_json::{Map, Value};

use super::old::Old;
use super::outcome::{Outcome, Problem};
use super::trail::Trail;
use super::{Additional, Rules, combine};

/// The schema's errors, unless the value is what it was.
pub(super) fn ratcheted(rules: &Rules, value: &Value, old: Option<Old<'_>>, trail: &Trail<'_>) -> Outcome {
    let outcome = self::rules(rules, value, old, trail);
    match !outcome.is_valid() && old.is_some_and(|old| old.is(value)) {
        true => outcome.forgiven(),
        false => outcome,
    }
}

/// The checks run in upstream's order, and each that was made counts.
pub(super) fn rules(rules: &Rules, value: &Value, old: Option<Old<'_>>, trail: &Trail<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if value.is_null() {
        outcome.merge(type_of(rules, value, trail));
        outcome.merge(members(rules, value, trail));
        return outcome;
    }
    let mut made = |found: Outcome| {
        outcome.merge(found);
        outcome.matches += 1;
    };
    if !rules.types.is_empty() || rules.format.is_some() {
        made(type_of(rules, value, trail));
    }
    made(combine::all(rules, value, old, trail));
    if let Value::String(text) = value {
        made(rules.text.check(text, trail));
        if let Some(format) = rules.format.as_ref().filter(|format| format.is_text()) {
            made(match format.accepts(text) {
                true => Outcome::default(),
                false => Outcome::failed(Problem::of_type(trail.to_string(), format.name(), text)),
            });
        }
    }
    if let Value::Number(number) = value {
        made(rules.number.check(number, trail));
    }
    if let Value::Array(items) = value {
        made(list(rules, items, old, trail));
    }
    made(members(rules, value, trail));
    if let Value::Object(fields) = value {
        made(object(rules, fields, old, trail));
    }
    outcome.matches += 1;
    outcome
}

/// Go's word for a JSON value's type, and its format if it is a number.
fn found_type(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Number(number) if number.is_i64() => ("integer", "int64"),
        Value::Number(_) => ("number", "float64"),
        Value::Bool(_) => ("boolean", ""),
        other => (json_type(other), ""),
    }
}

fn type_of(rules: &Rules, value: &Value, trail: &Trail<'_>) -> Outcome {
    let allowed = |name: &str| rules.types.iter().any(|allowed| allowed == name);
    let wrong =
        |wanted: &str, found: &str| Outcome::failed(Problem::of_type(trail.to_string(), wanted, found));
    if value.is_null() {
        return match rules.types.is_empty() || rules.nullable {
            true => Outcome::met(),
            false => wrong(&rules.types.join(","), "null"),
        };
    }
    let (found, found_format) = found_type(value);
    let whole = value.as_f64().is_some_and(is_whole);
    let fits = allowed(found)
        || (found == "number" && whole && allowed("integer"))
        || (found == "integer" && allowed("number"));
    let sequence = value.is_string() || value.is_array();
    if let Some(format) = &rules.format {
        if !sequence && !fits && found_format != format.name() {
            return wrong(format.name(), found_format);
        }
        if sequence && !allowed("number") && !allowed("integer") {
            return Outcome::met();
        }
    }
    match fits {
        true => Outcome::met(),
        false => wrong(&rules.types.join(","), found),
    }
}

/// Whether a float stands for an integer that JavaScript can hold.
fn is_whole(float: f64) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    const TOLERANCE: f64 = 1e-9;
    if !float.is_finite() || float.abs() > LARGEST {
        return false;
    }
    let near = float.trunc();
    near == float || (float - near).abs() / (float.abs() + near.abs()) < TOLERANCE
}

/// `enum`
fn members(rules: &Rules, value: &Value, trail: &Trail<'_>) -> Outcome {
    if rules.members.is_empty() || rules.members.iter().any(|member| is_member(value, member)) {
        return Outcome::default();
    }
    Outcome::failed(Problem::not_supported(trail.to_string(), value, &rules.members))
}

/// Numbers are the same if the one converted to the other's type is.
fn is_member(value: &Value, member: &Value) -> bool {
    match (value, member) {
        (Value::Null, _) => false,
        (Value::Number(value), Value::Number(member)) => match (value.as_i64(), member.as_i64()) {
            (Some(value), Some(member)) => value == member,
            (None, Some(member)) => value.as_f64().map(f64::trunc) == Some(member as f64),
            (_, None) => value.as_f64() == member.as_f64(),
        },
        _ => value == member,
    }
}

fn size(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn list(rules: &Rules, items: &[Value], old: Option<Old<'_>>, trail: &Trail<'_>) -> Outcome {
    let mut outcome = Outcome::met();
    if let Some(schema) = &rules.items {
        let before = old.and_then(|old| old.elements());
        for (index, item) in items.iter().enumerate() {
            let old = before.as_ref().and_then(|before| before.like(item));
            outcome.merge(ratcheted(schema, item, old, &trail.index(index)));
        }
    }
    let length = size(items.len());
    if let Some(min) = rules.min_items.filter(|min| length < *min) {
        let why = format!("should have at least {min} items");
        outcome.add(Problem::invalid(trail.to_string(), length, &why));
    }
    if let Some(max) = rules.max_items.filter(|max| length > *max) {
        outcome.add(Problem::too_many(trail.to_string(), length, max, "items"));
    }
    if rules.unique_items
        && items.iter().enumerate().any(|(at, item)| items.iter().take(at).any(|before| before == item))
    {
        outcome.add(Problem::invalid(trail.to_string(), "", "shouldn't contain duplicates"));
    }
    outcome
}

fn object(rules: &Rules, fields: &Map<String, Value>, old: Option<Old<'_>>, trail: &Trail<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let length = size(fields.len());
    if let Some(min) = rules.min_properties.filter(|min| length < *min) {
        let why = format!("should have at least {min} properties");
        outcome.add(Problem::invalid(trail.to_string(), length, &why));
    }
    if let Some(max) = rules.max_properties.filter(|max| length > *max) {
        outcome.add(Problem::too_many(trail.to_string(), length, max, "properties"));
    }
    for (name, value) in fields.iter().filter(|(name, _)| !rules.properties.contains_key(*name)) {
        match &rules.additional {
            Additional::Allowed => {}
            Additional::Forbidden => {
                let message = format!("{trail}.{name} in body is a forbidden property");
                outcome.add(Problem::worded(trail.to_string(), name, message));
            }
            Additional::Each(schema) => {
                let old = old.and_then(|old| old.field(name));
                outcome.merge(ratcheted(schema, value, old, &trail.key(name)));
            }
        }
    }
    for (name, schema) in &rules.properties {
        if let Some(value) = fields.get(name) {
            let old = old.and_then(|old| old.field(name));
            outcome.merge(ratcheted(schema, value, old, &trail.property(name)));
        }
    }
    for name in rules.required.iter().filter(|name| !fields.contains_key(*name)) {
        outcome.add(Problem::required(trail.key(name).to_string()));
    }
    outcome
}
