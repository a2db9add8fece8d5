//! Warnings about the names of finalizers, which custom resources are free to choose badly.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_api::goprint::quote;
use ironclad_api::validation::label;

const STANDARD: [&str; 3] = ["foregroundDeletion", "kubernetes", "orphan"];

/// About those that the write adds.
pub(super) fn warnings(new: &Object, old: Option<&Object>) -> Vec<String> {
    let had: BTreeSet<&str> = old.into_iter().flat_map(Object::finalizers).collect();
    let has: BTreeSet<&str> = new.finalizers().collect();
    has.difference(&had).flat_map(|name| about(name)).collect()
}

fn about(name: &str) -> Vec<String> {
    let say = |what: &str| format!("metadata.finalizers: {}: {what}", quote(name));
    let mut warnings: Vec<String> = label::qualified_name(name).iter().map(|fault| say(fault)).collect();
    if !name.contains('/') && !STANDARD.contains(&name) {
        warnings.push(say(match name.contains('.') {
            true => {
                "prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts \
                 with other finalizer writers"
            }
            false => {
                "prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer \
                 writers"
            }
        }));
    }
    warnings
}
