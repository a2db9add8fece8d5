//! CEL itself.

use super::result;
use crate::{Activation, Budget, Environment, Type, Value};

#[test]
fn expressions_mean_what_the_language_says() {
    let check = |expression: &str, want: &str| assert_eq!(result(expression), want, "{expression}");
    check("1 + 2 * 3", "7");
    check("(1 + 2) * 3", "9");
    check("-5 % 3", "-2");
    check("7 / 2", "3");
    check("7.0 / 2.0", "3.5");
    check("1 / 0", "error: division by zero");
    check("dyn('a') * 2", "error: no such overload");
    check("dyn([1]) * 2", "error: no such overload: _*_");
    check("dyn([1]) < 2", "error: no such overload: _<_");
    check("dyn('a') < 2", "error: no such overload");
    check("dyn(1).map(x, x)", "error: got 'types.Int', expected iterable type");
    check("dyn(duration('1s')).all(x, true)", "error: got 'types.Duration', expected iterable type");
    check(
        "duration(dyn(1))",
        "program instantiation failed: type conversion error from 'int' to 'google.protobuf.Duration'",
    );
    check("[,].size() + {,}.size()", "0");
    check("1 % 0", "error: modulus by zero");
    check("9223372036854775807 + 1", "error: integer overflow");
    check("1u - 2u", "error: unsigned integer overflow");
    check("0x1F", "31");
    check("'a' + \"b\"", "ab");
    check("r'\\d' + '\\x41\\u00e9\\101'", "\\dAéA");
    check("b'ab' + b'\\xff' == b'\\x61b\\377'", "true");
    check("'''multi\nline'''", "multi\nline");
    check("[1, 2] + [3]", "[1, 2, 3]");
    check("{'a': 1}.a", "1");
    check("{'a': 1}.b", "error: no such key: b");
    check("{'a': 1}['a']", "1");
    check("[1, 2][1]", "2");
    check("[1, 2][5]", "error: index out of bounds: 5");
    check("dyn(1) == 1.0", "true");
    check("1 < 1.5 && 2u > 1", "true");
    check("'b' > 'a'", "true");
    check("null == null", "true");
    check("1 in [1, 2]", "true");
    check("'a' in {'a': 1}", "true");
    check("[1, 2] == [1, 2] && [1, 2] != [2, 1]", "true");
    check("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true");
    check("true ? 1 : 2", "1");
    check("!true || !!true", "true");
    check("size('héllo') + 'ab'.size() + [1].size() + {1: 2}.size()", "9");
    check("'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", "true");
    check("'foo123'.matches('^[a-z]+\\\\d+$')", "true");
    check("type(1) == int && type('a') == string && type([]) == list && type(type(1)) == type", "true");
}

#[test]
fn conversions_mean_what_the_language_says() {
    let check = |expression: &str, want: &str| assert_eq!(result(expression), want, "{expression}");
    check("int('42') + int(4.9) + int(1u)", "47");
    check("string(1) + string(2u) + string(1.5) + string(true) + string(b'x')", "121.5truex");
    check("string(1e100)", "1e+100");
    check("string(1e20) + string(1e6) + string(0.00001)", "1e+201e+061e-05");
    check("string(100000.0) + string(123456.75) + string(0.0001)", "100000123456.750.0001");
    check("double('1.5') + double(1)", "2.5");
    check("uint(5)", "5");
    check("[-1].map(x, uint(x))", "error: unsigned integer overflow");
    check("bool('true')", "true");
    check("int('a')", "program instantiation failed: type conversion error from 'string' to 'int'");
    check("['a'].map(x, int(x))", "error: type conversion error from 'string' to 'int'");
    check("timestamp('2024-02-29T12:30:00Z') + duration('36h') == timestamp('2024-03-02T00:30:00Z')", "true");
    check("string(timestamp('2024-01-01T02:00:00.5+02:00'))", "2024-01-01T02:00:00.5+02:00");
    check("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')", "true");
    check("string(duration('1h1.5s'))", "3601.5s");
    check("timestamp('9999-12-31T23:59:59Z').getFullYear()", "9999");
    check("timestamp('2024-03-01T05:06:07.089Z').getMonth()", "2");
    check("timestamp('2024-03-01T05:06:07.089Z').getDate()", "1");
    check("timestamp('2024-03-01T05:06:07.089Z').getDayOfMonth()", "0");
    check("timestamp('2024-03-01T05:06:07.089Z').getDayOfWeek()", "5");
    check("timestamp('2024-03-01T05:06:07.089Z').getDayOfYear()", "60");
    check("timestamp('2024-03-01T05:06:07.089Z').getMilliseconds()", "89");
    check("timestamp('2024-03-01T05:06:07.089Z').getHours('-02:30')", "2");
    check("duration('90m').getHours() + duration('90m').getMinutes()", "91");
    check("int(timestamp('1970-01-01T00:01:00Z'))", "60");
    check("timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error: timestamp overflow");
}

