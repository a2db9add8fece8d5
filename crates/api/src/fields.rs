//! Field selectors: `metadata.name=web,status.phase!=Running`.

use std::fmt;

/// Terms that must all hold. The default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub field: String,
    pub value: String,
    /// `!=` instead of `=`.
    pub negated: bool,
}

/// The texts are upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term { selector: String, term: String },
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// Upstream prints the character's number.
    #[error("invalid field selector: unescaped character in value: {0}")]
    Unescaped(u32),
}

impl Selector {
    pub fn new(terms: Vec<Term>) -> Self {
        Self { terms }
    }

    /// The one term `field=value`.
    pub fn equals(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(vec![Term { field: field.into(), value: value.into(), negated: false }])
    }

    /// The text of a `fieldSelector` parameter. Which fields there are, the kind knows.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut terms = split_terms(text);
        terms.sort_unstable();
        let terms = terms.into_iter().filter(|term| !term.is_empty());
        terms.map(|term| parse_term(text, term)).collect::<Result<_, _>>().map(Self::new)
    }

    /// The same terms with their fields renamed; `Err` is the first field that has no new name.
    pub fn renamed(self, name: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let rename = |term: Term| match name(&term.field) {
            Some(field) => Ok(Term { field, ..term }),
            None => Err(term.field),
        };
        self.terms.into_iter().map(rename).collect::<Result<_, _>>().map(Self::new)
    }

    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// `value_of` gives a field's value; a field that is absent is the empty string.
    pub fn matches<'a>(&self, value_of: impl Fn(&str) -> &'a str) -> bool {
        self.terms.iter().all(|term| (value_of(&term.field) == term.value) != term.negated)
    }

    /// The one value that `field` must have, for looking it up in an index.
    pub fn exact_value(&self, field: &str) -> Option<&str> {
        let term = self.terms.iter().find(|term| term.field == field && !term.negated)?;
        Some(&term.value)
    }

    pub fn and(mut self, more: Self) -> Self {
        self.terms.extend(more.terms);
        self
    }
}

/// Splits at commas that no backslash protects.
fn split_terms(text: &str) -> Vec<&str> {
    let mut protected = false;
    text.split(|c| {
        let splits = c == ',' && !protected;
        protected = c == '\\' && !protected;
        splits
    })
    .collect()
}

fn parse_term(selector: &str, term: &str) -> Result<Term, ParseError> {
    let operators = [("!=", true), ("==", false), ("=", false)];
    let split = term.char_indices().find_map(|(at, _)| {
        let (field, rest) = term.split_at(at);
        let (operator, negated) = operators.into_iter().find(|(operator, _)| rest.starts_with(operator))?;
        Some((field, rest.strip_prefix(operator)?, negated))
    });
    let Some((field, value, negated)) = split else {
        return Err(ParseError::Term { selector: selector.to_owned(), term: term.to_owned() });
    };
    Ok(Term { field: field.to_owned(), value: unescape(value)?, negated })
}

/// Any text as a value of a field selector.
pub fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn unescape(value: &str) -> Result<String, ParseError> {
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => return Err(ParseError::Escape(['\\'].into_iter().chain(other).collect())),
            },
            ',' | '=' => return Err(ParseError::Unescaped(c.into())),
            c => plain.push(c),
        }
    }
    Ok(plain)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let (comma, operator) = (if index > 0 { "," } else { "" }, if term.negated { "!=" } else { "=" });
            write!(f, "{comma}{}{operator}{}", term.field, escape(&term.value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_parse_and_print() {
        let check =
            |text: &str, want: &str| assert_eq!(Selector::parse(text).unwrap().to_string(), want, "{text}");
        check("", "");
        check("x=a,y==b,z!=c", "x=a,y=b,z!=c");
        check("y=b,x=a", "x=a,y=b");
        check("x=a,,", "x=a");
        check("x=", "x=");
        check("x.y[z]=\\,\\=\\\\", "x.y[z]=\\,\\=\\\\");
        check("a=b\\,c,d=e", "a=b\\,c,d=e");
    }

    #[test]
    fn texts_that_are_no_selectors_are_refused_in_upstreams_words() {
        let check = |text: &str, want: &str| {
            assert_eq!(Selector::parse(text).map_err(|e| e.to_string()), Err(want.to_owned()), "{text}");
        };
        check("x", "invalid selector: 'x'; can't understand 'x'");
        check("x=a||y=b", "invalid field selector: unescaped character in value: 61");
        check("x==a==b", "invalid field selector: unescaped character in value: 61");
        check("x=\\z", "invalid field selector: invalid escape sequence: \\z");
        check("x=a\\", "invalid field selector: invalid escape sequence: \\");
    }

    #[test]
    fn selectors_match_fields() {
        let check = |text: &str, want: bool| {
            let value_of = |field: &str| if field == "x" { "a" } else { "" };
            assert_eq!(Selector::parse(text).unwrap().matches(value_of), want, "{text}");
        };
        check("", true);
        check("x=a", true);
        check("x!=a", false);
        check("y=", true);
        check("y!=b,x=a", true);
        check("x=b", false);
    }

    #[test]
    fn an_exact_value_can_be_looked_up() {
        let selector = Selector::parse("metadata.name=web,status.phase!=Failed").unwrap();
        assert_eq!(selector.exact_value("metadata.name"), Some("web"));
        assert_eq!(selector.exact_value("status.phase"), None);
    }
}
