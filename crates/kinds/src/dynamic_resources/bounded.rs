//! Lists and maps that have a largest size, with a rule for each item.

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::field::{BadValue, FieldError, FieldErrors, Path};

/// The shortest to which a key is cut in a path.
const SHORTEST_CUT: usize = 16;

/// The rule for each item, unless there are too many: then nothing else is looked at.
pub(super) fn list<T>(
    items: &[T],
    most: usize,
    path: &Path,
    mut rule: impl FnMut(&T, &Path) -> FieldErrors,
) -> FieldErrors {
    if items.len() > most {
        return vec![FieldError::too_many(path, items.len(), most)];
    }
    items.iter().enumerate().flat_map(|(index, item)| rule(item, &path.index(index))).collect()
}

/// A list in which no two items have the same key.
pub(super) fn set<T, K: Ord + Clone + Into<BadValue>>(
    items: &[T],
    most: usize,
    path: &Path,
    key: impl Fn(&T) -> K,
    rule: impl FnMut(&T, &Path) -> FieldErrors,
) -> FieldErrors {
    let mut errors = list(items, most, path, rule);
    if items.len() > most {
        return errors;
    }
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let key = key(item);
        if !seen.insert(key.clone()) {
            errors.push(FieldError::duplicate(&path.index(index), key));
        }
    }
    errors
}

/// A map: rules for its keys, whose errors stand at the map, and for its values. Long keys are
/// cut in the middle in paths.
pub(super) fn map<T>(
    entries: &BTreeMap<String, T>,
    most: usize,
    longest_key: usize,
    path: &Path,
    key_rule: fn(&str, &Path) -> FieldErrors,
    rule: impl Fn(&T, &Path) -> FieldErrors,
) -> FieldErrors {
    if entries.len() > most {
        return vec![FieldError::too_many(path, entries.len(), most)];
    }
    let each = entries.iter();
    each.flat_map(|(key, value)| {
        let mut errors = key_rule(key, path);
        errors.extend(rule(value, &path.key(&cut(key, longest_key.max(SHORTEST_CUT)))));
        errors
    })
    .collect()
}

/// `abc...xyz`, at most `longest` bytes.
fn cut(text: &str, longest: usize) -> String {
    const ELLIPSIS: &str = "...";
    if text.len() <= longest {
        return text.to_owned();
    }
    let kept = longest.saturating_sub(ELLIPSIS.len());
    let head = String::from_utf8_lossy(text.as_bytes().get(..kept.div_ceil(2)).unwrap_or_default());
    let tail = text.as_bytes().get(text.len() - kept / 2..).unwrap_or_default();
    format!("{head}{ELLIPSIS}{}", String::from_utf8_lossy(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_are_cut_in_the_middle() {
        assert_eq!(cut("abcdefghijklmnop", 16), "abcdefghijklmnop");
        assert_eq!(cut("abcdefghijklmnopq", 16), "abcdefg...lmnopq");
    }
}
