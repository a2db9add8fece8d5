//! What calls of Kubernetes' libraries may cost. A change here changes which rules a
//! CustomResourceDefinition may have.

use super::estimate::CallEstimate;
use super::{CHECK, Interval, LIST, LONGEST_FORMAT_PATTERN, MESSAGE, PATTERN, Sizes, TRAVERSAL};
use crate::types::Type;

/// An argument of a call, as far as it is known without running it.
pub(super) struct Argument {
    /// The place in the variables that it reads.
    pub(super) path: Vec<String>,
    pub(super) of: Type,
    pub(super) computed: Option<Interval>,
    /// Its value, if it is a number that is written out.
    pub(super) literal: Option<i64>,
}

impl Argument {
    pub(super) fn size(&self) -> Interval {
        self.computed.unwrap_or(Interval::UNKNOWN)
    }

    /// The type of a list's elements and how large one may be.
    fn element(&self, sizes: &dyn Sizes) -> Option<(&Type, Interval)> {
        let of = *self.of.parameters().first()?;
        let known = (!self.path.is_empty()).then(|| {
            let mut path = self.path.clone();
            path.push("@items".to_owned());
            sizes.size(&path)
        });
        Some((of, known.flatten().unwrap_or(Interval::UNKNOWN)))
    }
}

/// An address is four or sixteen bytes.
const ADDRESS: Interval = Interval { min: 4, max: 16 };

/// The cost of cel-go's functions of lists and sets.
fn collections(overload: &str, target: Option<&Argument>, args: &[Argument]) -> Option<CallEstimate> {
    let own = target.map(Argument::size);
    let size = |at: usize| args.get(at).map_or(Interval::UNKNOWN, Argument::size);
    let literal = |at: usize, otherwise: u64| match args.get(at).and_then(|arg| arg.literal) {
        Some(value) => u64::try_from(value).unwrap_or(0),
        None => otherwise,
    };
    let pairs = |factor: f64| CallEstimate::of(size(0).multiply(size(1)).scale(factor).add(Interval::ONE));
    let sort = |of: Interval| {
        let walked = overload.contains("_string_") || overload.contains("_bytes_");
        new_list(of.multiply(of), if walked { 2.0 + TRAVERSAL } else { 2.0 })
    };
    Some(match (overload, args.len()) {
        ("list_sets_contains_list" | "list_sets_intersects_list", 2) => pairs(1.0),
        ("list_sets_equivalent_list", 2) => pairs(2.0),
        ("list_slice", 2) => {
            let end = literal(1, own?.max);
            new_list(Interval::exactly(end.wrapping_sub(literal(0, 0))), 1.0)
        }
        ("lists_range", 1) => new_list(Interval::exactly(literal(0, u64::MAX)), 1.0),
        ("list_reverse", 0) => new_list(own?, 1.0),
        ("list_flatten", 0) => new_list(own?, 1.0),
        ("list_flatten_int", 1) => new_list(own?, literal(0, u64::MAX) as f64),
        ("list_distinct", 0) => new_list(own?.multiply(own?), 2.0),
        (id, 0) if id.ends_with("_sort") => sort(own?),
        (id, 1) if id.ends_with("_sortByAssociatedKeys") => sort(size(0)),
        _ => return None,
    })
}

fn new_list(size: Interval, factor: f64) -> CallEstimate {
    CallEstimate::sized(size.scale(factor).add(Interval::exactly(1 + LIST)), size)
}

/// The cost of a call of a library. `None` for CEL's own functions.
pub(super) fn estimate(
    function: &str,
    overload: &str,
    target: Option<&Argument>,
    args: &[Argument],
    sizes: &dyn Sizes,
) -> Option<CallEstimate> {
    if let Some(found) = collections(overload, target, args) {
        return Some(found);
    }
    let own = target.map(Argument::size);
    let size = |at: usize| args.get(at).map_or(Interval::UNKNOWN, Argument::size);
    let walk = |size: Interval| CallEstimate::of(size.scale(TRAVERSAL));
    Some(match (function, args.len()) {
        ("check", _) => CallEstimate::of(Interval::exactly(CHECK)),
        ("fieldSelector" | "labelSelector", 1) => CallEstimate::of(selector(size(0))),
        ("isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf", _) => elements(target?, sizes),
        ("url" | "jsonpatch.escapeKey", 1) => CallEstimate::sized(size(0).scale(TRAVERSAL), size(0)),
        ("lowerAscii" | "upperAscii" | "substring" | "trim", _) => {
            CallEstimate::sized(own?.scale(TRAVERSAL), own?)
        }
        ("replace", 2..) => {
            CallEstimate::sized(own?.scale(2.0 * TRAVERSAL), replaced(own?, size(0), size(1)))
        }
        ("split", _) => {
            let most = args.get(1).and_then(|count| count.literal).map(|count| count as u64);
            CallEstimate::sized(own?.scale(2.0 * TRAVERSAL), Interval::up_to(most.unwrap_or(own?.max)))
        }
        ("join", _) => {
            let joined = joined(target?, args.first(), sizes);
            CallEstimate::sized(joined.scale(TRAVERSAL), joined)
        }
        ("find" | "findAll", 1..) => {
            let text = own?.add(Interval::ONE).scale(TRAVERSAL);
            CallEstimate::sized(text.multiply(size(0).scale(PATTERN)), Interval::up_to(own?.max))
        }
        ("ip", _) if overload == "cidr_ip" => CallEstimate::of(Interval::ONE),
        ("cidr" | "isIP" | "isCIDR" | "ip" | "quantity" | "isQuantity" | "semver" | "isSemver", 1..) => {
            walk(size(0))
        }
        ("ip.isCanonical", 1..) => CallEstimate::of(size(0).scale(2.0 * TRAVERSAL)),
        ("containsIP", 1..) => CallEstimate::of(contained(size(0), overload == "cidr_contains_ip_string")),
        ("containsCIDR", 1..) => {
            let masked = ADDRESS.scale(TRAVERSAL).add(Interval::ONE);
            CallEstimate::of(contained(size(0), overload == "cidr_contains_cidr_string").add(masked))
        }
        ("validate", 1..) => {
            CallEstimate::of(size(0).scale(TRAVERSAL).scale(LONGEST_FORMAT_PATTERN * PATTERN))
        }
        ("_==_", 2) => CallEstimate::of(equality(args.first()?, args.get(1)?)?),
        _ if is_nominal(function) => CallEstimate::of(Interval::ONE),
        _ => return None,
    })
}

