//! The elements of a list by the fields that tell them apart (`x-kubernetes-list-type: map`).

use std::collections::HashMap;

use serde_json::Value;

/// Of a list that may be long: an element is found without looking at the others.
pub(crate) struct KeyedList<'a> {
    keys: &'a [String],
    elements: HashMap<Vec<Option<&'a Value>>, &'a Value>,
}

impl<'a> KeyedList<'a> {
    /// Of elements with the same keys, the first counts.
    pub(crate) fn new(list: &'a [Value], keys: &'a [String]) -> Self {
        let mut elements = HashMap::with_capacity(list.len());
        for element in list {
            elements.entry(identity(element, keys)).or_insert(element);
        }
        Self { keys, elements }
    }

    /// The element with the keys of another.
    pub(crate) fn find(&self, like: &Value) -> Option<&'a Value> {
        self.elements.get(&identity(like, self.keys)).copied()
    }
}

fn identity<'v>(element: &'v Value, keys: &[String]) -> Vec<Option<&'v Value>> {
    keys.iter().map(|key| element.get(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_are_found_by_all_of_their_keys() {
        let list = [
            json!({"port": 1, "protocol": "TCP", "n": 1}),
            json!({"port": 1, "n": 2}),
            json!({"port": 1, "n": 3}),
        ];
        let keys = ["port".to_owned(), "protocol".to_owned()];
        let known = KeyedList::new(&list, &keys);
        let check = |like: Value, want: Option<i64>| {
            let found = known.find(&like).and_then(|element| element["n"].as_i64());
            assert_eq!(found, want, "{like}");
        };
        check(json!({"port": 1, "protocol": "TCP"}), Some(1));
        check(json!({"port": 1, "other": true}), Some(2));
        check(json!({"port": 2, "protocol": "TCP"}), None);
        check(json!("no object"), None);
    }
}
