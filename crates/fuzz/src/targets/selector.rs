//! Label selectors and field selectors, and the names and values in them.

use ironclad_api::fields;
use ironclad_api::labels::{Labels, Selector};

use super::{Target, none};

pub const TARGET: Target = Target {
    name: "selector",
    promise: "what is printed selects the same",
    check,
    words: &[
        " in ",
        " notin ",
        "(",
        ")",
        "()",
        "!",
        "!=",
        "==",
        "=",
        ",",
        ">",
        "<",
        "a",
        "b/c",
        "a.b/c-d_e",
        "\\,",
        "\\=",
        "\\\\",
    ],
    made: none,
    short_run: 30_000,
};

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    labels(&text);
    if let Ok(selector) = fields::Selector::parse(&text) {
        let printed = selector.to_string();
        let again = fields::Selector::parse(&printed).expect("what is printed can be read");
        assert_eq!(again.terms().len(), selector.terms().len());
        assert!(again.terms().iter().all(|term| selector.terms().contains(term)), "{printed:?}");
        let value = |field: &str| if field.len().is_multiple_of(2) { "a" } else { "" };
        assert_eq!(again.matches(value), selector.matches(value));
    }
}

fn labels(text: &str) {
    let Ok(selector) = Selector::parse(text) else { return };
    let printed = selector.to_string();
    let again = Selector::parse(&printed).unwrap_or_else(|error| panic!("{error} in {printed:?}"));
    assert_eq!(again.to_string(), printed);
    let of = |pairs: &[(&str, &str)]| -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    for labels in [of(&[]), of(&[("a", "")]), of(&[("a", "b"), ("b/c", "7"), ("tier", "web")])] {
        assert_eq!(again.matches(&labels), selector.matches(&labels), "{printed:?} of {labels:?}");
    }
}