/// Accessors: they read what has been parsed already.
fn is_nominal(function: &str) -> bool {
    const NOMINAL: [&str; 38] = [
        "serviceAccount",
        "path",
        "group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "allowed",
        "reason",
        "error",
        "errored",
        "masked",
        "prefixLength",
        "family",
        "isUnspecified",
        "isLoopback",
        "isLinkLocalMulticast",
        "isLinkLocalUnicast",
        "isGlobalUnicast",
        "format.named",
        "sign",
        "asInteger",
        "isInteger",
        "asApproximateFloat",
        "isGreaterThan",
        "isLessThan",
        "compareTo",
        "add",
        "sub",
        "major",
        "minor",
        "patch",
        "getScheme",
        "getHostname",
        "getHost",
        "getPort",
        "getEscapedPath",
        "getQuery",
    ];
    NOMINAL.contains(&function)
}

fn selector(length: Interval) -> Interval {
    let requirements = length.scale(0.5).scale((LIST + MESSAGE) as f64);
    Interval::exactly(LIST).add(length.scale(TRAVERSAL)).add(requirements)
}

/// One for each element of a list, and the walk over it if it is a string.
fn elements(target: &Argument, sizes: &dyn Sizes) -> CallEstimate {
    let Some((of, element)) = target.element(sizes) else {
        return CallEstimate::of(target.size().scale(TRAVERSAL));
    };
    let walked = matches!(of, Type::String | Type::Bytes);
    let each = if walked { Interval::ONE.add(element.scale(TRAVERSAL)) } else { Interval::ONE };
    CallEstimate::of(target.size().multiply(each))
}

/// The size of a string in which every `old` has become `new`.
fn replaced(text: Interval, old: Interval, new: Interval) -> Interval {
    let over = |size: u64, part: u64| (size as f64 / part as f64).ceil() as u64;
    let (most, kept_most) = if old.min == 0 {
        // An empty `old` is found around every character.
        (text.max.saturating_add(1), text.max)
    } else if new.max <= old.min {
        (0, text.max)
    } else {
        (over(text.max, old.min), 0)
    };
    let (least, kept_least) = if old.max == 0 {
        (text.min.saturating_add(1), text.min)
    } else if old.max <= new.min {
        (0, text.min)
    } else {
        (over(text.min, old.max), 0)
    };
    let kept = Interval { min: kept_least, max: kept_most };
    Interval { min: least, max: most }.multiply(new).add(kept)
}

fn joined(list: &Argument, separator: Option<&Argument>, sizes: &dyn Sizes) -> Interval {
    let count = list.size();
    let elements = list.element(sizes).map_or(Interval::ZERO, |(_, element)| count.multiply(element));
    let Some(separator) = separator else { return elements };
    let gaps = Interval { min: count.min.saturating_sub(1), max: count.max.saturating_sub(1) };
    elements.add(separator.size().multiply(gaps))
}

fn contained(other: Interval, parses: bool) -> Interval {
    let compared = ADDRESS.add(ADDRESS).scale(TRAVERSAL);
    if parses { compared.add(other.scale(TRAVERSAL)) } else { compared }
}

/// Comparing two values of one library type. `None` for all others.
fn equality(left: &Argument, right: &Argument) -> Option<Interval> {
    if left.of != right.of {
        return None;
    }
    match &left.of {
        Type::Opaque("net.IP" | "net.CIDR") => Some(Interval::ONE),
        Type::Message(name) => match name.as_ref() {
            "kubernetes.URL" => {
                let size = right.computed.map_or(1, |size| size.max);
                Some(Interval { min: 1, max: size }.scale(TRAVERSAL))
            }
            "kubernetes.NamedFormat" => Some(Interval { min: 1, max: 64 }.scale(TRAVERSAL)),
            name if name.starts_with("kubernetes.") => Some(Interval::ONE),
            _ => None,
        },
        _ => None,
    }
}
