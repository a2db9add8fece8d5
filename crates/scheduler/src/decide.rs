//! Where a pod goes: filters, then scores, then chance among equals.

use std::collections::{BTreeSet, HashMap};

use crate::node_info::NodeInfo;
use crate::plugin::{Filter, Plugin, Prepared, Rejection};
use crate::plugins;
use crate::pod_info::PodInfo;
use crate::world::World;

/// Below this many nodes all of them are looked at.
const MIN_NODES: usize = 100;
/// With very many nodes at least this share of them is.
const MIN_PER_CENT: usize = 5;

/// Draws a number below the given one. The environment's randomness, as the pure part sees it.
pub type Draw<'a> = &'a mut dyn FnMut(usize) -> usize;

/// Where the next search for nodes begins, so that all get their turn.
#[derive(Debug, Default)]
pub struct Cursor(usize);

/// Why no node will do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unfit {
    pub all_nodes: usize,
    /// What turned the pod away before any node was looked at.
    pub pre_filter: Option<Rejection>,
    pub by_node: HashMap<String, Rejection>,
    /// Stands for the nodes that were not looked at.
    pub others: Option<Rejection>,
    /// The plugins whose word it was; they know what may help.
    pub plugins: BTreeSet<&'static str>,
}

/// The filters of all plugins, prepared for one pod.
pub struct Filters<'a> {
    list: Vec<(&'static str, Box<dyn Filter + 'a>)>,
    /// The only nodes that need be looked at, and the plugins that say so.
    only: Option<(BTreeSet<String>, Vec<&'static str>)>,
}

/// The best node for the pod.
pub fn decide(
    pod: &PodInfo,
    world: World<'_>,
    cursor: &mut Cursor,
    draw: Draw<'_>,
) -> Result<String, Box<Unfit>> {
    let filters = Filters::prepare(pod, world)?;
    if let Some(node) = nominated_node(pod, world, &filters) {
        return Ok(node);
    }
    let feasible = feasible(pod, world, &filters, cursor)?;
    Ok(best(pod, world, &feasible, draw))
}

/// Room was made for the pod on this node: it is tried first.
fn nominated_node(pod: &PodInfo, world: World<'_>, filters: &Filters<'_>) -> Option<String> {
    let nominated = world.snapshot.nomination(&pod.key).unwrap_or(pod.nominated_node());
    let node = world.snapshot.node(nominated)?;
    filters.check_with_nominated(pod, node, world).is_ok().then(|| node.name.clone())
}

fn feasible<'a>(
    pod: &PodInfo,
    world: World<'a>,
    filters: &Filters<'_>,
    cursor: &mut Cursor,
) -> Result<Vec<&'a NodeInfo>, Box<Unfit>> {
    let snapshot = world.snapshot;
    let candidates: Vec<&NodeInfo> = match &filters.only {
        Some((names, _)) => names.iter().filter_map(|name| snapshot.node(name)).collect(),
        None => snapshot.nodes_from(cursor.0).collect(),
    };
    let wanted = nodes_to_find(candidates.len());
    let mut unfit = Unfit { all_nodes: snapshot.len(), others: filters.unseen(), ..Unfit::default() };
    unfit.plugins.extend(filters.only.iter().flat_map(|(_, plugins)| plugins));
    let mut feasible = Vec::new();
    for node in candidates {
        match filters.check_with_nominated(pod, node, world) {
            Ok(()) => feasible.push(node),
            Err((plugin, rejection)) => {
                unfit.plugins.insert(plugin);
                unfit.by_node.insert(node.name.clone(), rejection);
            }
        }
        if feasible.len() >= wanted {
            break;
        }
    }
    cursor.0 = (cursor.0 + feasible.len() + unfit.by_node.len()) % snapshot.len().max(1);
    if feasible.is_empty() { Err(Box::new(unfit)) } else { Ok(feasible) }
}

/// How many feasible nodes are enough: all of the first hundred, and of more a share that
/// shrinks with their number.
fn nodes_to_find(nodes: usize) -> usize {
    if nodes < MIN_NODES {
        return nodes;
    }
    let per_cent = 50_usize.saturating_sub(nodes / 125).max(MIN_PER_CENT);
    (nodes * per_cent / 100).max(MIN_NODES)
}

