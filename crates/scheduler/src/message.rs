//! Why a pod waits, in upstream's words.

use std::collections::BTreeMap;

use crate::decide::Unfit;

/// No node is registered at all.
pub const NO_NODES: &str = "no nodes available to schedule pods";

/// `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` and, where one is
/// given, what preemption came to.
pub fn unfit(unfit: &Unfit, preemption: &str) -> String {
    let mut text = format!("0/{} nodes are available:", unfit.all_nodes);
    match &unfit.pre_filter {
        Some(rejection) => text += &format!(" {}.", rejection.reasons.join(", ")),
        None => text += &histogram(unfit),
    }
    if !preemption.is_empty() {
        text += " ";
        text += preemption;
    }
    text
}

fn histogram(unfit: &Unfit) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut add = |reason, times| *counts.entry(reason).or_default() += times;
    for rejection in unfit.by_node.values() {
        rejection.reasons.iter().for_each(|reason| add(reason, 1));
    }
    let unseen = unfit.all_nodes.saturating_sub(unfit.by_node.len());
    for reason in unfit.others.iter().filter(|_| unseen > 0).flat_map(|others| &others.reasons) {
        add(reason, unseen);
    }
    let mut parts: Vec<String> =
        counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    // By the whole text, number included, as upstream sorts it.
    parts.sort();
    if parts.is_empty() { String::new() } else { format!(" {}.", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Rejection;

    fn check(unfit: Unfit, preemption: &str, expected: &str) {
        assert_eq!(super::unfit(&unfit, preemption), expected);
    }

    #[test]
    fn reasons_are_counted_and_sorted() {
        let cpu = || Rejection::resolvable("Insufficient cpu");
        let both = Rejection {
            reasons: vec!["Insufficient cpu".into(), "Insufficient memory".into()],
            resolvable: true,
        };
        let by_node = [("a", cpu()), ("b", both), ("c", Rejection::for_good("node(s) were unschedulable"))];
        let by_node = by_node.map(|(name, rejection)| (name.to_owned(), rejection)).into();
        let unfit = Unfit { all_nodes: 3, by_node, ..Unfit::default() };
        check(
            unfit,
            "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            "0/3 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable, \
             2 Insufficient cpu. preemption: 0/3 nodes are available: \
             3 Preemption is not helpful for scheduling.",
        );
    }

    #[test]
    fn nodes_that_were_not_looked_at_count_too() {
        let others = Rejection::for_good("node(s) didn't satisfy plugin(s) [NodeAffinity]");
        let unfit = Unfit { all_nodes: 2, others: Some(others), ..Unfit::default() };
        check(unfit, "", "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity].");
    }

    #[test]
    fn what_no_node_can_change_is_said_once() {
        let rejection = Rejection::for_good("pod affinity terms conflict");
        let unfit = Unfit {
            all_nodes: 5,
            pre_filter: Some(rejection.clone()),
            others: Some(rejection),
            ..Unfit::default()
        };
        check(unfit, "", "0/5 nodes are available: pod affinity terms conflict.");
    }
}
