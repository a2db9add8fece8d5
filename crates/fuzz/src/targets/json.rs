//! JSON bodies.

use ironclad_api::json;
use serde_json::Value;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "json",
    promise: "what is read can be written and read again, and is the same",
    check,
    words: &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"\\u0041\"",
        "-0.0",
        "1e5",
        "1E+2",
        "\\n",
        "\\ud83d\\ude00",
    ],
    made: none,
    short_run: 20_000,
};

fn check(input: &[u8]) {
    let Ok(read) = json::decode(input) else { return };
    for written in [json::encode(&read.value), json::encode_pretty(&read.value)] {
        let again = json::decode(&written).expect("what was written can be read");
        assert!(is_same(&again.value, &read.value), "{:?} is not {:?}", again.value, read.value);
        assert!(again.duplicates.is_empty(), "{:?}", again.duplicates);
    }
    let errors = json::strict_errors(input, &read.duplicates, &["spec.a".to_owned()]);
    assert_eq!(errors.len(), read.duplicates.len() + 1);
}

/// But for the form of numbers: 1.0 is written as 1, as Go does.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| is_same(left, right)))
        }
        _ => left == right,
    }
}
