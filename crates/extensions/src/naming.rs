//! Which names a definition gets: first come, first served, within its group.
//! The reasons and messages are upstream's.

use std::collections::BTreeSet;

use std::sync::Arc;

use ironclad_api::field;
use ironclad_kinds::definition::{Condition, Definition, ESTABLISHED, NAMES_ACCEPTED, Names};
use serde::Deserialize;

/// As much of a definition as concerns others: without its schemas, which are most of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub spec: NamedSpec,
    pub status: NamedStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedSpec {
    pub group: String,
    pub names: Names,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NamedStatus {
    pub accepted_names: Names,
}

/// The names that definitions of one group have been given already.
struct InUse<'d> {
    resources: BTreeSet<&'d str>,
    kinds: BTreeSet<&'d str>,
}

impl<'d> InUse<'d> {
    fn of(group: &str, all: &'d [Arc<Named>]) -> Self {
        let mut in_use = Self { resources: BTreeSet::new(), kinds: BTreeSet::new() };
        for other in all.iter().filter(|other| other.spec.group == group) {
            let names = &other.status.accepted_names;
            in_use.resources.extend([names.plural.as_str(), &names.singular]);
            in_use.resources.extend(names.short_names.iter().map(String::as_str));
            in_use.kinds.extend([names.kind.as_str(), &names.list_kind]);
        }
        in_use
    }
}

/// Settles the definition's names in its status. `all` are all definitions, itself included.
pub(crate) fn decide(definition: &mut Definition, all: impl FnOnce() -> Vec<Arc<Named>>, now: &str) {
    let (wanted, had) = (&definition.spec.names, &definition.status.accepted_names);
    if wanted == had && definition.has_condition(NAMES_ACCEPTED) {
        return;
    }
    let all = all();
    let (names, conflict) = settle(wanted, had, &InUse::of(&definition.spec.group, &all));
    let accepted = match conflict {
        Some((reason, message)) => Condition::new(NAMES_ACCEPTED, false, reason, message),
        None => Condition::new(NAMES_ACCEPTED, true, "NoConflicts", "no conflicts found"),
    };
    let status = &mut definition.status;
    status.accepted_names = names;
    if status.condition(NAMES_ACCEPTED).is_none_or(|old| !old.says_the_same(&accepted)) {
        status.set_condition(accepted, now);
    }
    if status.condition(ESTABLISHED).is_none() {
        let message = "not all names are accepted";
        status.set_condition(Condition::new(ESTABLISHED, false, "NotAccepted", message), now);
    }
}

/// Says that the kind is served, which it stays.
pub(crate) fn establish(definition: &mut Definition, now: &str) {
    if !definition.has_condition(ESTABLISHED) {
        let message = "the initial names have been accepted";
        let condition = Condition::new(ESTABLISHED, true, "InitialNamesAccepted", message);
        definition.status.set_condition(condition, now);
    }
}

/// The names that it gets, and the last conflict there was.
fn settle(wanted: &Names, had: &Names, in_use: &InUse<'_>) -> (Names, Option<(&'static str, String)>) {
    let mut names = had.clone();
    let mut conflict = None;
    let mut take = |slot: &mut String, wanted: &str, used: &BTreeSet<&str>, reason| {
        if slot.as_str() != wanted && used.contains(wanted) {
            conflict = Some((reason, already(wanted)));
        } else {
            wanted.clone_into(slot);
        }
    };
    take(&mut names.plural, &wanted.plural, &in_use.resources, "PluralConflict");
    take(&mut names.singular, &wanted.singular, &in_use.resources, "SingularConflict");
    let taken: Vec<String> = wanted
        .short_names
        .iter()
        .filter(|name| !had.short_names.contains(name) && in_use.resources.contains(name.as_str()))
        .map(|name| already(name))
        .collect();
    let short_conflict = field::aggregate_texts(taken);
    if short_conflict.is_none() {
        names.short_names.clone_from(&wanted.short_names);
    }
    let mut kinds_conflict = None;
    let mut take_kind = |slot: &mut String, wanted: &str, reason| {
        if slot.as_str() != wanted && in_use.kinds.contains(wanted) {
            kinds_conflict = Some((reason, already(wanted)));
        } else {
            wanted.clone_into(slot);
        }
    };
    take_kind(&mut names.kind, &wanted.kind, "KindConflict");
    take_kind(&mut names.list_kind, &wanted.list_kind, "ListKindConflict");
    names.categories.clone_from(&wanted.categories);
    let short_conflict = short_conflict.map(|message| ("ShortNamesConflict", message));
    (names, kinds_conflict.or(short_conflict).or(conflict))
}

