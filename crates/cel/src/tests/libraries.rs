//! The libraries, by the examples of their documents.

use std::sync::Arc;

use super::result;
use crate::authorization::{Authorizer, Check, Decision, ResourceTarget, Target};
use crate::{Activation, Budget, Environment, Type, Value};

fn check(expression: &str, want: &str) {
    assert_eq!(result(expression), want, "{expression}");
}

#[test]
fn strings() {
    check("'tacocat'.charAt(3)", "o");
    check("'tacocat'.charAt(7)", "");
    check("'tacocat'.charAt(8)", "error: index out of range: 8");
    check("'hello mellow'.indexOf('')", "0");
    check("'hello mellow'.indexOf('ello')", "1");
    check("'hello mellow'.indexOf('jello')", "-1");
    check("'hello mellow'.indexOf('ello', 2)", "7");
    check("'hello mellow'.indexOf('ello', 20)", "-1");
    check("'hello mellow'.indexOf('ello', -1)", "error: index out of range: -1");
    check("'hello mellow'.lastIndexOf('')", "12");
    check("'hello mellow'.lastIndexOf('ello')", "7");
    check("'hello mellow'.lastIndexOf('ello', 6)", "1");
    check("'héhé'.lastIndexOf('h')", "2");
    check("'TacoCat'.lowerAscii() + 'TacoCÆt Xii'.upperAscii()", "tacocatTACOCÆT XII");
    check("'hello hello'.replace('he', 'we')", "wello wello");
    check("'hello hello'.replace('he', 'we', 1)", "wello hello");
    check("'hello hello'.replace('he', 'we', 0)", "hello hello");
    check("'ab'.replace('', '_')", "_a_b_");
    check("'hello hello hello'.split(' ')", "[hello, hello, hello]");
    check("'hello hello hello'.split(' ', 0)", "[]");
    check("'hello hello hello'.split(' ', 2)", "[hello, hello hello]");
    check("'hello'.split('', 2)", "[h, ello]");
    check("'tacocat'.substring(4) + 'tacocat'.substring(0, 4)", "cattaco");
    check("'tacocat'.substring(2, 1)", "error: invalid substring range. start: 2, end: 1");
    check("'tacocat'.substring(40)", "error: index out of range: 40");
    check("'  \\ttrim\\n '.trim()", "trim");
    check("['hello', 'mellow'].join() + ['a', 'b'].join(', ')", "hellomellowa, b");
    check("strings.quote('a\\n\"b\"')", "\"a\\n\\\"b\\\"\"");
}

#[test]
fn format_strings() {
    check("'%s is %d years'.format(['Ann', 42])", "Ann is 42 years");
    check("'%s %s %s'.format([true, null, dyn(1.5)])", "true null 1.5");
    check("'%.2f'.format([1234.567])", "1,234.57");
    check("'%e'.format([1052.032911275])", "1.052033×10⁰³");
    check("'%x %X %o %b'.format([255, 255, 8, 5])", "ff FF 10 101");
    check("'%x'.format(['hello'])", "68656c6c6f");
    check("'%s'.format([[1, 2]]) + '%s'.format([{'a': 'b'}])", "[1, 2]{\"a\":\"b\"}");
    check("'%s'.format([duration('1h')])", "3600s");
    check("'100%%'.format([])", "100%");
    check("'%.1e'.format([1234.5])", "1.234500×10⁰³");
    // A pattern that is not known beforehand fails when it is used.
    let late = |pattern: &str, values: &str, want: &str| {
        check(&format!("['{pattern}'][0].format({values})"), &format!("error: {want}"));
    };
    let integers = "error during formatting: decimal clause can only be used on integers, was given string";
    let unknown = "could not parse formatting clause: unrecognized formatting clause \"z\"";
    late("%s", "[]", "index 0 out of range");
    late("%d", "['a']", integers);
    late("%z", "[1]", unknown);
    let early = |pattern: &str, values: &str, at: usize, want: &str| {
        let expression = format!("'{pattern}'.format({values})");
        let marks = ".".repeat(at - 1);
        let want = format!("compilation failed: ERROR: <input>:1:{at}: {want}\n | {expression}\n | {marks}^");
        check(&expression, &want);
    };
    early("%s", "[]", 12, "index 0 out of range");
    early("%", "[1]", 11, "unexpected end of string");
    early("%d", "['a']", 14, integers);
    early("%z", "[1]", 12, unknown);
    early("x", "[1]", 11, "too many arguments supplied to string.format (expected 0, got 1)");
    early(
        "%s",
        "[[1, optional.of(1)]]",
        29,
        "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given optional_type",
    );
}

