//! Who owns an object and whether it is going: what is asked of every version of every object, and
//! so read once, beside its name and labels.

use serde::Deserialize;

/// An object's ties to others, in short; the references themselves are in its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// The owner that manages it.
    pub controller: Option<Box<Manager>>,
    /// It names at least one owner.
    pub owned: bool,
    /// Its deletion has begun.
    pub deleting: bool,
    /// It has finalizers.
    pub held: bool,
}

/// The owner that manages an object, in the object's own namespace or in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manager {
    pub kind: Box<str>,
    pub name: Box<str>,
    pub uid: Box<str>,
}

/// One of an object's `ownerReferences`, as far as ties go.
#[derive(Deserialize)]
#[serde(default)]
pub struct OwnerHead {
    kind: Box<str>,
    name: Box<str>,
    uid: Box<str>,
    controller: Option<bool>,
}

impl Default for OwnerHead {
    fn default() -> Self {
        Self { kind: "".into(), name: "".into(), uid: "".into(), controller: None }
    }
}

impl Ties {
    /// Takes over the owners that an object names.
    pub fn own(&mut self, owners: Vec<OwnerHead>) {
        self.owned = !owners.is_empty();
        let manager = owners.into_iter().find(|owner| owner.controller == Some(true));
        let manager = manager.map(|owner| Manager { kind: owner.kind, name: owner.name, uid: owner.uid });
        self.controller = manager.map(Box::new);
    }

    /// Out of an object's bytes. What is no object has no ties.
    pub(crate) fn read(json: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Head {
            metadata: HeadMetadata,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct HeadMetadata {
            owner_references: Option<Vec<OwnerHead>>,
            deletion_timestamp: Option<serde::de::IgnoredAny>,
            finalizers: Option<Vec<serde::de::IgnoredAny>>,
        }
        let head = serde_json::from_slice::<Head>(json).map(|head| head.metadata).unwrap_or_default();
        let mut ties = Self {
            deleting: head.deletion_timestamp.is_some(),
            held: head.finalizers.is_some_and(|finalizers| !finalizers.is_empty()),
            ..Self::default()
        };
        ties.own(head.owner_references.unwrap_or_default());
        ties
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ties_are_read_from_the_metadata() {
        let owner = |name: &str, controller: bool| json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": format!("uid-{name}"), "controller": controller });
        let check = |metadata: serde_json::Value, controller: Option<&str>, flags: (bool, bool, bool)| {
            let ties = Ties::read(json!({ "metadata": metadata, "spec": {} }).to_string().as_bytes());
            assert_eq!(ties.controller.as_ref().map(|owner| &*owner.name), controller, "{metadata}");
            assert_eq!((ties.owned, ties.deleting, ties.held), flags, "{metadata}");
        };
        check(json!({}), None, (false, false, false));
        check(json!({ "ownerReferences": null, "finalizers": [] }), None, (false, false, false));
        check(json!({ "ownerReferences": [owner("a", false)] }), None, (true, false, false));
        check(
            json!({ "ownerReferences": [owner("a", false), owner("b", true)], "finalizers": ["x"] }),
            Some("b"),
            (true, false, true),
        );
        check(json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" }), None, (false, true, false));
        assert_eq!(Ties::read(b"nonsense"), Ties::default());
    }
}
