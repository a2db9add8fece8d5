//! InterPodAffinity: pods that want, or do not want, to share a topology domain with others.
//!
//! A domain is a node label's key and value. Both sides count: what the new pod asks of those
//! that run, and what those that run ask of it.

use std::collections::HashMap;

use ironclad_api::labels::{Labels, Selector};

use crate::affinity::{Term, WeightedTerm};
use crate::counts::{Namespaces, Sort};
use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::plugin::{Filter, MAX_SCORE, Plugin, Prepared, Rejection, Score, Verdict};
use crate::pod_info::PodInfo;
use crate::world::World;

/// What a required term of a pod that runs counts when the new pod is scored.
const REQUIRED_WEIGHT: i64 = 1;

pub struct InterPodAffinity;

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, world: World<'a>) -> Prepared<'a> {
        let namespace_labels = world.directory.namespace_labels(pod.namespace());
        let existing_anti = existing_anti(pod, &namespace_labels, world);
        if existing_anti.0.is_empty() && pod.terms.required.is_empty() && pod.terms.required_anti.is_empty() {
            return Prepared::Skip;
        }
        let affinity = resolve(pod.terms.required.iter(), world);
        let anti = resolve(pod.terms.required_anti.iter(), world);
        let state = Domains {
            pod,
            affinity_counts: all_matching(&affinity, world),
            anti_counts: each_matching(&anti, world),
            existing_anti,
            affinity,
            anti,
            namespace_labels,
        };
        Prepared::Filter(Box::new(state))
    }

    fn score<'a>(&self, pod: &'a PodInfo, world: World<'a>, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let preferences = Preferences::of(pod, world);
        (!preferences.0.is_empty()).then(|| Box::new(preferences) as Box<dyn Score>)
    }

    fn helps(&self, pod: &PodInfo, event: &Event<'_>) -> bool {
        matches!(event, Event::NamespaceChanged)
            || event.is_topology()
            || event.is_pod(|other| concerns(pod, other) || concerned_by(pod, other))
    }
}

/// Whether `other` may be one of the pods that `pod` seeks or flees, whatever its namespace.
fn concerns(pod: &PodInfo, other: &PodInfo) -> bool {
    let mut terms = pod.terms.required.iter().chain(&pod.terms.required_anti);
    terms.any(|term| term.selector.matches(other.labels()))
}

/// Whether `other` may flee `pod`.
fn concerned_by(pod: &PodInfo, other: &PodInfo) -> bool {
    other.terms.required_anti.iter().any(|term| term.selector.matches(pod.labels()))
}

/// A term of the new pod, its namespaces looked up.
#[derive(Clone)]
struct Resolved {
    namespaces: Namespaces,
    term: Term,
}

impl Resolved {
    fn of(term: &Term, world: World<'_>) -> Self {
        let namespaces = if term.namespace_selector.is_everything() {
            Namespaces::All
        } else {
            let mut names = term.namespaces.clone();
            if !term.namespace_selector.is_nothing() {
                names.extend(world.directory.namespaces_matching(&term.namespace_selector));
            }
            Namespaces::Of(names)
        };
        Self { namespaces, term: term.clone() }
    }

    fn matches(&self, pod: &PodInfo) -> bool {
        self.namespaces.contains(pod.namespace()) && self.term.selector.matches(pod.labels())
    }

    fn sort(&self) -> (Namespaces, Selector) {
        (self.namespaces.clone(), self.term.selector.clone())
    }
}

fn resolve<'a>(terms: impl Iterator<Item = &'a Term>, world: World<'_>) -> Vec<Resolved> {
    terms.map(|term| Resolved::of(term, world)).collect()
}

/// Label keys and values of nodes with a number. No entry is zero.
#[derive(Clone, Debug, Default)]
struct Tally(HashMap<(String, String), i64>);

