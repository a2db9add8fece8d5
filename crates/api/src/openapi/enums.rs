//! The values of those text fields that have a fixed set of them. Only the documents tell them: what is
//! written is held against each kind's own rules.

use std::collections::HashMap;

const TEXT: &str = include_str!("../../data/enums.txt");

pub(super) struct Enums {
    values: HashMap<(&'static str, &'static str), &'static str>,
}

impl Enums {
    /// Indexes all sets. Drop it when the document is made.
    pub(super) fn read() -> Self {
        let mut values = HashMap::with_capacity(128);
        let mut definition = "";
        for line in TEXT.lines() {
            if let Some(name) = line.strip_prefix("= ") {
                definition = name;
            } else if let Some((property, set)) = line.split_once(' ') {
                values.insert((definition, property), set);
            }
        }
        Self { values }
    }

    /// The values of a property, or of the elements of one that is a list or map.
    pub(super) fn get(&self, definition: &str, property: &str) -> Option<Vec<&'static str>> {
        self.values.get(&(definition, property)).map(|set| set.split(',').collect())
    }
}
