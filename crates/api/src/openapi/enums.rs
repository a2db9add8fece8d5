//! The values of those text fields that have a fixed set of them. Only the documents tell them: what is
//! written is held against each kind's own rules.

use crate::schema::descriptions::{ByProperty, by_property};

const TEXT: &str = include_str!("../../data/enums.txt");

pub(super) struct Enums {
    values: ByProperty,
}

impl Enums {
    /// Indexes all sets. Drop it when the document is made.
    pub(super) fn read() -> Self {
        Self { values: by_property(TEXT) }
    }

    /// The values of a property, or of the elements of one that is a list or map.
    pub(super) fn get(&self, definition: &str, property: &str) -> Option<Vec<&'static str>> {
        self.values.get(&(definition, property)).map(|set| set.split(',').collect())
    }
}
