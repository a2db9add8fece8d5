//! No input makes the parser, the checker, the estimator or the evaluator panic, and what
//! they do is bounded.

use proptest::prelude::*;
use serde_json::json;

use crate::{Activation, Budget, Environment, Type, Value};

/// Compiles and, if that works, estimates and runs an expression.
fn attempt(expression: &str) {
    let object = json!({"a": 1, "b": ["x", {"c": null}], "d": {"e": 1.5}, "s": "héllo", "t": true});
    let environment = Environment::new().variable("self", Type::Dyn).variable("s", Type::String).messages();
    match environment.compile(expression) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(program) => {
            let estimate = program.cost_estimate(&());
            assert!(estimate.min <= estimate.max || estimate.min == 0, "{expression}: {estimate:?}");
            let variables =
                Activation::new().bind("self", Value::from_json(&object)).bind("s", Value::string("text"));
            let mut budget = Budget::per_call(20_000);
            if let Ok(value) = program.evaluate(&variables, &mut budget) {
                let _ = (value.to_string(), value.to_json());
            }
        }
    }
}

/// Expressions made of the language's own parts.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("self".to_owned()),
        Just("s".to_owned()),
        Just("x".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<u64>().prop_map(|number| format!("{number}u")),
        "[a-z%.*()\\[\\]0-9é:/-]{0,8}".prop_map(|text| format!("'{text}'")),
        Just("duration('1h')".to_owned()),
        Just("timestamp('2024-01-01T00:00:00Z')".to_owned()),
        Just("quantity('1Gi')".to_owned()),
        Just("optional.none()".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
    ];
    leaf.prop_recursive(5, 48, 3, |inner| {
        let operators = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in",
        ]);
        let methods = prop::sample::select(vec![
            "size()",
            "a",
            "?b",
            "b",
            "sum()",
            "max()",
            "isSorted()",
            "lowerAscii()",
            "trim()",
            "join(',')",
            "sort()",
            "split('')",
            "flatten()",
            "distinct()",
            "reverse()",
            "getHours()",
            "hasValue()",
            "value()",
            "first()",
            "substring(1)",
            "charAt(0)",
            "find('[a-z]+')",
            "format([self])",
            "indexOf('a')",
            "replace('', 'b')",
        ]);
        let macros =
            prop::sample::select(vec!["all", "exists", "exists_one", "map", "filter", "sortBy", "optMap"]);
        prop_oneof![
            (inner.clone(), operators, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), methods).prop_map(|(a, method)| format!("{a}.{method}")),
            (inner.clone(), macros, inner.clone()).prop_map(|(a, name, b)| format!("{a}.{name}(x, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, ?{b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.clone().prop_map(|a| format!("!{a}")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("dyn({a})")),
            inner.clone().prop_map(|a| format!("string({a})")),
            inner.clone().prop_map(|a| format!("int({a})")),
            inner.prop_map(|a| format!("has({a}.b)")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_is_answered(expression in expressions()) {
        attempt(&expression);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,40}") {
        attempt(&text);
    }

    #[test]
    fn any_tokens_are_answered(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "self", ".", "?", "[", "]", "(", ")", "{", "}", ",", ":", "'a'", "'", "\"", "1", "1u", "0x", "1e", "-",
                "!", "=", "==", "&&", "|", "in", "has", "all", "x", "true", "b'", "r'\\", "'''", "\\x", "`a`", "//", "\n",
            ]),
            0..24,
        )
    ) {
        attempt(&tokens.concat());
        attempt(&tokens.join(" "));
    }
}

#[test]
fn work_is_bounded_by_cost() {
    let grown = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
    let nested = format!(
        "{grown}.all(a, {grown}.all(b, {grown}.all(c, {grown}.all(d, {grown}.all(e, {grown}.all(f, {grown}.all(g, true)))))))"
    );
    assert_eq!(super::result(&nested), "error: operation cancelled: actual cost limit exceeded");
    assert_eq!(
        super::result("lists.range(1000000000).size()"),
        "error: operation cancelled: actual cost limit exceeded"
    );
    // A target that doubles with every macro is refused before it fills the memory.
    let doubled = format!("optional.of(1){}.value()", ".optMap(x, x)".repeat(40));
    assert!(super::result(&doubled).contains("expression is too large"), "{doubled}");
}
