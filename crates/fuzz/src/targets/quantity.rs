//! Quantities, and the other numbers with units.

use ironclad_api::intstr::{IntOrString, Round};
use ironclad_api::quantity::Quantity;

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "quantity",
    promise: "what is printed is the same amount, and prints the same again; sums can be taken apart",
    check,
    words: &[
        "Ki",
        "Mi",
        "Gi",
        "Ei",
        "m",
        "u",
        "n",
        "k",
        "M",
        "E",
        "e",
        "e-9",
        "E+18",
        ".",
        "-",
        "+",
        "0.000000001",
        "%",
        "9",
    ],
    made: none,
    short_run: 30_000,
};

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let share = IntOrString::parse(&text);
    drop((share.scaled(7, Round::Up), share.scaled(i64::MAX, Round::Down), share.percent()));
    let mut quantities = text.lines().filter_map(|line| Quantity::parse(line).ok());
    let Some(left) = quantities.next() else { return };
    one(&left);
    if let Some(right) = quantities.next() {
        one(&right);
        let sum = left.clone() + &right;
        one(&sum);
        assert_eq!(sum, right.clone() + &left);
        assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
    }
}

/// Amounts beyond are cut when they are read, which sums are not.
const MOST: f64 = 9.2e18;

fn one(quantity: &Quantity) {
    drop((
        quantity.value(),
        quantity.milli_value(),
        quantity.mul(i64::MIN),
        -quantity.clone(),
        quantity.to_string(),
    ));
    if quantity.as_f64().abs() > MOST {
        return;
    }
    let printed = quantity.to_string();
    let again = Quantity::parse(&printed).unwrap_or_else(|error| panic!("{error}: {printed:?}"));
    assert_eq!(again, *quantity, "{printed:?}");
    assert_eq!(again.to_string(), printed);
    let canonical = quantity.canonical();
    let again = Quantity::parse(&canonical).unwrap_or_else(|error| panic!("{error}: {canonical:?}"));
    assert_eq!(again.canonical(), canonical);
    drop((
        quantity.value(),
        quantity.milli_value(),
        quantity.as_f64(),
        quantity.mul(i64::MIN),
        -quantity.clone(),
    ));
}
