//! The text of an expression, addressed by character.

/// The characters of an expression. Offsets count Unicode characters, lines start at 1 and
/// columns at 0, as in CEL's error texts.
pub(crate) struct Source {
    chars: Vec<char>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        Self { chars: text.chars().collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.chars.len()
    }

    pub(crate) fn at(&self, offset: usize) -> Option<char> {
        self.chars.get(offset).copied()
    }

    pub(crate) fn text(&self, from: usize, to: usize) -> String {
        self.chars.get(from..to.min(self.chars.len())).map(|chars| chars.iter().collect()).unwrap_or_default()
    }

    /// The line and column of an offset.
    pub(crate) fn location(&self, offset: usize) -> (usize, usize) {
        let before = &self.chars[..offset.min(self.chars.len())];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let column = before.iter().rev().take_while(|c| **c != '\n').count();
        (line, column)
    }

    /// The text of a line, counted from 1.
    pub(crate) fn line(&self, number: usize) -> String {
        let mut lines = self.chars.split(|c| *c == '\n');
        lines.nth(number.saturating_sub(1)).map(|chars| chars.iter().collect()).unwrap_or_default()
    }
}
