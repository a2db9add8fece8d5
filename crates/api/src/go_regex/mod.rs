//! Go's regular expressions (RE2 syntax), run by the `regex` crate.
//!
//! Both run in linear time and mean the same by almost everything. What differs is
//! translated: `\d \w \s \b` are ASCII in Go, `\Q..\E` and a lone `{` are literals, escapes
//! of punctuation never mean anything, and errors have Go's texts.
//! Source: <https://github.com/google/re2/wiki/Syntax>

mod class;
mod escape;
mod translate;

use regex::{Regex, RegexBuilder};

/// The compiled program may not be larger, in bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// Classes of Unicode characters in one pattern. Each stands for hundreds of ranges, all of which are
/// made before the size of the program is known.
const MAX_UNICODE_CLASSES: usize = 500;

/// Compiles a Go pattern; the error is Go's text.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let too_large =
        || format!("error parsing regexp: expression nests too deeply or is too large: `{pattern}`");
    if pattern.matches(r"\p").count() + pattern.matches(r"\P").count() > MAX_UNICODE_CLASSES {
        return Err(too_large());
    }
    let translated = translate::translate(pattern)
        .map_err(|error| format!("error parsing regexp: {}: `{}`", error.what, error.at))?;
    RegexBuilder::new(&translated).size_limit(SIZE_LIMIT).build().map_err(|_| too_large())
}

/// Go's word for what is wrong, and the part of the pattern it is about.
#[derive(Debug, PartialEq, Eq)]
struct SyntaxError {
    what: &'static str,
    at: String,
}

impl SyntaxError {
    fn new(what: &'static str, at: impl Into<String>) -> Self {
        Self { what, at: at.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn patterns_match_what_they_match_in_go() {
        let check = |pattern: &str, text: &str, want: bool| {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), want, "{pattern} on {text}");
        };
        check(r"^\d+$", "12", true);
        check(r"^\d+$", "١٢", false);
        check(r"^\w$", "é", false);
        check(r"^[\w-]+$", "a-b", true);
        check(r"^\s$", "\u{a0}", false);
        check(r"^\S\D\W$", "é é", true);
        check(r"\bfoo\b", "éfooé", true);
        check(r"a\Bb", "ab", true);
        check(r"^\Qa.b*\E$", "a.b*", true);
        check(r"^\Qa.b", "a.b", true);
        check(r"^{a}$", "{a}", true);
        check(r"^a{,2}$", "a{,2}", true);
        check(r"^a{2}$", "aa", true);
        check(r"^a{2,}?b$", "aaab", true);
        check(r"^[]a]+$", "]a", true);
        check(r"^[^]a]$", "b", true);
        check(r"^[a&&b]+$", "&b", true);
        check(r"^[a[b]+$", "[", true);
        check(r"^[[:alpha:]_]+$", "ab_", true);
        check(r"^[[:^alpha:]]+$", "12", true);
        check(r"^[^\D5]$", "4", true);
        check(r"^[^\D5]$", "5", false);
        check(r"^[a\-z]+$", "-", true);
        check(r"^[a-]+$", "-", true);
        check(r"^\<\>\/\_$", "<>/_", true);
        check(r"^\x41\x{42}\103\n$", "ABC\n", true);
        check(r"^\p{Greek}\pL\P{Greek}\p{^Greek}$", "αaab", true);
        check(r"^(?P<1st>a)(?<name>b)(?i:C)(?:d)$", "abcd", true);
        check(r"(?i)^abc$", "ABC", true);
        check(r"^a$", "a\n", false);
        check(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a-b.c", true);
        check("", "anything", true);
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        let check = |pattern: &str, want: &str| {
            let error = compile(pattern).expect_err(pattern);
            assert_eq!(error, format!("error parsing regexp: {want}"), "{pattern}");
        };
        check("a(b", "missing closing ): `a(b`");
        check("a)b", "unexpected ): `a)b`");
        check("a[b", "missing closing ]: `[b`");
        check("*a", "missing argument to repetition operator: `*`");
        check("a|+", "missing argument to repetition operator: `+`");
        check("(?:?)", "missing argument to repetition operator: `?`");
        check("a**", "invalid nested repetition operator: `**`");
        check("a{1001}", "invalid repeat count: `{1001}`");
        check("a{2,1}", "invalid repeat count: `{2,1}`");
        check("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
        check("(?!a)", "invalid or unsupported Perl syntax: `(?!`");
        check("(?<=a)b", "invalid named capture: `(?<=a)b`");
        check("[z-a]", "invalid character class range: `z-a`");
        check("[[:foo:]]", "invalid character class range: `[:foo:]`");
        check(r"\y", r"invalid escape sequence: `\y`");
        check(r"\1", r"invalid escape sequence: `\1`");
        check(r"\Z", r"invalid escape sequence: `\Z`");
        check("a\\", "trailing backslash at end of expression: ``");
        check(r"\p{Nope}", r"invalid character class range: `\p{Nope}`");
    }
}
