//! `$(VAR)` in commands, arguments and values (`k8s.io/kubernetes/third_party/forked/golang/expansion`).

/// Replaces `$(NAME)` by what `value` has for the name; a name it does not have stays as written. `$$` is
/// one `$`, so `$$(NAME)` is the text `$(NAME)`. Any other `$` stands for itself.
pub fn expand<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        rest = after;
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = reference(after) {
            match value(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = tail;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// Splits `(NAME)rest`.
fn reference(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('(')?.split_once(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let value = |name: &str| match name {
            "A" => Some("a"),
            "B" => Some("b"),
            "EMPTY" => Some(""),
            "REF" => Some("$(A)"),
            _ => None,
        };
        assert_eq!(expand(text, value), expected, "{text}");
    }

    #[test]
    fn references_are_replaced_and_everything_else_is_kept() {
        check("", "");
        check("plain", "plain");
        check("$(A)", "a");
        check("x-$(A)-$(B)-y", "x-a-b-y");
        check("$(EMPTY)", "");
        check("$(NONE)", "$(NONE)");
        check("$(REF)", "$(A)");
        check("$$(A)", "$(A)");
        check("$$$(A)", "$a");
        check("$$$$(A)", "$$(A)");
        check("$", "$");
        check("$A ${A}", "$A ${A}");
        check("$(A", "$(A");
        check("$()", "$()");
        check("$($(A))", "$($(A))");
        check("50% $ (A) $(A)é", "50% $ (A) aé");
    }
}
