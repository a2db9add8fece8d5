//! What a call costs when it runs.

use super::{CHECK, LIST, MESSAGE, PATTERN, TRAVERSAL};
use crate::library::pattern_length;
use crate::value::Value;

/// How the cost of a call follows from its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Charge {
    Fixed(u64),
    /// By the size of the first argument.
    First(f64),
    /// By the size of the second argument.
    Second(f64),
    /// By the size of the result.
    Result(f64),
    /// By the smaller of two sizes: comparisons.
    Smaller,
    /// By the sum of two sizes: joining strings.
    Both,
    /// A string searched for another.
    Search,
    /// A string matched against a pattern.
    Pattern,
    /// Everything inside the first argument.
    Deep,
    /// A selector of the authorizer.
    Selector,
    /// A string against a named format.
    Format,
    /// Every element of one list against every one of another, and back if 2.
    Sets(f64),
    /// A list that is made: by the size of the first argument times a factor that the second
    /// argument may give.
    Flatten,
    /// A list that is made, by its size.
    NewList,
    /// Every element of the list at that place against every other one.
    Sort(usize),
    /// An address in a network; `parses` if it is given as a string.
    Contains {
        network: bool,
        parses: bool,
    },
}

impl Charge {
    /// The charge of a function. `overload` is known if the types leave but one.
    pub(crate) fn of(function: &str, overload: Option<&str>) -> Self {
        match function {
            "check" => Charge::Fixed(CHECK),
            "fieldSelector" | "labelSelector" => Charge::Selector,
            "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => Charge::Deep,
            "url"
            | "lowerAscii"
            | "upperAscii"
            | "substring"
            | "trim"
            | "jsonpatch.escapeKey"
            | "cidr"
            | "isIP"
            | "isCIDR"
            | "quantity"
            | "isQuantity"
            | "semver"
            | "isSemver" => Charge::First(TRAVERSAL),
            "replace" | "split" | "ip.isCanonical" => Charge::First(2.0 * TRAVERSAL),
            "join" => Charge::Result(2.0 * TRAVERSAL),
            "find" | "findAll" => Charge::Pattern,
            "ip" if overload == Some("cidr_ip") => Charge::Fixed(1),
            "ip" => Charge::First(TRAVERSAL),
            "containsIP" => {
                Charge::Contains { network: false, parses: overload == Some("cidr_contains_ip_string") }
            }
            "containsCIDR" => {
                Charge::Contains { network: true, parses: overload == Some("cidr_contains_cidr_string") }
            }
            "validate" => Charge::Format,
            _ => Self::of_overload(overload),
        }
    }

    fn of_overload(overload: Option<&str>) -> Self {
        match overload {
            Some(
                "starts_with_string" | "ends_with_string" | "string_to_bytes" | "bytes_to_string"
                | "strings_quote" | "string_format",
            ) => Charge::First(TRAVERSAL),
            Some("list_sets_contains_list" | "list_sets_intersects_list") => Charge::Sets(1.0),
            Some("list_sets_equivalent_list") => Charge::Sets(2.0),
            Some("list_flatten" | "list_flatten_int") => Charge::Flatten,
            Some("list_slice" | "lists_range" | "list_reverse") => Charge::NewList,
            Some("list_distinct") => Charge::Sort(0),
            Some(id) if id.starts_with("list_") && id.ends_with("_sort") => Charge::Sort(0),
            Some(id) if id.ends_with("_sortByAssociatedKeys") => Charge::Sort(1),
            Some("in_list") => Charge::Second(1.0),
            Some("compare_string" | "compare_bytes") => Charge::Smaller,
            Some("add_string" | "add_bytes") => Charge::Both,
            Some("matches_string") => Charge::Pattern,
            Some("contains_string") => Charge::Search,
            _ => Charge::Fixed(1),
        }
    }

