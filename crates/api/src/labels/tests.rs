use super::*;
use serde_json::json;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Upstream's TestSelectorParse and TestSetSelectorParser.
#[test]
fn texts_parse_and_print_in_one_order() {
    let check =
        |text: &str, want: &str| assert_eq!(Selector::parse(text).unwrap().to_string(), want, "{text}");
    check("", "");
    check("x=a,y=b,z=c", "x=a,y=b,z=c");
    check("z=c, x = a", "x=a,z=c");
    check("x!=a,y==b", "x!=a,y==b");
    check("x= ,z= ", "x=,z=");
    check("!x", "!x");
    check("! x", "!x");
    check("x>1,z<5", "x>1,z<5");
    check("x", "x");
    check("x in (foo)", "x in (foo)");
    check("x in(foo,bar , baz)", "x in (bar,baz,foo)");
    check("x notin (a,,b)", "x notin (,a,b)");
    check("x in ()", "x in ()");
    check("x in (,)", "x in ()");
    check("x in (a,)", "x in (,a)");
    check("x,y in (a),!z,w notin (b)", "w notin (b),x,y in (a),!z");
    check("notin=in", "notin=in");
    check("in,notin in (in)", "in,notin in (in)");
    check("x\t=\na", "x=a");
}

#[test]
fn texts_that_are_no_selectors_are_refused_in_upstreams_words() {
    let check = |text: &str, want: &str| {
        assert_eq!(Selector::parse(text).map_err(|e| e.to_string()), Err(want.to_owned()), "{text}");
    };
    let operators = "in, notin, =, ==, !=, gt, lt";
    check(
        "x=a||y=b",
        "unable to parse requirement: values[0][x]: Invalid value: \"a||y\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    );
    check("x==a==b", "found '==', expected: ',' or 'end of string'");
    check("!x=a", "found '=', expected: ',' or 'end of string'");
    check(
        "x<a",
        "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    check("x,", "found '', expected: identifier after ','");
    check(",x", "found ',', expected: !, identifier, or 'end of string'");
    check("x y", &format!("unable to parse requirement: found 'y', expected: {operators}"));
    check("x in a", "unable to parse requirement: found 'a' expected: '('");
    check("x in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'");
    check("x in (a", "unable to parse requirement: found '', expected: ',' or ')'");
    check("x in (", "unable to parse requirement: found '', expected: ',', ')' or identifier");
    check("x in (,a=", "unable to parse requirement: found '=', expected: ',' or ')'");
    check("!!x", "unable to parse requirement: found '!', expected: identifier");
    check("x=(", "unable to parse requirement: found '(', expected: identifier");
    check(
        "a/b/c=d",
        "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    );
}

/// Upstream's TestSelectorMatches.
#[test]
fn selectors_match_labels() {
    let check = |text: &str, pairs: &[(&str, &str)], want: bool| {
        assert_eq!(Selector::parse(text).unwrap().matches(&labels(pairs)), want, "{text} {pairs:?}");
    };
    check("", &[("x", "y")], true);
    check("x=y", &[("x", "y")], true);
    check("x=y,z=w", &[("x", "y"), ("z", "w")], true);
    check("x!=y,z!=w", &[("x", "z"), ("z", "a")], true);
    check("x!=y", &[], true);
    check("notin=in", &[("notin", "in")], true);
    check("x", &[("x", "z")], true);
    check("!x", &[("y", "z")], true);
    check("x>1", &[("x", "2")], true);
    check("x<1", &[("x", "0")], true);
    check("x=z", &[], false);
    check("x=y,z=w", &[("x", "w"), ("z", "w")], false);
    check("x", &[("y", "z")], false);
    check("!x", &[("x", "z")], false);
    check("x>1", &[("x", "0")], false);
    check("x>1", &[("x", "a")], false);
    check("x in (a,b)", &[("x", "b")], true);
    check("x in (a,b)", &[], false);
    check("x notin (a,b)", &[], true);
    check("x notin (a,b)", &[("x", "a")], false);
    check("x=", &[], false);
    check("x=", &[("x", "")], true);
}

#[test]
fn the_selector_of_an_object_matches_as_its_text_would() {
    let check = |selector: serde_json::Value, want: Result<&str, &str>| {
        let selector: LabelSelector = serde_json::from_value(selector).unwrap();
        let got = selector.to_selector().map(|selector| selector.to_string());
        assert_eq!(got, want.map(str::to_owned).map_err(str::to_owned));
    };
    check(json!({}), Ok(""));
    check(json!({"matchLabels": null, "matchExpressions": null}), Ok(""));
    check(
        json!({"matchLabels": {"b": "c"}, "matchExpressions": [
            {"key": "a", "operator": "NotIn", "values": ["y", "x"]}, {"key": "d", "operator": "DoesNotExist"}]}),
        Ok("a notin (x,y),b=c,!d"),
    );
    check(
        json!({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}),
        Err("\"Gt\" is not a valid label selector operator"),
    );
    check(
        json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
        Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"),
    );
    assert!(!Selector::nothing().matches(&labels(&[])));
    assert!(Selector::everything().is_everything() && !Selector::nothing().is_everything());
}

#[test]
fn the_selector_of_an_object_is_validated() {
    let check = |expression: serde_json::Value, want: &str| {
        let selector: LabelSelector =
            serde_json::from_value(json!({ "matchExpressions": [expression] })).unwrap();
        let errors = selector.validate(&Path::new("s"));
        assert_eq!(aggregate(&errors).unwrap_or_default(), want);
    };
    check(json!({"key": "a", "operator": "In", "values": ["b"]}), "");
    check(
        json!({"key": "a", "operator": "In"}),
        "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    );
    check(
        json!({"key": "a", "operator": "Exists", "values": ["b"]}),
        "s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    );
    check(
        json!({"key": "a", "operator": "Gt"}),
        "s.matchExpressions[0].operator: Invalid value: \"Gt\": not a valid selector operator",
    );
    let invalid: LabelSelector = serde_json::from_value(
        json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["-"]}]}),
    )
    .unwrap();
    assert!(invalid.has_invalid_value() && !invalid.validate(&Path::new("s")).is_empty());
    assert!(invalid.validate_allowing_invalid_values(&Path::new("s")).is_empty());
}

#[test]
fn an_exact_value_can_be_looked_up() {
    let check = |text: &str, want: Option<&str>| {
        assert_eq!(Selector::parse(text).unwrap().exact_value("x"), want);
    };
    check("x=a", Some("a"));
    check("x in (a)", Some("a"));
    check("x in (a,b)", None);
    check("x!=a", None);
    check("y=a", None);
}