#[test]
fn errors_are_made_up_for_by_logic() {
    let check = |expression: &str, want: &str| assert_eq!(result(expression), want, "{expression}");
    check("1 / 0 > 1 || true", "true");
    check("true || 1 / 0 > 1", "true");
    check("1 / 0 > 1 && false", "false");
    check("1 / 0 > 1 || false", "error: division by zero");
    check("[0, 1].exists(x, 1 / x == 1)", "true");
    check("[0, 2].all(x, 1 / x == 1)", "false");
    check("[0, 1].all(x, 1 / x == 1)", "error: division by zero");
}

#[test]
fn macros_mean_what_the_language_says() {
    let check = |expression: &str, want: &str| assert_eq!(result(expression), want, "{expression}");
    check("[1, 2, 3].all(x, x > 0)", "true");
    check("[].all(x, x > 0)", "true");
    check("[1, 2, 3].exists(x, x > 2)", "true");
    check("[1, 2, 2].exists_one(x, x < 2) && [1, 2].existsOne(x, x > 1)", "true");
    check("[1, 2, 3].map(x, x * 2)", "[2, 4, 6]");
    check("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]");
    check("[1, 2, 3].filter(x, x > 1)", "[2, 3]");
    check("{'a': 1, 'b': 2}.filter(k, k != 'a')", "[b]");
    check("has({'a': 1}.a) && !has({'a': 1}.b)", "true");
    check("[[1, 2], [3]].map(x, x.map(y, y + 1))", "[[2, 3], [4]]");
    check("[1, 2].all(i, v, i < v)", "true");
    check("{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true");
    check("['x', 'y'].transformList(i, v, v + string(i))", "[x0, y1]");
    check("['x', 'y'].transformList(i, v, i > 0, v)", "[y]");
    check("{'a': 1, 'b': 2}.transformMap(k, v, v + 1)", "{a: 2, b: 3}");
    check("{'a': 'x'}.transformMapEntry(k, v, {v: k})", "{x: a}");
    check(
        "{'a': 'x', 'b': 'x'}.transformMapEntry(k, v, {v: k})",
        "error: insert failed: key x already exists",
    );
}

#[test]
fn optionals_mean_what_the_language_says() {
    let check = |expression: &str, want: &str| assert_eq!(result(expression), want, "{expression}");
    check("optional.of(1).value()", "1");
    check("optional.none().hasValue()", "false");
    check("[optional.of(1)].map(x, x.orValue(2))", "[1]");
    check("optional.none().orValue(2)", "2");
    check("optional.none().or(optional.of(3)).value()", "3");
    check("{'a': {'b': 1}}.?a.?b.orValue(5)", "1");
    check("{'a': {'b': 1}}.?x.?b.orValue(5)", "5");
    check("{'a': {'b': 1}}.?x.b.orValue(5)", "5");
    check("[1, 2][?5].hasValue()", "false");
    check("[?optional.none(), 1]", "[1]");
    check("{?'a': optional.of(1), ?'b': optional.none()}", "{a: 1}");
    check("optional.of(2).optMap(x, x * 2).value()", "4");
    check("{'a': 1}.?a.optFlatMap(x, optional.of(x + 1)).value()", "2");
    check("optional.ofNonZeroValue('').hasValue()", "false");
    check("[1, 2].first().value() + [1, 2].last().value()", "3");
    check("optional.none().value()", "error: optional.none() dereference");
}