impl Tally {
    fn add(&mut self, node: &NodeInfo, key: &str, amount: i64) {
        let Some(value) = node.labels().get(key) else { return };
        let domain = (key.to_owned(), value.clone());
        let sum = self.0.get(&domain).copied().unwrap_or(0) + amount;
        match sum {
            0 => drop(self.0.remove(&domain)),
            sum => drop(self.0.insert(domain, sum)),
        }
    }

    fn at(&self, key: &str, value: &str) -> i64 {
        // The tallies are small; a look-up by reference to both parts would need a map of maps.
        self.0.get(&(key.to_owned(), value.to_owned())).copied().unwrap_or(0)
    }
}

/// The domains that pods which run keep the new pod out of.
fn existing_anti(pod: &PodInfo, namespace_labels: &Labels, world: World<'_>) -> Tally {
    let mut tally = Tally::default();
    for other in world.snapshot.pods_with_required_anti_affinity() {
        let Some(node) = world.snapshot.node_of(&other.key) else { continue };
        tally_matching(&mut tally, &other.terms.required_anti, pod, namespace_labels, node, 1);
    }
    tally
}

fn tally_matching(
    tally: &mut Tally,
    terms: &[Term],
    pod: &PodInfo,
    namespace_labels: &Labels,
    node: &NodeInfo,
    amount: i64,
) {
    for term in terms.iter().filter(|term| term.matches(pod.namespace(), namespace_labels, pod.labels())) {
        tally.add(node, &term.topology_key, amount);
    }
}

/// Domains with pods that match every term.
fn all_matching(terms: &[Resolved], world: World<'_>) -> Tally {
    let mut tally = Tally::default();
    if terms.is_empty() {
        return tally;
    }
    let sort = Sort { all_of: terms.iter().map(Resolved::sort).collect(), with_deleting: true };
    for (node, count) in counted(&sort, world) {
        terms.iter().for_each(|term| tally.add(node, &term.term.topology_key, count));
    }
    tally
}

/// Domains with pods that match a term.
fn each_matching(terms: &[Resolved], world: World<'_>) -> Tally {
    let mut tally = Tally::default();
    for term in terms {
        let sort = Sort { all_of: vec![term.sort()], with_deleting: true };
        counted(&sort, world).for_each(|(node, count)| tally.add(node, &term.term.topology_key, count));
    }
    tally
}

fn counted<'a>(sort: &Sort, world: World<'a>) -> impl Iterator<Item = (&'a NodeInfo, i64)> + use<'a> {
    let by_node: Vec<_> = world.snapshot.count(sort).iter().map(|(node, n)| (node.clone(), *n)).collect();
    by_node.into_iter().filter_map(move |(node, count)| Some((world.snapshot.node(&node)?, count)))
}

#[derive(Clone)]
struct Domains<'a> {
    pod: &'a PodInfo,
    namespace_labels: Labels,
    affinity: Vec<Resolved>,
    anti: Vec<Resolved>,
    affinity_counts: Tally,
    anti_counts: Tally,
    existing_anti: Tally,
}

impl Domains<'_> {
    /// Every term's domain has pods that match all terms; or nowhere are there any, and the pod
    /// would be its own first.
    fn affinity_holds(&self, node: &NodeInfo) -> bool {
        let mut all = true;
        for term in &self.affinity {
            let Some(value) = node.labels().get(&term.term.topology_key) else { return false };
            all &= self.affinity_counts.at(&term.term.topology_key, value) > 0;
        }
        all || self.affinity_counts.0.is_empty() && self.affinity.iter().all(|term| term.matches(self.pod))
    }

    fn anti_affinity_holds(&self, node: &NodeInfo) -> bool {
        self.anti.iter().all(|term| {
            let value = node.labels().get(&term.term.topology_key);
            value.is_none_or(|value| self.anti_counts.at(&term.term.topology_key, value) <= 0)
        })
    }

    fn existing_anti_affinity_holds(&self, node: &NodeInfo) -> bool {
        self.existing_anti.0.is_empty()
            || node.labels().iter().all(|(key, value)| self.existing_anti.at(key, value) <= 0)
    }

    fn update(&mut self, other: &PodInfo, node: &NodeInfo, amount: i64) {
        let terms = &other.terms.required_anti;
        tally_matching(&mut self.existing_anti, terms, self.pod, &self.namespace_labels, node, amount);
        if !self.affinity.is_empty() && self.affinity.iter().all(|term| term.matches(other)) {
            for term in &self.affinity {
                self.affinity_counts.add(node, &term.term.topology_key, amount);
            }
        }
        for term in self.anti.iter().filter(|term| term.matches(other)) {
            self.anti_counts.add(node, &term.term.topology_key, amount);
        }
    }
}

