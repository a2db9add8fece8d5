//! Sets of fields, as managedFields have them.

use ironclad_api::apply::{FieldSet, managed};

use super::{Target, decoded, halves, none};

pub const TARGET: Target = Target {
    name: "fields",
    promise: "a set can be written and read again; what is in two sets, in either and in one only adds up",
    check,
    words: &[
        "\"f:a\":{}",
        "\"f:\":{}",
        "\".\":{}",
        "\"i:0\":{}",
        "\"i:-1\":{}",
        "\"v:1\":{}",
        "\"v:\\\"a\\\"\":{}",
        "\"v:null\":{}",
        "\"k:{\\\"a\\\":1,\\\"b\\\":2}\":{}",
        "\"k:{}\":{}",
        "\"x:y\":{}",
        "{",
        "}",
        ":",
        ",",
        "\n---\n",
    ],
    made: none,
    short_run: 10_000,
};

fn check(input: &[u8]) {
    if let Some(mut object) = decoded(input)
        && let Ok(managers) = managed::decode(&object)
    {
        managed::encode(&mut object, managers);
        let again = managed::decode(&object).expect("what was written can be read");
        let mut twice = object.clone();
        managed::encode(&mut twice, again);
        assert_eq!(twice, object);
    }
    let (left, right) = halves(input).unwrap_or((input, b"{}"));
    if let (Some(left), Some(right)) = (set(left), set(right)) {
        check_two(&left, &right);
    }
}

fn set(input: &[u8]) -> Option<FieldSet> {
    let set = FieldSet::from_fields_v1(&decoded(input)?).ok()?;
    let again = FieldSet::from_fields_v1(&set.to_fields_v1());
    assert_eq!(again.as_ref(), Ok(&set));
    assert!(set.paths().iter().all(|path| set.contains(path)));
    Some(set)
}

fn check_two(left: &FieldSet, right: &FieldSet) {
    let (union, both) = (left.union(right), left.intersection(right));
    assert_eq!(union, right.union(left));
    assert_eq!(both, right.intersection(left));
    assert_eq!(left.difference(right).union(&both), *left);
    assert!(left.difference(left).is_empty() && left.recursive_difference(left).is_empty());
    assert_eq!(union.paths().len() + both.paths().len(), left.paths().len() + right.paths().len());
}
