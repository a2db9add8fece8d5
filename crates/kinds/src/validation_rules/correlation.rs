//! Which old value stands where a new one does, as far as ratcheting goes.

use std::cell::OnceCell;

use serde_json::Value;

/// A value of the new object beside that of the old one.
#[derive(Clone, Copy)]
struct Pair<'a> {
    new: &'a Value,
    old: &'a Value,
    /// Whether they are the same, where that is asked often.
    same: Option<&'a OnceCell<bool>>,
}

impl<'a> Pair<'a> {
    fn new(new: &'a Value, old: &'a Value) -> Self {
        Self { new, old, same: None }
    }

    fn is_unchanged(self) -> bool {
        let compare = || self.new == self.old;
        self.same.map_or_else(compare, |same| *same.get_or_init(compare))
    }
}

/// Where a value stands: beside an old one, or below the nearest that does.
#[derive(Clone, Copy, Default)]
pub(super) struct Correlation<'a> {
    here: Option<Pair<'a>>,
    above: Option<Pair<'a>>,
}

impl<'a> Correlation<'a> {
    pub(super) fn root(new: &'a Value, old: Option<&'a Value>) -> Self {
        Self { here: old.map(|old| Pair::new(new, old)), above: None }
    }

    /// Whether what is wrong here was wrong before: the value, or one around it, is the same.
    pub(super) fn is_unchanged(self) -> bool {
        self.here.or(self.above).is_some_and(Pair::is_unchanged)
    }

    pub(super) fn field(self, name: &str) -> Self {
        let Some(here) = self.here else { return self };
        // The server's own fields are not what the two clients wrote.
        if self.above.is_none() && matches!(name, "apiVersion" | "kind") {
            return Self::default();
        }
        let inner = here.new.get(name).zip(here.old.get(name));
        Self { here: inner.map(|(new, old)| Pair::new(new, old)), above: Some(here) }
    }

    /// The same, compared at most once: each element of a list may ask whether the list has changed.
    pub(super) fn compared_once(self, same: &'a OnceCell<bool>) -> Self {
        Self { here: self.here.map(|here| Pair { same: Some(same), ..here }), ..self }
    }

    /// `old` is the old element with the same keys, in lists where elements have any.
    pub(super) fn element(self, new: &'a Value, old: Option<&'a Value>) -> Self {
        let Some(here) = self.here else { return self };
        Self { here: old.map(|old| Pair::new(new, old)), above: Some(here) }
    }
}