    /// What is due before the function runs.
    pub(crate) fn before(self, args: &[Value<'_>]) -> u64 {
        let size = |at: usize| args.get(at).map_or(1, Value::size);
        match self {
            Charge::Fixed(cost) => cost,
            Charge::First(factor) => scaled(size(0), factor),
            Charge::Second(factor) => scaled(size(1), factor),
            Charge::Result(_) | Charge::NewList => 0,
            Charge::Sets(factor) => 1 + (size(0).saturating_mul(size(1)) as f64 * factor) as u64,
            Charge::Flatten => {
                let depth = args.get(1).and_then(Value::as_int).map_or(1.0, |depth| depth as f64);
                new_list(size(0), depth)
            }
            Charge::Sort(at) => {
                let walked = match args.get(at) {
                    Some(Value::List(list)) => {
                        matches!(list.get(0), Some(Value::String(_) | Value::Bytes(_)))
                    }
                    _ => false,
                };
                let factor = if walked { 2.0 + TRAVERSAL } else { 2.0 };
                new_list(size(at).saturating_mul(size(at)), factor)
            }
            Charge::Smaller => scaled(size(0).min(size(1)), TRAVERSAL),
            Charge::Both => scaled(size(0).saturating_add(size(1)), TRAVERSAL),
            Charge::Search => scaled(size(0), TRAVERSAL).saturating_mul(scaled(size(1), TRAVERSAL)),
            // One more than the string's size: matching against an empty string is not free.
            Charge::Pattern => scaled(size(0) + 1, TRAVERSAL).saturating_mul(scaled(size(1), PATTERN)),
            Charge::Deep => args.first().map_or(0, traversal),
            Charge::Selector => selector(size(1)),
            Charge::Format => {
                let pattern = args.first().and_then(pattern_length).unwrap_or(1);
                scaled(size(1) + 1, TRAVERSAL).saturating_mul(scaled(pattern, PATTERN))
            }
            Charge::Contains { network, parses } => {
                let masked = if network { scaled(size(0), TRAVERSAL) + 1 } else { 0 };
                let parsed = if parses { scaled(size(1), TRAVERSAL) } else { 0 };
                scaled(size(0) * 2, TRAVERSAL) + masked + parsed
            }
        }
    }

    /// What is due for the result.
    pub(crate) fn after(self, result: &Value<'_>) -> u64 {
        match self {
            Charge::Result(factor) => scaled(result.size(), factor),
            Charge::NewList => new_list(result.size(), 1.0),
            _ => 0,
        }
    }
}

/// What comparing two values costs. Values of libraries are compared for one.
pub(crate) fn equality(left: &Value<'_>, right: &Value<'_>, negated: bool) -> u64 {
    match left {
        Value::Foreign(_) if !negated => 1,
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) => {
            1.min(right.size())
        }
        _ => Charge::Smaller.before(&[left.clone(), right.clone()]),
    }
}

/// A call that makes a list.
fn new_list(size: u64, factor: f64) -> u64 {
    ((size as f64 * factor) as u64).saturating_add(1 + LIST)
}

/// A size times a factor, rounded up.
pub(super) fn scaled(size: u64, factor: f64) -> u64 {
    // Conversions from float saturate.
    (size as f64 * factor).ceil() as u64
}

/// Parsing a selector, and a requirement for every two characters of it.
fn selector(length: u64) -> u64 {
    let requirements = scaled(length, 0.5).saturating_mul(LIST + MESSAGE);
    LIST.saturating_add(scaled(length, TRAVERSAL)).saturating_add(requirements)
}

/// The cost of walking everything inside a value.
fn traversal(value: &Value<'_>) -> u64 {
    match value {
        Value::String(text) => (text.len() as f64 * TRAVERSAL) as u64,
        Value::Bytes(bytes) => (bytes.len() as f64 * TRAVERSAL) as u64,
        Value::List(list) => list.iter().map(|item| traversal(&item)).fold(0, u64::saturating_add),
        Value::Map(map) => map.keys().iter().fold(0, |sum: u64, key| {
            let value = map.get(key).ok().flatten();
            sum.saturating_add(traversal(key)).saturating_add(value.map_or(0, |value| traversal(&value)))
        }),
        _ => 1,
    }
}
