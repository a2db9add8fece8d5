use super::*;

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Inputs and values of upstream's TestQuantityParse, as mantissa, exponent and notation.
#[test]
fn texts_have_upstreams_values() {
    use Notation::*;
    let check = |text: &str, mantissa: i64, scale: i32, notation: Notation| {
        for (prefix, mantissa) in [("", mantissa), ("+", mantissa), ("-", -mantissa)] {
            let got = quantity(&format!("{prefix}{text}"));
            assert_eq!(got, Quantity::scaled(mantissa, scale, notation), "{prefix}{text}");
            assert_eq!(got.notation, notation, "{prefix}{text}");
        }
    };
    check("0", 0, 0, DecimalSi);
    check("0n", 0, 0, DecimalSi);
    check("0Ki", 0, 0, BinarySi);
    check("8Ki", 8 * 1024, 0, BinarySi);
    check("7Mi", 7 << 20, 0, BinarySi);
    check("3Ei", 3 << 60, 0, BinarySi);
    check("100Ti", 100 << 40, 0, BinarySi);
    check("5n", 5, -9, DecimalSi);
    check("3m", 3, -3, DecimalSi);
    check("50k", 5, 4, DecimalSi);
    check("1E", 1, 18, DecimalSi);
    check("1E-3", 1, -3, DecimalExponent);
    check("1e14", 1, 14, DecimalExponent);
    check("100.035k", 100_035, 0, DecimalSi);
    check("0.0005k", 5, -1, DecimalSi);
    check("0.00500", 5, -3, DecimalSi);
    check("0.5e-2", 5, -3, DecimalExponent);
    check("1.3E+6", 13, 5, DecimalExponent);
    check("6.987654321G", 6_987_654_321, 0, DecimalSi);
    check("1.01E", 101, 16, DecimalSi);
    check("3.001n", 4, -9, DecimalSi);
    check("1.1E-9", 2, -9, DecimalExponent);
    check("0.0000000001", 1, -9, DecimalSi);
    check("0.00000012345", 124, -9, DecimalSi);
    check("9Ei", i64::MAX, 0, BinarySi);
    check("9223372036854775807Ki", i64::MAX, 0, BinarySi);
    check("12E", 12, 18, DecimalSi);
    check("100.035Ki", 10_243_584, -2, BinarySi);
    check("0.05Gi", 536_870_912, -1, BinarySi);
    check(".001", 1, -3, DecimalSi);
    check(".0001k", 100, -3, DecimalSi);
    check("1.", 1, 0, DecimalSi);
    check("1.G", 1, 9, DecimalSi);
    assert_eq!(quantity("0.000000000001Ki"), Quantity::scaled(2, -9, DecimalSi));
    assert_eq!(quantity("0.000000000001Ki").notation, DecimalSi);
}

#[test]
fn malformed_texts_are_refused_with_upstreams_reason() {
    use QuantityError::*;
    let check = |text: &str, want: QuantityError| assert_eq!(Quantity::parse(text), Err(want), "{text}");
    check("", Format);
    check("1.1.M", Format);
    check("1+1.0M", Format);
    check("0.1mi", Suffix);
    check("0.1am", Format);
    check("aoeu", Format);
    check(".5i", Suffix);
    check("1i", Suffix);
    check("-3.01e-", Suffix);
    check(" 1", Format);
    check("1 ", Format);
    check("1é", Format);
    check("1e99999999999999999999", Suffix);
    check(&"7".repeat(200), Numeric);
    let text = QuantityError::Format.to_string();
    assert_eq!(
        text,
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    );
}

#[test]
fn values_print_canonically() {
    use Notation::*;
    let check = |mantissa: i64, scale: i32, notation: Notation, want: &str| {
        assert_eq!(Quantity::scaled(mantissa, scale, notation).to_string(), want);
    };
    check(1 << 30, 0, BinarySi, "1Gi");
    check(300 << 20, 0, BinarySi, "300Mi");
    check(1001 << 30, 0, BinarySi, "1001Gi");
    check(5, 0, BinarySi, "5");
    check(500, -3, BinarySi, "500m");
    check(1000, 6, DecimalSi, "1G");
    check(1, -3, DecimalSi, "1m");
    check(108, -2, DecimalSi, "1080m");
    check(10_800, -4, DecimalSi, "1080m");
    check(1_234_567, 6, DecimalSi, "1234567M");
    check(1_234_567, -3, BinarySi, "1234567m");
    check(1025, 0, BinarySi, "1025");
    check(0, 0, BinarySi, "0");
    check(1, 9, DecimalExponent, "1e9");
    check(80, -3, DecimalExponent, "80e-3");
    check(100, 0, DecimalExponent, "100");
    check(1, 21, DecimalSi, "1000E");
    check(i64::MIN, 0, DecimalSi, "-9223372036854775808");
}

/// Upstream keeps a text that looks canonical to its quick test, and rewrites the rest.
#[test]
fn parsed_texts_print_as_upstream_prints_them() {
    let check = |text: &str, want: &str| assert_eq!(quantity(text).to_string(), want, "{text}");
    check("0", "0");
    check("0m", "0");
    check("00", "0");
    check("100m", "100m");
    check("1000m", "1");
    check("1024Mi", "1Gi");
    check("307200Ki", "300Mi");
    check("1.5Gi", "1536Mi");
    check("1.5", "1500m");
    check("1.500", "1.500");
    check("0.5", "500m");
    check("+5", "+5");
    check("0.001T", "1G");
    check("1.08", "1080m");
    check("1e3", "1e3");
    check("1E3", "1E3");
    check("1e2", "100");
    check(".001e12", "1e9");
    check("1000e-12", "1e-9");
    check("1025Ki", "1025Ki");
    check("-1Ki", "-1Ki");
    check("9Ei", "9223372036854775807");
    check("100000000000000000000", "100E");
    check("0.0000000001", "1n");
}

