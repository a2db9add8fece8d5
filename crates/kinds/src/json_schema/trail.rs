//! Where a value stands, written out only when an error is about it.

use std::fmt;

/// A step from the root, linked to the one before.
pub(super) struct Trail<'a> {
    parent: Option<&'a Trail<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Property(&'a str),
    /// A map's key, which has a dot before it even at the root.
    Key(&'a str),
    Index(usize),
}

impl<'a> Trail<'a> {
    pub(super) fn root() -> Self {
        Self { parent: None, step: Step::Root }
    }

    pub(super) fn property(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Property(name) }
    }

    pub(super) fn key(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Key(name) }
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    fn is_root(&self) -> bool {
        self.parent.is_none()
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        let at_root = self.parent.is_none_or(Trail::is_root);
        match self.step {
            Step::Root => Ok(()),
            Step::Property(name) if at_root => f.write_str(name),
            Step::Property(name) | Step::Key(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
