//! CEL: the parser, the checker, the estimate and the evaluation.

use std::sync::OnceLock;

use ironclad_cel::{Activation, Budget, Environment, Type, Value};
use serde_json::json;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "cel",
    promise: "no evaluation goes far beyond its budget, and none yields what a budget could not pay for",
    check,
    words: &[
        "self",
        "oldSelf",
        "object",
        ".all(x, ",
        ".exists(x, ",
        ".map(x, ",
        ".filter(x, ",
        ".exists_one(x, ",
        "has(",
        ")",
        "&&",
        "||",
        "!",
        "?",
        ":",
        "[",
        "]",
        "{",
        "}",
        " in ",
        "size(",
        ".size()",
        ".matches('",
        ".find('",
        ".findAll('a')",
        ".replace('', 'bb')",
        ".split('')",
        ".join(',')",
        ".format([",
        "duration('1h')",
        "timestamp('2026-01-01T00:00:00Z')",
        "quantity('1Gi')",
        "ip('10.0.0.1')",
        "cidr('10.0.0.0/8')",
        "url('https://a/b')",
        "semver('1.2.3')",
        "optional.of(",
        ".orValue(",
        "[?0]",
        "{?'a': optional.none()}",
        "lists.range(1000)",
        ".sum()",
        ".sortBy(x, x)",
        "b'\\xff'",
        "r'\\d'",
        "0x10",
        "1u",
        "1e300",
        ".transformList(i, v, ",
        "cel.bind(x, ",
        "sets.contains(",
        "math.",
        "dyn(",
        "type(",
        "string(",
        "\n",
    ],
    made: none,
    short_run: 6_000,
};

/// What one evaluation may cost here.
const LIMIT: u64 = 20_000;

/// The last step may cost more than is left, but not more than the largest thing there is.
const LAST_STEP: u64 = 2_000_000;

fn environment() -> &'static Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let map = || Type::map(Type::String, Type::Dyn);
        Environment::new()
            .variable("self", Type::Dyn)
            .variable("object", map())
            .variable("oldSelf", Type::String)
            .messages()
    })
}

fn check(input: &[u8]) {
    let expression = String::from_utf8_lossy(input);
    let program = match environment().compile(&expression) {
        Ok(program) => program,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let estimate = program.cost_estimate(&());
    assert!(estimate.min <= estimate.max, "{estimate:?}");
    let object =
        json!({"a": 1, "b": ["x", {"c": null}], "d": {"e": 1.5}, "s": "héllo", "t": true, "n": [3, 1, 2]});
    let variables = Activation::new()
        .bind("self", Value::from_json(&object))
        .bind("object", Value::from_json(&object))
        .bind("oldSelf", Value::string("text"));
    let mut budget = Budget::per_call(LIMIT);
    if let Ok(value) = program.evaluate(&variables, &mut budget) {
        assert!(budget.last() <= LIMIT, "it cost {}", budget.last());
        let size = value.to_string().len();
        assert!(size <= 64 * 1024 * 1024, "{size} bytes");
        drop(value.to_json());
    }
    assert!(budget.spent() <= LIMIT + LAST_STEP, "it cost {}", budget.spent());
}
