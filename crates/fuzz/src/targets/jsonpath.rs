//! JSON paths, as printer columns have them.

use std::sync::OnceLock;

use ironclad_kinds::json_path::JsonPath;
use serde_json::{Value, json};

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "jsonpath",
    promise: "a path yields no more than a table could show",
    check,
    words: &[
        ".",
        "..",
        "*",
        "[*]",
        "[0]",
        "[-1]",
        "[0:2]",
        "[::2]",
        "[0,1]",
        "['a','b']",
        "[?(@.a==1)]",
        "[?(@.k=='1')]",
        "[?(@.a)]",
        "@",
        "$",
        "&&",
        ">=",
        "'",
        "\"",
        "\\.",
        "range",
        "end",
        "{",
        "}",
        "9223372036854775807",
    ],
    made: none,
    short_run: 20_000,
};

fn check(input: &[u8]) {
    let Ok(path) = JsonPath::parse(&String::from_utf8_lossy(input)) else { return };
    if let Ok(found) = path.find(object()) {
        assert!(found.len() <= 100_000, "{} values", found.len());
    }
}

fn object() -> &'static Value {
    static OBJECT: OnceLock<Value> = OnceLock::new();
    OBJECT.get_or_init(|| {
        let item = |n: usize| json!({"k": n.to_string(), "v": n, "deep": [[[{"a": n}]]]});
        json!({
            "a": {"b": "x", "c.d": 1, "n": null, "t": true, "f": 1.5},
            "list": (0..20).map(item).collect::<Vec<_>>(),
            "numbers": [1, 2, 3, 4],
        })
    })
}
