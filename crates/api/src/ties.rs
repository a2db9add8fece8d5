//! Who owns an object and whether it is going: what is asked of every version of every object, and
//! so read once, beside its name and labels.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

/// An object's ties to others, in short; the references themselves are in its bytes. Versions of an
/// object with equal ties name the same owners and finalizers.
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
    /// Of all owners and of all finalizers; within this process.
    fingerprints: [u64; 2],
}

/// The owner that manages an object, in the object's own namespace or in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manager {
    pub kind: Box<str>,
    pub name: Box<str>,
    pub uid: Box<str>,
}

/// One of an object's `ownerReferences`, as far as ties go.
#[derive(Hash, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerHead {
    kind: Box<str>,
    name: Box<str>,
    uid: Box<str>,
    controller: Option<bool>,
    block_owner_deletion: Option<bool>,
}

impl Default for OwnerHead {
    fn default() -> Self {
        let empty = || Box::<str>::from("");
        Self { kind: empty(), name: empty(), uid: empty(), controller: None, block_owner_deletion: None }
    }
}

impl Ties {
    /// Takes over the owners that an object names.
    pub fn own(&mut self, owners: Vec<OwnerHead>) {
        self.owned = !owners.is_empty();
        self.fingerprints[0] = fingerprint(&owners);
        let manager = owners.into_iter().find(|owner| owner.controller == Some(true));
        let manager = manager.map(|owner| Manager { kind: owner.kind, name: owner.name, uid: owner.uid });
        self.controller = manager.map(Box::new);
    }

    /// Takes over the finalizers that an object has.
    pub fn hold(&mut self, finalizers: &[Box<str>]) {
        self.held = !finalizers.is_empty();
        self.fingerprints[1] = fingerprint(finalizers);
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
            finalizers: Option<Vec<Box<str>>>,
        }
        let head = serde_json::from_slice::<Head>(json).map(|head| head.metadata).unwrap_or_default();
        let mut ties = Self { deleting: head.deletion_timestamp.is_some(), ..Self::default() };
        ties.own(head.owner_references.unwrap_or_default());
        ties.hold(&head.finalizers.unwrap_or_default());
        ties
    }
}

/// 0 of nothing.
fn fingerprint<T: Hash>(items: &[T]) -> u64 {
    if items.is_empty() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    hasher.finish()
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

    #[test]
    fn other_owners_and_finalizers_are_other_ties() {
        let ties =
            |metadata: serde_json::Value| Ties::read(json!({ "metadata": metadata }).to_string().as_bytes());
        let all = [
            json!({}),
            json!({ "ownerReferences": [{ "uid": "a" }] }),
            json!({ "ownerReferences": [{ "uid": "b" }] }),
            json!({ "ownerReferences": [{ "uid": "b", "blockOwnerDeletion": true }] }),
            json!({ "finalizers": ["x"] }),
            json!({ "finalizers": ["y"] }),
        ];
        for (index, a) in all.iter().enumerate() {
            for (other, b) in all.iter().enumerate() {
                assert_eq!(ties(a.clone()) == ties(b.clone()), index == other, "{a} {b}");
            }
        }
        assert_eq!(ties(json!({ "labels": { "a": "b" } })), ties(json!({ "ownerReferences": [] })));
    }
}