impl Filter for Domains<'_> {
    fn check(&self, node: &NodeInfo) -> Verdict {
        if !self.affinity_holds(node) {
            return Err(Rejection::for_good("node(s) didn't match pod affinity rules"));
        }
        if !self.anti_affinity_holds(node) {
            return Err(Rejection::resolvable("node(s) didn't match pod anti-affinity rules"));
        }
        if !self.existing_anti_affinity_holds(node) {
            return Err(Rejection::resolvable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }

    fn suppose(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.update(pod, node, 1);
    }

    fn suppose_gone(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.update(pod, node, -1);
    }

    fn duplicate(&self) -> Box<dyn Filter + '_> {
        Box::new(self.clone())
    }
}

/// What each domain is worth, by label key and value.
struct Preferences(HashMap<String, HashMap<String, i64>>);

impl Preferences {
    fn of(pod: &PodInfo, world: World<'_>) -> Self {
        let mut preferences = Self(HashMap::new());
        preferences.add_own(&pod.terms.preferred, 1, world);
        preferences.add_own(&pod.terms.preferred_anti, -1, world);
        preferences.add_others(pod, world);
        preferences
    }

    fn add(&mut self, node: &NodeInfo, key: &str, amount: i64) {
        if let Some(value) = node.labels().get(key) {
            let values = self.0.entry(key.to_owned()).or_default();
            *values.entry(value.clone()).or_default() += amount;
        }
    }

    fn add_own(&mut self, terms: &[WeightedTerm], sign: i64, world: World<'_>) {
        for weighted in terms {
            let resolved = Resolved::of(&weighted.term, world);
            let sort = Sort { all_of: vec![resolved.sort()], with_deleting: true };
            for (node, count) in counted(&sort, world) {
                self.add(node, &weighted.term.topology_key, sign * weighted.weight * count);
            }
        }
    }

    fn add_others(&mut self, pod: &PodInfo, world: World<'_>) {
        let namespace_labels = world.directory.namespace_labels(pod.namespace());
        for other in world.snapshot.pods_with_terms() {
            let Some(node) = world.snapshot.node_of(&other.key) else { continue };
            let required = other.terms.required.iter().map(|term| (term, REQUIRED_WEIGHT));
            let preferred = other.terms.preferred.iter().map(|weighted| (&weighted.term, weighted.weight));
            let anti = other.terms.preferred_anti.iter().map(|weighted| (&weighted.term, -weighted.weight));
            for (term, weight) in required.chain(preferred).chain(anti) {
                if term.matches(pod.namespace(), &namespace_labels, pod.labels()) {
                    self.add(node, &term.topology_key, weight);
                }
            }
        }
    }
}

impl Score for Preferences {
    fn score(&self, node: &NodeInfo) -> i64 {
        let worth = |(key, values): (&String, &HashMap<String, i64>)| {
            node.labels().get(key).and_then(|value| values.get(value)).copied().unwrap_or(0)
        };
        self.0.iter().map(worth).sum()
    }

    /// The lowest becomes 0, the highest 100.
    fn normalize(&self, _: &[&NodeInfo], scores: &mut [i64]) {
        let lowest = scores.iter().copied().min().unwrap_or(0);
        let highest = scores.iter().copied().max().unwrap_or(0);
        for score in scores {
            *score = match highest - lowest {
                0 => 0,
                span => (MAX_SCORE as f64 * ((*score - lowest) as f64 / span as f64)) as i64,
            };
        }
    }
}