impl<'a> Filters<'a> {
    /// `Err` when a plugin turns the pod away whatever the node.
    pub fn prepare(pod: &'a PodInfo, world: World<'a>) -> Result<Self, Box<Unfit>> {
        let mut filters = Self { list: Vec::new(), only: None };
        for plugin in plugins::ALL {
            match plugin.filter(pod, world) {
                Prepared::Skip => {}
                Prepared::Filter(filter) => filters.list.push((plugin.name(), filter)),
                Prepared::Only(names, filter) => {
                    filters.list.push((plugin.name(), filter));
                    filters.narrow(names, plugin.name());
                }
                Prepared::Reject(rejection) => {
                    return Err(Box::new(Unfit {
                        all_nodes: world.snapshot.len(),
                        others: Some(rejection.clone()),
                        pre_filter: Some(rejection),
                        plugins: BTreeSet::from([plugin.name()]),
                        ..Unfit::default()
                    }));
                }
            }
        }
        Ok(filters)
    }

    fn narrow(&mut self, names: BTreeSet<String>, plugin: &'static str) {
        let (before, mut plugins) = self.only.take().unwrap_or_else(|| (names.clone(), Vec::new()));
        plugins.push(plugin);
        self.only = Some((before.intersection(&names).cloned().collect(), plugins));
    }

    /// What stands for the nodes that need not be looked at.
    fn unseen(&self) -> Option<Rejection> {
        let (_, plugins) = self.only.as_ref()?;
        let plugins = plugins.join(" ");
        Some(Rejection::for_good(format!("node(s) didn't satisfy plugin(s) [{plugins}]")))
    }

    /// The first plugin that turns the node down, and why.
    pub fn check(&self, node: &NodeInfo) -> Result<(), (&'static str, Rejection)> {
        let verdicts = self.list.iter().map(|(name, filter)| filter.check(node).map_err(|why| (*name, why)));
        verdicts.into_iter().collect()
    }

    /// The node must do with the pods nominated for it that are no less important, and without
    /// them too: they may never come.
    pub fn check_with_nominated(
        &self,
        pod: &PodInfo,
        node: &NodeInfo,
        world: World<'_>,
    ) -> Result<(), (&'static str, Rejection)> {
        let nominated = world.snapshot.nominated_on(&node.name);
        let mut rivals =
            nominated.filter(|other| other.priority >= pod.priority && other.uid != pod.uid).peekable();
        if rivals.peek().is_some() {
            let (mut filters, mut crowded) = (self.duplicate(), node.clone());
            rivals.for_each(|rival| filters.suppose(rival, &mut crowded));
            filters.check(&crowded)?;
        }
        self.check(node)
    }

    pub fn duplicate(&self) -> Filters<'_> {
        let list = self.list.iter().map(|(name, filter)| (*name, filter.duplicate())).collect();
        Filters { list, only: self.only.clone() }
    }

    /// Supposes that the pod were on the node.
    pub fn suppose(&mut self, pod: &std::sync::Arc<PodInfo>, node: &mut NodeInfo) {
        node.add(pod.clone());
        self.list.iter_mut().for_each(|(_, filter)| filter.suppose(pod, node));
    }

    /// Supposes that the pod were gone from the node.
    pub fn suppose_gone(&mut self, pod: &PodInfo, node: &mut NodeInfo) {
        node.remove(&pod.key);
        self.list.iter_mut().for_each(|(_, filter)| filter.suppose_gone(pod, node));
    }
}

/// The node with the highest sum of weighted scores; chance decides among equals.
fn best(pod: &PodInfo, world: World<'_>, feasible: &[&NodeInfo], draw: Draw<'_>) -> String {
    let totals = match feasible {
        [only] => return only.name.clone(),
        feasible => score(pod, world, feasible, plugins::ALL),
    };
    let highest = totals.iter().copied().max().unwrap_or(0);
    let top: Vec<&NodeInfo> =
        feasible.iter().zip(&totals).filter(|(_, total)| **total == highest).map(|(node, _)| *node).collect();
    let chosen = top.get(draw(top.len())).or(top.first());
    chosen.map(|node| node.name.clone()).unwrap_or_default()
}

/// Each node's sum over the plugins, in the nodes' order.
pub fn score(pod: &PodInfo, world: World<'_>, nodes: &[&NodeInfo], plugins: &[&dyn Plugin]) -> Vec<i64> {
    let mut totals = vec![0; nodes.len()];
    for plugin in plugins {
        let Some(scorer) = plugin.score(pod, world, nodes) else { continue };
        let mut scores: Vec<i64> = nodes.iter().map(|node| scorer.score(node)).collect();
        scorer.normalize(nodes, &mut scores);
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += score * plugin.weight();
        }
    }
    totals
}