#[test]
fn lists_and_sets() {
    check("[1, 3, 2].isSorted() || ['a', 'b'].isSorted()", "true");
    check("[1, 2, 3].sum()", "6");
    check("[duration('1m'), duration('1s')].sum() == duration('61s')", "true");
    check("[1, 3, 2].max() + [1, 3, 2].min()", "4");
    check("[1].filter(x, x > 1).min()", "error: min called on empty list");
    check("['a', 'b', 'b'].indexOf('b') + ['a', 'b', 'b'].lastIndexOf('b')", "3");
    check("[].indexOf('x')", "-1");
    check("[1, 2, 3, 4].slice(1, 3)", "[2, 3]");
    check("[1, 2].slice(0, 5)", "error: cannot slice(0, 5), list is length 2");
    check("[[1], [2, 3]].flatten()", "[1, 2, 3]");
    check("[3, 1, 2].sort() == [1, 2, 3] && [1, 2].reverse() == [2, 1]", "true");
    check("['bb', 'a'].sortBy(x, x.size())", "[a, bb]");
    check("[1, 2, 1].distinct() + lists.range(3)", "[1, 2, 0, 1, 2]");
    check("sets.contains([1, 2], [2]) && sets.equivalent([1, 1], [1]) && !sets.intersects([1], [2])", "true");
}

#[test]
fn patterns_and_urls() {
    check("'abc 123'.find('[0-9]+')", "123");
    check("'123 abc 456'.findAll('[0-9]+')", "[123, 456]");
    check("'123 abc 456'.findAll('[0-9]+', 1)", "[123]");
    check("'abc'.find('x')", "");
    check("url('https://user@example.com:80/a%20b?k=v&k=w#f').getHost()", "example.com:80");
    check(
        "url('https://example.com:80/').getHostname() + url('https://example.com:80/').getPort()",
        "example.com80",
    );
    check("url('https://[::1]:80/').getHostname()", "::1");
    check("url('https://example.com/a b').getEscapedPath()", "/a%20b");
    check("url('https://example.com/?k=a%20b&k=w').getQuery()['k']", "[a b, w]");
    check("url('/path').getScheme()", "");
    check("isURL('https://a:80/') && !isURL('../relative')", "true");
    check(
        "url('../x')",
        "error: URL parse error during conversion from string: parse \"../x\": invalid URI for request",
    );
}