fn already(name: &str) -> String {
    format!("{} is already in use", ironclad_api::goprint::quote(name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn definition(plural: &str, names: Value, accepted: Value) -> Definition {
        let mut all = json!({"plural": plural, "singular": plural, "kind": plural, "listKind": format!("{plural}List")});
        if let (Some(all), Some(names)) = (all.as_object_mut(), names.as_object()) {
            all.extend(names.clone());
        }
        let whole = json!({"spec": {"group": "g.io", "names": all}, "status": {"acceptedNames": accepted}});
        serde_json::from_value(whole).expect("a definition")
    }

    fn other() -> Vec<Arc<Named>> {
        let accepted = json!({"plural": "as", "singular": "a", "kind": "A", "listKind": "AList", "shortNames": ["x", "y"]});
        let other = json!({"spec": {"group": "g.io"}, "status": {"acceptedNames": accepted}});
        vec![Arc::new(serde_json::from_value(other).expect("a definition"))]
    }

    /// What the conditions say and which short names there are.
    fn check(names: Value, accepted: Value, want: (&str, &str, &str), short_names: &[&str]) {
        let mut definition = definition("bs", names, accepted);
        decide(&mut definition, other, "now");
        let condition = definition.status.condition(NAMES_ACCEPTED).expect("a condition");
        let said = (condition.status.as_str(), condition.reason.as_str(), condition.message.as_str());
        assert_eq!(said, want);
        assert_eq!(definition.status.accepted_names.short_names, short_names);
    }

    #[test]
    fn names_in_use_are_not_given_again() {
        check(json!({}), json!({}), ("True", "NoConflicts", "no conflicts found"), &[]);
        check(json!({"plural": "a"}), json!({}), ("False", "PluralConflict", "\"a\" is already in use"), &[]);
        check(
            json!({"singular": "x"}),
            json!({}),
            ("False", "SingularConflict", "\"x\" is already in use"),
            &[],
        );
        check(json!({"kind": "A"}), json!({}), ("False", "KindConflict", "\"A\" is already in use"), &[]);
        check(
            json!({"listKind": "A"}),
            json!({}),
            ("False", "ListKindConflict", "\"A\" is already in use"),
            &[],
        );
        check(
            json!({"shortNames": ["x", "y", "z"]}),
            json!({}),
            ("False", "ShortNamesConflict", "[\"x\" is already in use, \"y\" is already in use]"),
            &[],
        );
        check(json!({"shortNames": ["z"]}), json!({}), ("True", "NoConflicts", "no conflicts found"), &["z"]);
    }

    #[test]
    fn names_that_were_given_stay() {
        let had = json!({"plural": "bs", "singular": "bs", "kind": "bs", "listKind": "bsList", "shortNames": ["b"]});
        check(
            json!({"shortNames": ["b", "x"]}),
            had,
            ("False", "ShortNamesConflict", "\"x\" is already in use"),
            &["b"],
        );
    }

    #[test]
    fn a_conflict_is_over_when_the_names_are_those_that_were_given() {
        let had = json!({"plural": "bs", "singular": "bs", "kind": "bs", "listKind": "bsList", "shortNames": ["b"]});
        let mut definition = definition("bs", json!({"shortNames": ["b", "x"]}), had);
        decide(&mut definition, other, "now");
        assert!(!definition.has_condition(NAMES_ACCEPTED));
        definition.spec.names.short_names.pop();
        decide(&mut definition, other, "now");
        assert!(definition.has_condition(NAMES_ACCEPTED));
    }

    #[test]
    fn other_groups_do_not_matter() {
        let mut definition = definition("as", json!({}), json!({}));
        definition.spec.group = "h.io".to_owned();
        decide(&mut definition, other, "now");
        assert!(definition.has_condition(NAMES_ACCEPTED) && !definition.has_condition(ESTABLISHED));
        establish(&mut definition, "now");
        let established = definition.status.condition(ESTABLISHED).expect("a condition");
        assert_eq!(
            (established.reason.as_str(), established.message.as_str()),
            ("InitialNamesAccepted", "the initial names have been accepted")
        );
    }
}
