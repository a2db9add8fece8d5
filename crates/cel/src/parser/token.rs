//! The words of the language.

/// What a token is; `text` of the token says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Operators, brackets and the word `in`.
    Symbol,
    Float,
    Int,
    Uint,
    String,
    Bytes,
    /// `true`, `false`, `null`.
    Word,
    Identifier,
    /// Between backquotes.
    EscapedIdentifier,
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// As written. `<EOF>` at the end.
    pub(super) text: String,
    /// Where it starts, in characters.
    pub(super) at: usize,
}

impl Token {
    pub(super) fn is(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }
}
