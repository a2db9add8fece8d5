use super::*;
use crate::gvk::GroupVersionKind;
use serde_json::json;

fn read(text: &str) -> Result<Value, String> {
    decode(text.as_bytes()).map(|decoded| decoded.value).map_err(|e| e.to_string())
}

#[test]
fn documents_read_as_go_reads_them() {
    let check = |text: &str, want: Value| assert_eq!(read(text), Ok(want), "{text}");
    check(
        " {\"a\" : [ 1 , true,false,null, \"x\" ] , \"b\":{}}\n",
        json!({"a": [1, true, false, null, "x"], "b": {}}),
    );
    check("[]", json!([]));
    check("\"\\u0041\\n\\/\\\"\\ud83d\\ude00\"", json!("A\n/\"😀"));
    check("\"\\ud83d\"", json!("\u{fffd}"));
    check("\"\\ud83dx\\ude00\"", json!("\u{fffd}x\u{fffd}"));
    check("\"\\ud83d\\u0041\"", json!("\u{fffd}A"));
    assert_eq!(decode(b"\"a\xe2\x82b\"").unwrap().value, json!("a\u{fffd}\u{fffd}b"));
}

#[test]
fn integers_and_floats_are_kept_apart() {
    let check = |text: &str, want: Value| {
        let got = read(text).unwrap();
        assert_eq!((got.is_i64(), &got), (want.is_i64(), &want), "{text}");
    };
    check("1", json!(1));
    check("-0", json!(0));
    check("9223372036854775807", json!(i64::MAX));
    check("9223372036854775808", json!(9223372036854775808f64));
    check("1.0", json!(1.0));
    check("1e3", json!(1000.0));
    check("-1.5E-2", json!(-0.015));
}

/// Texts that Go 1.24's `encoding/json` gives for the same input.
#[test]
fn malformed_documents_are_refused_in_gos_words() {
    let check = |text: &str, want: &str| assert_eq!(read(text), Err(want.to_owned()), "{text}");
    check("", "unexpected end of JSON input");
    check("  ", "unexpected end of JSON input");
    check("x", "invalid character 'x' looking for beginning of value");
    check("{", "unexpected end of JSON input");
    check("{\"a\"", "unexpected end of JSON input");
    check("{\"a\":", "unexpected end of JSON input");
    check("{\"a\":1", "unexpected end of JSON input");
    check("{\"a\":1,", "unexpected end of JSON input");
    check("{\"a\":1,}", "invalid character '}' looking for beginning of object key string");
    check("{a:1}", "invalid character 'a' looking for beginning of object key string");
    check("{\"a\" 1}", "invalid character '1' after object key");
    check("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair");
    check("[1 2]", "invalid character '2' after array element");
    check("[1,]", "invalid character ']' looking for beginning of value");
    check("[", "unexpected end of JSON input");
    check("{} x", "invalid character 'x' after top-level value");
    check("{}{}", "invalid character '{' after top-level value");
    check("tru", "invalid character ' ' in literal true (expecting 'e')");
    check("nul1", "invalid character '1' in literal null (expecting 'l')");
    check("-", "invalid character ' ' in numeric literal");
    check("-a", "invalid character 'a' in numeric literal");
    check("01", "invalid character '1' after top-level value");
    check("1.", "invalid character ' ' after decimal point in numeric literal");
    check("1e+", "invalid character ' ' in exponent of numeric literal");
    check("\"a", "unexpected end of JSON input");
    check("\"a\nb\"", "invalid character '\\n' in string literal");
    check("\"\\x\"", "invalid character 'x' in string escape code");
    check("\"\\", "invalid character ' ' in string escape code");
    check("\"\\u12g\"", "invalid character 'g' in \\u hexadecimal character escape");
    check("'a'", "invalid character '\\'' looking for beginning of value");
    check("\u{feff}{}", "invalid character 'ï' looking for beginning of value");
    check("1e999", "json: cannot unmarshal number 1e999 into Go value of type float64");
    check("[1e999,}", "invalid character '}' looking for beginning of value");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(read(&nested(MAX_DEPTH + 1)), Err("invalid character '[' exceeded max depth".to_owned()));
    assert!(read(&"[{\"a\":".repeat(1_000_000)).is_err());
}

#[test]
fn duplicate_fields_are_named_and_the_last_counts() {
    let check = |text: &str, want: Value, duplicates: &[&str]| {
        let decoded = decode(text.as_bytes()).unwrap();
        assert_eq!(
            (&decoded.value, decoded.duplicates.as_slice()),
            (&want, duplicates.map_owned().as_slice())
        );
    };
    check("{\"a\":1,\"a\":2}", json!({"a": 2}), &["a"]);
    check("{\"a\":1,\"a\":2,\"a\":3}", json!({"a": 3}), &["a"]);
    check("{\"m\":{\"n\":1,\"n\":2}}", json!({"m": {"n": 2}}), &["m.n"]);
    check("{\"s\":[{},{\"i\":1,\"i\":1}]}", json!({"s": [{}, {"i": 1}]}), &["s[1].i"]);
    check("{\"a\":0,\"a\":{\"b\":1,\"b\":2}}", json!({"a": {"b": 2}}), &["a", "a.b"]);
    let decoded = decode(b"{\"a\":1,\"a\":2}").unwrap();
    assert_eq!(decoded.duplicate_errors().collect::<Vec<_>>(), ["duplicate field \"a\""]);
    let many: String = (0..300).map(|i| format!("\"k{i}\":1,\"k{i}\":1,")).collect();
    assert_eq!(decode(format!("{{{many}\"z\":1}}").as_bytes()).unwrap().duplicates.len(), MAX_DUPLICATES);
}

