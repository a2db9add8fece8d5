//! Which nodes a pod may or would like to run on: `nodeSelector` and node affinity.
//!
//! Source: <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>.

use std::collections::BTreeSet;

use ironclad_api::labels::{Labels, Operator, Requirement, Selector};
use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};

use crate::pod_info::Wishes;

const NAME_FIELD: &str = "metadata.name";

/// What a pod requires of its node, parsed once.
#[derive(Clone, Debug, Default)]
pub struct RequiredNode {
    labels: Option<Selector>,
    /// `None`: no node affinity. Otherwise one term must match.
    terms: Option<Vec<Term>>,
}

/// Requirements that must all hold. One that does not parse matches no node, and so does one
/// without any requirement.
#[derive(Clone, Debug)]
pub struct Term {
    /// `None` when the term cannot match.
    parsed: Option<Parsed>,
}

#[derive(Clone, Debug)]
struct Parsed {
    labels: Vec<Requirement>,
    /// The node's name, and whether it must be that or must not.
    names: Vec<(String, bool)>,
}

impl RequiredNode {
    pub fn of(wishes: &Wishes) -> Self {
        let labels = wishes.node_selector.as_ref().filter(|labels| !labels.is_empty());
        let terms = wishes
            .node_affinity
            .as_ref()
            .and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        Self {
            labels: labels.map(Selector::from_labels),
            terms: terms.map(|selector| selector.node_selector_terms.iter().map(Term::parse).collect()),
        }
    }

    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.labels.as_ref().is_none_or(|selector| selector.matches(labels))
            && self.terms.as_ref().is_none_or(|terms| terms.iter().any(|term| term.matches(name, labels)))
    }

    pub fn is_anything(&self) -> bool {
        self.labels.is_none() && self.terms.is_none()
    }
}

/// The nodes that the required terms name, when every term names some: only they need be looked at.
/// Empty when the terms contradict themselves.
pub fn named_nodes(wishes: &Wishes) -> Option<BTreeSet<String>> {
    let required =
        wishes.node_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref()?;
    if required.node_selector_terms.is_empty() {
        return None;
    }
    required.node_selector_terms.iter().map(names_of_term).try_fold(BTreeSet::new(), |mut all, names| {
        all.extend(names?);
        Some(all)
    })
}

fn names_of_term(term: &NodeSelectorTerm) -> Option<BTreeSet<String>> {
    let fields = term.match_fields.iter().flatten();
    let named = fields.filter(|field| field.key == NAME_FIELD && field.operator == "In");
    let sets = named.map(|field| field.values.iter().flatten().cloned().collect::<BTreeSet<_>>());
    sets.reduce(|a, b| a.intersection(&b).cloned().collect())
}

/// The preferred terms with their weights; `None` when there are none.
pub fn preferred(wishes: &Wishes) -> Option<Vec<(Term, i64)>> {
    let terms =
        wishes.node_affinity.as_ref()?.preferred_during_scheduling_ignored_during_execution.as_ref()?;
    let weighted = terms.iter().filter(|term| term.weight != 0);
    Some(weighted.map(|term| (Term::parse(&term.preference), i64::from(term.weight))).collect())
}

impl Term {
    fn parse(term: &NodeSelectorTerm) -> Self {
        let labels = term.match_expressions.iter().flatten().map(label_requirement);
        let names = term.match_fields.iter().flatten().map(name_requirement);
        let parsed = labels.collect::<Option<Vec<_>>>().zip(names.collect::<Option<Vec<_>>>());
        let parsed = parsed.map(|(labels, names)| Parsed { labels, names });
        Self { parsed: parsed.filter(|parsed| !parsed.labels.is_empty() || !parsed.names.is_empty()) }
    }

    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        let Some(parsed) = &self.parsed else { return false };
        parsed.labels.iter().all(|requirement| requirement.matches(labels))
            && parsed.names.iter().all(|(wanted, is)| (wanted == name) == *is)
    }
}

fn label_requirement(requirement: &NodeSelectorRequirement) -> Option<Requirement> {
    let operator = match requirement.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        _ => return None,
    };
    Requirement::new(&requirement.key, operator, requirement.values.clone().unwrap_or_default()).ok()
}

fn name_requirement(requirement: &NodeSelectorRequirement) -> Option<(String, bool)> {
    let [name] = requirement.values.as_deref().unwrap_or_default() else { return None };
    match (requirement.key.as_str(), requirement.operator.as_str()) {
        (NAME_FIELD, "In") => Some((name.clone(), true)),
        (NAME_FIELD, "NotIn") => Some((name.clone(), false)),
        _ => None,
    }
}