#[test]
fn quantities_and_versions() {
    check("quantity('50000000G').isInteger() && quantity('50k').asInteger() == 50000", "true");
    check(
        "quantity('99999999999999999999999999999999G').asInteger()",
        "error: cannot convert value to integer",
    );
    check("sign(quantity('-1'))", "-1");
    check("quantity('50k').add(quantity('20')) == quantity('50020')", "true");
    check("quantity('50k').sub(20) == quantity('49980')", "true");
    check("quantity('200M').compareTo(quantity('0.2G'))", "0");
    check("quantity('150Mi').isGreaterThan(quantity('100Mi'))", "true");
    check("isQuantity('1.3Gi') && !isQuantity('1.3GiB')", "true");
    check(
        "quantity('10 k')",
        "error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
    check(
        "semver('1.2.3').isLessThan(semver('1.2.4')) && semver('1.0.0-a').isLessThan(semver('1.0.0'))",
        "true",
    );
    check("semver('v01.01', true).compareTo(semver('1.1.0'))", "0");
    check("semver('1.2.3').major() + semver('1.2.3').minor() + semver('1.2.3').patch()", "6");
    check("isSemver('1.0.0') && !isSemver('v1.0') && isSemver('v1.0', true)", "true");
    check("semver('1.0')", "error: No Major.Minor.Patch elements found");
}

#[test]
fn addresses_and_networks() {
    check("ip('192.168.0.1').family() + ip('::1').family()", "10");
    check("ip.isCanonical('127.0.0.1') && !ip.isCanonical('2001:DB8::abcd')", "true");
    check("ip('127.0.0.1').isLoopback() && ip('0.0.0.0').isUnspecified()", "true");
    check("ip('224.0.0.1').isLinkLocalMulticast() && ip('fe80::1').isLinkLocalUnicast()", "true");
    check("ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()", "true");
    check("string(ip('::ABCD'))", "::abcd");
    check("type(ip('::1')) == net.IP", "true");
    check(
        "ip('192.168.0.1.0')",
        "error: IP Address \"192.168.0.1.0\" parse error during conversion from string: ParseAddr(\"192.168.0.1.0\"): IPv4 address too long",
    );
    check("ip('::ffff:1.2.3.4')", "error: IPv4-mapped IPv6 address \"::ffff:1.2.3.4\" is not allowed");
    check("isIP('fe80::1%en0')", "false");
    check(
        "cidr('192.168.0.0/24').containsIP('192.168.0.1') && !cidr('192.168.0.0/24').containsIP(ip('10.0.0.1'))",
        "true",
    );
    check("cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24')", "true");
    check("cidr('192.168.0.0/24').containsCIDR(cidr('192.168.0.0/23'))", "false");
    check(
        "string(cidr('192.168.0.1/24').masked()) + string(cidr('192.168.0.1/24').prefixLength())",
        "192.168.0.0/2424",
    );
    check("cidr('10.0.0.1/8').ip() == ip('10.0.0.1')", "true");
    check("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0')", "true");
    check("cidr('::/0').containsIP('::1') && cidr('0.0.0.0/0').containsIP('1.1.1.1')", "true");
}

#[test]
fn what_is_wrong_with_an_address_is_told_in_gos_words() {
    let check = |address: &str, want: &str| {
        let what = format!("IP Address \"{address}\" parse error during conversion from string");
        let want = format!("error: {what}: ParseAddr(\"{address}\"): {want}");
        assert_eq!(result(&format!("ip('{address}')")), want);
    };
    check("", "unable to parse IP");
    check("%eth0", "missing IPv6 address");
    check("1.2.3", "IPv4 address too short");
    check("1.2.3.4.5", "IPv4 address too long");
    check("1..2.3", "IPv4 field must have at least one digit (at \".2.3\")");
    check("01.2.3.4", "IPv4 field has octet with leading zero");
    check("256.2.3.4", "IPv4 field has value >255");
    check("1.2.x.4", "unexpected character (at \"x.4\")");
    check("1:2", "address string too short");
    check("::1:2:3:4:5:6:1.2.3.4", "the :: must expand to at least one field of zeros");
    check("::g", "each colon-separated field must have at least one digit (at \"g\")");
    check("12345::", "each group must have 4 or less digits (at \"12345::\")");
    check("1:2:3:4:5:6:7:8:9", "trailing garbage after address (at \"9\")");
    check("1::2::3", "multiple :: in address (at \":3\")");
    check("::1.2.3", "IPv4 address too short");
    check("fe80::1%", "zone must be a non-empty string");
    let wrong = "error: no such overload";
    assert_eq!(result("cidr('10.0.0.0/8').containsIP('x')"), wrong);
}

#[test]
fn formats_cost_what_their_patterns_say() {
    let check = |expression: &str, want: u64| {
        let program = Environment::new().compile(expression).expect("compiles");
        let mut budget = Budget::default();
        program.evaluate(&Activation::new(), &mut budget).expect("a value");
        assert_eq!(budget.spent(), want, "{expression}");
    };
    check("format.dns1123Label().validate('my-label-name') == optional.none()", 19);
    check("format.uri().validate('http://example.com') == optional.none()", 555);
    check("format.uuid().validate('123e4567-e89b-12d3-a456-426614174000') == optional.none()", 75);
    check("format.byte().validate('aGVsbG8=') == optional.none()", 24);
    check("format.named('dns1123Label').value().validate('my-name') == optional.none()", 12);
}

#[test]
fn formats() {
    check("format.dns1123Label().validate('my-label').hasValue()", "false");
    check("format.named('uuid').value().validate('x').value()", "[does not match the UUID format]");
    check("format.named('nope').hasValue()", "false");
    check("format.date().validate('2021-02-30').value()", "[invalid date]");
    check("format.byte().validate('aGVsbG8=').hasValue()", "false");
    check("format.byte().validate('').value()", "[invalid base64]");
    check("format.dns1123SubdomainPrefix().validate('a.-').hasValue()", "false");
    check("format.uri().validate('http://example.com').hasValue()", "false");
}

/// Allows whatever a service account of kube-system asks, and reading pods.
#[derive(Debug)]
struct Fake;

impl Authorizer for Fake {
    fn authorize(&self, check: &Check) -> Decision {
        let trusted = check.service_account.as_ref().is_some_and(|(namespace, _)| namespace == "kube-system");
        let pods = matches!(&check.target, Target::Resource(target) if target.resource == "pods" && target.namespace == "a");
        let allowed = trusted || pods && check.verb == "get";
        Decision { allowed, reason: if allowed { "rule" } else { "" }.to_owned(), error: None }
    }
}

#[test]
fn authorizers() {
    let environment = Environment::new()
        .variable("authorizer", Type::authorizer())
        .variable("authorizer.requestResource", Type::resource_check());
    let check = |expression: &str, want: &str| {
        let program = environment.compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let resource =
            ResourceTarget { resource: "pods".into(), namespace: "a".into(), ..ResourceTarget::default() };
        let variables = Activation::new()
            .bind("authorizer", Value::authorizer(Arc::new(Fake)))
            .bind("authorizer.requestResource", Value::resource_check(Arc::new(Fake), resource));
        let got = program.evaluate(&variables, &mut Budget::default());
        assert_eq!(
            got.map_or_else(|error| error.to_string(), |value| value.to_string()),
            want,
            "{expression}"
        );
    };
    check("authorizer.group('').resource('pods').namespace('a').check('get').allowed()", "true");
    check("authorizer.group('').resource('pods').namespace('b').name('x').check('get').allowed()", "false");
    check("authorizer.serviceAccount('kube-system', 'x').path('/healthz').check('get').reason()", "rule");
    check("authorizer.requestResource.check('get').allowed()", "true");
    check("authorizer.requestResource.check('list').errored()", "false");
    check("authorizer.path(' ')", "path must not be empty");
    check("authorizer.serviceAccount('kube_system', 'x')", "Invalid service account namespace");
}

#[test]
fn patches() {
    let elsewhere = Environment::new().compile("jsonpatch.escapeKey('a')").expect_err("no such function");
    assert!(elsewhere.to_string().contains("undeclared reference to 'jsonpatch'"), "{elsewhere}");
    let environment = Environment::new().messages();
    let program = environment.compile("jsonpatch.escapeKey('k8s.io/my~label')").expect("compiles");
    let escaped = program.evaluate(&Activation::new(), &mut Budget::default());
    assert_eq!(escaped, Ok(Value::string("k8s.io~1my~0label")));
    let program = environment
        .compile("[JSONPatch{op: 'add', path: '/a', value: Object.spec{replicas: 1}}]")
        .unwrap_or_else(|error| panic!("{error}"));
    let value = program.evaluate(&Activation::new(), &mut Budget::default()).expect("a value");
    let want = serde_json::json!([{"op": "add", "path": "/a", "value": {"replicas": 1}}]);
    assert_eq!(value.to_json(), Some(want));
    let error = environment.compile("JSONPatch{foo: 1}").expect_err("no such field").to_string();
    assert!(error.contains("undefined field 'foo'"), "{error}");
}