#[test]
fn strict_errors_stand_in_the_order_of_the_document() {
    let check = |text: &str, duplicates: &[&str], unknown: &[&str], want: &[&str]| {
        let errors = strict_errors(text.as_bytes(), &duplicates.map_owned(), &unknown.map_owned());
        assert_eq!(errors, want, "{text}");
    };
    check("{\"b\":1,\"b\":1}", &["b"], &[], &["duplicate field \"b\""]);
    check("{\"z\":1,\"a\":1}", &[], &["a", "z"], &["unknown field \"z\"", "unknown field \"a\""]);
    let deep = "{\"s\":{\"u\":1,\"r\":1,\"r\":2}}";
    check(deep, &["s.r"], &["s.u"], &["unknown field \"s.u\"", "duplicate field \"s.r\""]);
    let between = "{\"r\":1,\"u\":1,\"r\":2,\"l\":[{\"v\":1}]}";
    let want = ["unknown field \"u\"", "duplicate field \"r\"", "unknown field \"l[0].v\""];
    check(between, &["r"], &["l[0].v", "u"], &want);
    let both = "{\"u\":1,\"u\":1}";
    check(both, &["u"], &["u"], &["unknown field \"u\"", "duplicate field \"u\""]);
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for &[&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn values_are_written_as_go_writes_them() {
    let value = json!({"b": 1.0, "a": [1e21, 0.5, 1e-7, "<é>"], "c": {}});
    assert_eq!(
        String::from_utf8(encode(&value)).unwrap(),
        "{\"a\":[1e+21,0.5,1e-7,\"<é>\"],\"b\":1,\"c\":{}}"
    );
    let pretty = String::from_utf8(encode_pretty(&json!({"a": [1.0], "b": {}}))).unwrap();
    assert_eq!(pretty, "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
}

#[test]
fn the_kind_is_the_bodys_or_the_paths() {
    let default = GroupVersionKind::new("apps", "v1", "Deployment");
    let check = |body: Value, want: Result<&str, &str>| {
        let text = encode(&body);
        let got = type_of(&body, Some(&default), &text).map(|gvk| gvk.to_string()).map_err(|e| e.to_string());
        assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned));
    };
    check(json!({}), Ok("apps/v1, Kind=Deployment"));
    check(json!({"kind": "Scale"}), Ok("apps/v1, Kind=Scale"));
    check(json!({"kind": "Scale", "apiVersion": "autoscaling/v1"}), Ok("autoscaling/v1, Kind=Scale"));
    check(json!({"apiVersion": "v1"}), Ok("/v1, Kind=Deployment"));
    check(json!({"apiVersion": "a/b/c"}), Err("unexpected GroupVersion string: a/b/c"));
    check(
        json!({"kind": 1}),
        Err(
            "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string",
        ),
    );
    check(
        json!([]),
        Err(
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
        ),
    );
    let error = type_of(&json!({}), None, b"{}").unwrap_err();
    assert_eq!(error.to_string(), "Object 'Kind' is missing in '{}'");
}

#[test]
fn bodies_that_cannot_be_read_are_quoted_in_part() {
    let error = decode(b"xyz").unwrap_err();
    assert_eq!(
        bad_body(None, "Pod", &error, b"xyz").message,
        "the object provided is unrecognized (must be of type Pod): invalid character 'x' looking for beginning of value (78797a)"
    );
    let pod = GroupVersionKind::new("", "v1", "Pod");
    assert_eq!(
        bad_body(Some(&pod), "Pod", "why", b"").message,
        "Pod in version \"v1\" cannot be handled as a Pod: why"
    );
    assert_eq!(summarize(b""), "<empty>");
    assert_eq!(summarize(format!("{{{}", "x".repeat(40)).as_bytes()), format!("{{{} ...", "x".repeat(29)));
    assert_eq!(summarize(&[0xab; 31]), format!("{} ...", "ab".repeat(30)));
}

proptest::proptest! {
    /// serde_json is the oracle for what is JSON. It refuses lone surrogates, which Go mends.
    #[test]
    fn any_text_reads_as_another_reader_reads_it(text in "[\\[\\]{}:,\"\\\\ tfnrue0-9.eE+\\-\\n\u{e9}]{0,24}") {
        let other = serde_json::from_str::<Value>(&text).is_ok();
        let ours = decode(text.as_bytes()).is_ok();
        proptest::prop_assert!(ours == other || text.contains("\\u") || text.contains(['e', 'E']), "{}", text);
    }

    #[test]
    fn any_bytes_read_or_are_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        let _ = decode(&bytes);
        let _ = crate::yaml::decode(&bytes);
    }
}
