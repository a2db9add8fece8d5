use super::*;
use serde_json::json;

fn read(text: &str) -> Result<Value, String> {
    decode(text.as_bytes()).map(|decoded| decoded.value).map_err(|e| e.to_string())
}

/// What sigs.k8s.io/yaml makes of the same text.
#[test]
fn documents_become_the_tree_of_their_json() {
    let check = |text: &str, want: Value| assert_eq!(read(text), Ok(want), "{text}");
    check("", json!(null));
    check("---\na: 1\nb:\n- x\n- {c: d}\n", json!({"a": 1, "b": ["x", {"c": "d"}]}));
    check("{\"a\": [1, 2.5]}", json!({"a": [1, 2.5]}));
    check("{\"a\": b}", json!({"a": "b"}));
    check(
        "a: yes\nb: off\nc: ~\nd: null\ne:\nf: 'yes'",
        json!({"a": true, "b": false, "c": null, "d": null, "e": null, "f": "yes"}),
    );
    check(
        "mode: 0644\nhex: 0x1F\nbig: 9223372036854775808",
        json!({"mode": 420, "hex": 31, "big": 9223372036854775808f64}),
    );
    check("a: 1.0\nb: 1e3\nc: 1.5\nd: .5", json!({"a": 1, "b": 1000, "c": 1.5, "d": 0.5}));
    check(
        "a: 1.2.3\nb: 10Gi\nc: 500m\nd: 12:30\ne: 2026-01-01",
        json!({"a": "1.2.3", "b": "10Gi", "c": "500m", "d": "12:30", "e": "2026-01-01"}),
    );
    check("1: a\ntrue: b\n1.5: c", json!({"1": "a", "true": "b", "1.5": "c"}));
    check(
        "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2",
        json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}),
    );
    check("a: |\n  x\n  y\nb: >-\n  x\n  y", json!({"a": "x\ny\n", "b": "x y"}));
    check("a: \"\\u00e9\\n\"", json!({"a": "é\n"}));
}

#[test]
fn malformed_documents_name_the_line() {
    let check = |text: &str, line: &str| {
        let error = read(text).expect_err(text);
        assert!(error.starts_with(line), "{text}: {error}");
    };
    check("a: b: c", "yaml: line 1: mapping values are not allowed in this context");
    check("a: 1\nb: [1, 2", "yaml: line ");
    check("a: *nope", "yaml: line 1: ");
    check("a: .nan", "json: unsupported value: NaN");
    check("[a]: 1", "yaml: line 1: invalid map key");
    check("a: !!int x", "yaml: line 1: cannot decode !!str `x` as a !!int");
    check("a: &a [*a]", "yaml: line 1: ");
    check("<<: 1", "yaml: map merge requires map or sequence of maps as the value");
    check("a: \"\\q\"", "yaml: line 1: ");
}

#[test]
fn only_the_first_document_counts() {
    let check = |text: &str| assert_eq!(read(text).unwrap(), json!({"a": 1}), "{text}");
    check("a: 1\n---\nb: 2");
    check("---\na: 1\n...\n---\n[broken");
}

#[test]
fn repeated_keys_are_a_strict_error_and_the_last_counts() {
    let decoded = decode(b"a: 1\nb: {c: 1, 'c': 2}\na: 3\n1: x\n1: z").unwrap();
    assert_eq!(decoded.value, json!({"a": 3, "b": {"c": 2}, "1": "z"}));
    assert_eq!(
        decoded.strict_error().as_deref(),
        Some(
            "yaml: unmarshal errors:\n  line 2: key \"c\" already set in map\n  line 3: key \"a\" already set in map\n  line 5: key 1 already set in map"
        )
    );
    assert_eq!(decode(b"{\"a\": 1, \"a\": 2}").unwrap().value, json!({"a": 2}));
    // The line is that on which the later value begins.
    let nested = decode(b"a:\n  b: 1\na:\n  c: 1\n  d: 2\n").unwrap();
    assert_eq!(nested.duplicates, ["line 4: key \"a\" already set in map"]);
}

#[test]
fn bombs_are_refused() {
    let bomb: String = (0..20)
        .map(|i| match i {
            0 => "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
            i => format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", ")),
        })
        .collect();
    assert!(read(&bomb).is_err());
    assert!(read(&"[".repeat(100_000)).is_err());
    let deep: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(read(&deep).is_err());
    assert!(decode(b"a: \xff").is_err());
    let tower: String = (0..40)
        .map(|i| match i {
            0 => "a0: &a0 x\n".to_owned(),
            i => format!("a{i}: &a{i} {}*a{} {}\n", "[".repeat(50), i - 1, "]".repeat(50)),
        })
        .collect();
    assert_eq!(read(&tower), Err("yaml: line 3: exceeded max depth".to_owned()));
    let long = format!("a: &a {}\nb: [{}]", "x".repeat(100_000), "*a,".repeat(1000));
    assert_eq!(read(&long), Err("yaml: document contains excessive aliasing".to_owned()));
}

#[test]
fn trees_are_written_as_go_writes_them() {
    let check = |value: Value, want: &str| {
        assert_eq!(encode(&value), want);
        assert_eq!(read(want), Ok(value));
    };
    check(json!({}), "{}\n");
    check(json!("x"), "x\n");
    check(
        json!({"b": [1, "x", {"c": 1, "d": [2]}, [3, 4]], "a": {"e": {}, "f": [], "g": null, "h": true}}),
        "a:\n  e: {}\n  f: []\n  g: null\n  h: true\nb:\n- 1\n- x\n- c: 1\n  d:\n  - 2\n- - 3\n  - 4\n",
    );
    check(
        json!({"a": "true", "b": "", "c": "1", "d": "a: b", "e": "- x", "f": "it's", "g": "#x", "h": "x\ny\n", "i": "x\ny", "j": " x", "k": "\u{1}", "l": "*x", "m": "a:b", "p": "10Gi", "n": 1, "o": "x\n\n"}),
        "a: \"true\"\nb: \"\"\nc: \"1\"\nd: 'a: b'\ne: '- x'\nf: it's\ng: '#x'\nh: |\n  x\n  y\ni: |-\n  x\n  y\nj: ' x'\nk: \"\\u0001\"\nl: '*x'\nm: a:b\n\"n\": 1\no: |+\n  x\n\np: 10Gi\n",
    );
    check(json!({"a": [{"b": "x\ny"}]}), "a:\n- b: |-\n    x\n    y\n");
    check(json!({"a": 0.5, "b": 1e21}), "a: 0.5\nb: 1e+21\n");
}

proptest::proptest! {
    #[test]
    fn any_string_reads_back(text in "\\PC{0,12}|[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\ta-z0-9.~]{0,8}") {
        let value = json!({ "k": [text.as_str()], text.as_str(): 1 });
        proptest::prop_assert_eq!(read(&encode(&value)), Ok(value.clone()), "{}", encode(&value));
    }

    #[test]
    fn no_text_panics(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\ta-z0-9.~]{0,40}") {
        let _ = read(&text);
    }
}