#[test]
fn json_numbers_are_quantities_too() {
    let check = |json: &str, want: &str| {
        let quantity: Quantity = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&quantity).unwrap(), format!("\"{want}\""));
    };
    check("1", "1");
    check("0.5", "500m");
    check("\" 2Gi \"", "2Gi");
    check("null", "0");
    assert!(serde_json::from_str::<Quantity>("true").is_err());
    assert!(serde_json::from_str::<Quantity>("\"x\"").is_err());
}

#[test]
fn values_round_away_from_zero_and_stay_in_range() {
    let check = |text: &str, value: i64, milli: i64| {
        let q = quantity(text);
        assert_eq!((q.value(), q.milli_value()), (value, milli), "{text}");
    };
    check("100m", 1, 100);
    check("1.5", 2, 1500);
    check("-1.5", -2, -1500);
    check("1u", 1, 1);
    check("2k", 2000, 2_000_000);
    check("1Gi", 1 << 30, 1000 << 30);
    check("9E", 9_000_000_000_000_000_000, i64::MAX);
    check("1e2000000000", i64::MAX, i64::MAX);
    check("-1e2000000000", i64::MIN, i64::MIN);
    check("1e-2000000000", 1, 1);
    assert_eq!(quantity("1500m").as_i64(), None);
    assert_eq!(quantity("2000m").as_i64(), Some(2));
    assert_eq!(quantity("100E").as_i64(), None);
    assert_eq!(quantity("1500m").as_f64(), 1.5);
}

#[test]
fn rounding_up_says_whether_it_was_exact() {
    let check = |text: &str, scale: i32, want: &str, exact: bool| {
        let mut q = quantity(text);
        assert_eq!(q.round_up(scale), exact);
        assert_eq!(q, quantity(want));
    };
    check("9.01", -3, "9.01", true);
    check("9.01", -1, "9.1", false);
    check("9.01", 0, "10", false);
    check("9.01", 2, "100", false);
    check("-9.01", -1, "-9.1", false);
    check("-9.01", 2, "-100", false);
}

#[test]
fn quantities_compare_by_value() {
    let check = |a: &str, b: &str, want: Ordering| {
        assert_eq!(quantity(a).cmp(&quantity(b)), want, "{a} {b}");
        assert_eq!(quantity(b).cmp(&quantity(a)), want.reverse(), "{b} {a}");
        assert_eq!((-quantity(a)).cmp(&-quantity(b)), want.reverse(), "-{a} -{b}");
    };
    check("0", "0Ki", Ordering::Equal);
    check("100m", "50m", Ordering::Greater);
    check("10000T", "100Gi", Ordering::Greater);
    check("1", "1000m", Ordering::Equal);
    check("1Ki", "1024", Ordering::Equal);
    check("-1", "1", Ordering::Less);
    check("1e2000000000", "1e-9", Ordering::Greater);
    check("9223372036854775807", "9223372036854775806.9999", Ordering::Greater);
}

#[test]
fn sums_keep_the_notation_of_the_first_that_is_not_zero() {
    let check = |a: &str, b: &str, sum: &str, difference: &str| {
        assert_eq!((quantity(a) + &quantity(b)).to_string(), sum);
        assert_eq!((quantity(a) - &quantity(b)).to_string(), difference);
    };
    check("0", "1Gi", "1Gi", "-1Gi");
    check("1Gi", "0", "1Gi", "1Gi");
    check("100m", "1", "1100m", "-900m");
    check("1Gi", "1k", "1073742824", "1073740824");
    check("1.5Gi", "512Mi", "2Gi", "1Gi");
    check("1e3", "1", "1001", "999");
    assert_eq!(quantity("100m").mul(3).to_string(), "300m");
    assert_eq!(quantity("1e2000000000") + &quantity("1n"), quantity("1e2000000000") + &quantity("1n"));
}

/// The longest numbers that parse survive every operation.
#[test]
fn extreme_quantities_do_not_overflow() {
    let texts = [
        "999999999999999999999999999999999999",
        "99999999999999999999999999999999999900",
        "1e2147483647",
        "1e-2147483648",
        "-9Ei",
        "0.1234567890123456789012345678Ei",
    ];
    for a in texts {
        for b in texts {
            let (a, b) = (quantity(a), quantity(b));
            let _ = (a.clone() + &b, a.clone() - &b, a.mul(i64::MAX), a.mul(i64::MIN), a.cmp(&b));
            let _ = (a.canonical(), a.value(), a.milli_value(), a.as_f64(), a.as_i64());
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_text_parses_or_is_refused_and_prints_what_reads_back(text in "[+-]?[0-9]{0,25}\\.?[0-9]{0,25}(|n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,3})") {
        if let Ok(q) = Quantity::parse(&text) {
            proptest::prop_assert_eq!(Quantity::parse(&q.canonical()).unwrap(), q.clone());
            proptest::prop_assert_eq!(Quantity::parse(&q.to_string()).unwrap(), q);
        }
    }
}