#[test]
fn syntax_errors_read_as_upstream_prints_them() {
    let check = |expression: &str, want: &str| {
        assert_eq!(result(expression), format!("compilation failed: {want}"), "{expression}");
    };
    check(
        "object.x in [1, 2,",
        "ERROR: <input>:1:19: Syntax error: missing ']' at '<EOF>'\n | object.x in [1, 2,\n | ..................^",
    );
    check(
        "request.user = 'test'",
        "ERROR: <input>:1:14: Syntax error: token recognition error at: '= '\n | request.user = 'test'\n | .............^\nERROR: <input>:1:16: Syntax error: extraneous input ''test'' expecting <EOF>\n | request.user = 'test'\n | ...............^",
    );
    check(
        "1 +",
        "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 +\n | ...^",
    );
    check(
        "'asdf'.contains('x'",
        "ERROR: <input>:1:20: Syntax error: missing ')' at '<EOF>'\n | 'asdf'.contains('x'\n | ...................^",
    );
    for (expression, at, text) in [
        ("[1]..size()", 5, ".."),
        ("[1]. .size()", 6, ". ."),
        ("[1].[0]", 5, ".["),
        ("..a", 2, ".."),
        ("a.", 3, "."),
        (".'x'", 2, ".'x'"),
    ] {
        let marks = ".".repeat(at - 1);
        check(
            expression,
            &format!(
                "ERROR: <input>:1:{at}: Syntax error: no viable alternative at input '{text}'\n | {expression}\n | {marks}^"
            ),
        );
    }
    check(
        ".nope()",
        "ERROR: <input>:1:6: undeclared reference to '.nope' (in container '')\n | .nope()\n | .....^",
    );
    check("duration(1)", "ERROR: <input>:1:10: invalid duration argument\n | duration(1)\n | .........^");
    check(
        "[1, 2].map(var, var)",
        "ERROR: <input>:1:12: reserved identifier: var\n | [1, 2].map(var, var)\n | ...........^\nERROR: <input>:1:17: reserved identifier: var\n | [1, 2].map(var, var)\n | ................^",
    );
    check(
        "[1].all(1, true)",
        "ERROR: <input>:1:9: argument must be a simple name\n | [1].all(1, true)\n | ........^",
    );
    check("has(a)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(a)\n | ....^");
}

#[test]
fn type_errors_read_as_upstream_prints_them() {
    let check = |expression: &str, want: &str| {
        let got = result(expression);
        let got = got.lines().next().unwrap_or_default();
        assert_eq!(got, format!("compilation failed: ERROR: <input>:{want}"), "{expression}");
    };
    check("x", "1:1: undeclared reference to 'x' (in container '')");
    check("1 + 'a'", "1:3: found no matching overload for '_+_' applied to '(int, string)'");
    check("1 == 1.0", "1:3: found no matching overload for '_==_' applied to '(int, double)'");
    check("'a'.foo()", "1:8: undeclared reference to 'foo' (in container '')");
    check("'a'.size(1)", "1:9: found no matching overload for 'size' applied to 'string.(int)'");
    check("1 && true", "1:1: expected type 'bool' but found 'int'");
    check("[1, 'a']", "1:5: expected type 'int' but found 'string'");
    check("'a'.b", "1:4: type 'string' does not support field selection");
    check(
        "1.all(x, true)",
        "1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
    );
    check("duration('x')", "1:10: invalid duration argument");
    check("timestamp('x')", "1:11: invalid timestamp argument");
    check("'a'.matches('(')", "1:13: invalid matches argument");
    check("[dyn(1), 2]", "1:10: expected type 'dyn' but found 'int'");
    check("foo(1)", "1:4: undeclared reference to 'foo' (in container '')");
}

#[test]
fn variables_are_read_in_place() {
    let object =
        serde_json::json!({"spec": {"replicas": 3, "items": [{"name": "a"}, {"name": "b"}]}, "n": null});
    let environment = Environment::new().variable("object", Type::Dyn);
    let check = |expression: &str, want: &str| {
        let program = environment.compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let variables = Activation::new().bind("object", Value::from_json(&object));
        let got = program.evaluate(&variables, &mut Budget::default());
        let got = got.map_or_else(|error| format!("error: {error}"), |value| value.to_string());
        assert_eq!(got, want, "{expression}");
    };
    check("object.spec.replicas + 1", "4");
    check("object.spec.items.exists(i, i.name == 'b')", "true");
    check("object.spec.items[1].name", "b");
    check("has(object.spec.missing)", "false");
    check("has(object.n)", "true");
    check("object.missing", "error: no such key: missing");
    check("object.spec.replicas.x", "error: no such key: x");
    check("object.spec + 1", "error: no such overload: _+_");
    check("object.spec.replicas + 'a'", "error: no such overload");
    check("object.spec.items['a']", "error: unsupported index type 'string' in list");
}

#[test]
fn depth_is_bounded() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
    for expression in [
        nested("(", ")"),
        nested("[", "]"),
        nested("-(", ")"),
        "1 + ".repeat(5_000) + "1",
        "a.".repeat(5_000) + "a",
    ] {
        let got = result(&expression);
        assert!(got.contains("expression recursion limit exceeded: 250"), "{got:.100}");
    }
    // What is just within the limit compiles and runs.
    assert_eq!(result(&("1 + ".repeat(240) + "1")), "241");
    assert_eq!(result(&format!("{}true{}", "[1].all(x, ".repeat(100), ")".repeat(100))), "true");
    assert_eq!(result(&vec!["true"; 5_000].join(" && ")), "true");
}
