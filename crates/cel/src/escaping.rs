//! Property names as identifiers: `a-b` is `a__dash__b` in an expression.
//!
//! Source: <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>

use std::borrow::Cow;

const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
const ESCAPES: [(&str, &str); 4] = [("__", "underscores"), (".", "dot"), ("-", "dash"), ("/", "slash")];

/// Whether the language has the word for itself.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// The identifier of a property. `None` if it cannot have one.
pub fn escape(property: &str) -> Option<Cow<'_, str>> {
    if property.is_empty() || property.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if RESERVED.contains(&property) {
        return Some(Cow::Owned(format!("__{property}__")));
    }
    if !property.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c)) {
        return None;
    }
    if !property.contains("__") && !property.contains(['.', '-', '/']) {
        return Some(Cow::Borrowed(property));
    }
    let mut out = String::with_capacity(property.len() + 16);
    let mut rest = property;
    while let Some(c) = rest.chars().next() {
        let escape = ESCAPES.iter().find(|(text, _)| rest.starts_with(text));
        match escape {
            Some((text, word)) => {
                out.extend(["__", word, "__"]);
                rest = &rest[text.len()..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    Some(Cow::Owned(out))
}

/// The property of an identifier. `None` if it has an escape that does not exist.
pub fn unescape(identifier: &str) -> Option<Cow<'_, str>> {
    if !identifier.contains("__") {
        return Some(Cow::Borrowed(identifier));
    }
    let mut out = String::with_capacity(identifier.len());
    let mut rest = identifier;
    while let Some(c) = rest.chars().next() {
        let Some(word) = escape_word(rest) else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let whole = word.len() + 4 == identifier.len();
        match ESCAPES.iter().find(|(_, name)| *name == word) {
            Some((text, _)) => out.push_str(text),
            None if whole && RESERVED.contains(&word) => out.push_str(word),
            None => return None,
        }
        rest = &rest[word.len() + 4..];
    }
    Some(Cow::Owned(out))
}

/// The word of `__word__` at the start of a text.
fn escape_word(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("__")?;
    let end = inner.find('_').filter(|end| *end > 0)?;
    inner[end..].starts_with("__").then(|| &inner[..end])
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};

    #[test]
    fn property_names_become_identifiers_and_back() {
        let check = |property: &str, want: Option<&str>| {
            assert_eq!(escape(property).as_deref(), want, "{property}");
            if let Some(identifier) = want {
                assert_eq!(unescape(identifier).as_deref(), Some(property), "{identifier}");
            }
        };
        check("", None);
        check("1a", None);
        check("ab$", None);
        check("é", None);
        check("abc_9", Some("abc_9"));
        check("_a", Some("_a"));
        check("namespace", Some("__namespace__"));
        check("namespaced", Some("namespaced"));
        check("a-b", Some("a__dash__b"));
        check("a.b/c", Some("a__dot__b__slash__c"));
        check("a__b", Some("a__underscores__b"));
        check("__", Some("__underscores__"));
        check("--", Some("__dash____dash__"));
    }

    #[test]
    fn unknown_escapes_are_refused() {
        for identifier in ["a__unknown__", "a__if__", "__dot__ __x__"] {
            assert_eq!(unescape(identifier), None, "{identifier}");
        }
    }
}
