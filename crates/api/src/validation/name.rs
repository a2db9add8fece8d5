//! Names of objects.

use super::dns::{dns1035_label, dns1123_label, dns1123_subdomain};
use super::{Faults, path};

/// The rule for the names of a kind. `prefix` says that more will be appended
/// (`generateName`), so a final dash is no fault.
pub type NameRule = fn(name: &str, prefix: bool) -> Faults;

/// Most kinds.
pub fn subdomain(name: &str, prefix: bool) -> Faults {
    dns1123_subdomain(&finished(name, prefix))
}

/// Namespaces, and Services since 1.36.
pub fn label(name: &str, prefix: bool) -> Faults {
    dns1123_label(&finished(name, prefix))
}

/// Services before 1.36.
pub fn label_1035(name: &str, prefix: bool) -> Faults {
    dns1035_label(&finished(name, prefix))
}

/// Roles, bindings and others whose names only have to fit in a URL.
pub fn path_segment(name: &str, prefix: bool) -> Faults {
    if prefix { path::path_segment_prefix(name) } else { path::path_segment_name(name) }
}

/// A prefix with its final dash made into something that may stand last. Upstream
/// replaces the character before the dash too, and so do we: lengths must agree.
fn finished(name: &str, prefix: bool) -> String {
    let dashed = prefix && name.len() > 1 && name.ends_with('-');
    let kept = name.char_indices().rev().nth(1).filter(|_| dashed);
    kept.map_or_else(|| name.to_owned(), |(end, _)| format!("{}a", &name[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_end_in_a_dash() {
        let check = |rule: NameRule, name: &str, prefix: bool, valid: bool| {
            assert_eq!(rule(name, prefix).is_empty(), valid, "{name} {prefix}");
        };
        check(subdomain, "web-", true, true);
        check(subdomain, "web-", false, false);
        check(subdomain, "web.a-", true, true);
        check(subdomain, "-", true, false);
        check(label, "web.a", false, false);
        check(label_1035, "1a", false, false);
        check(path_segment, "system:node", false, true);
        check(path_segment, "a/b", false, false);
        check(path_segment, "..", false, false);
        check(path_segment, "..", true, true);
    }
}
