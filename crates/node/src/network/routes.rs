//! Routes to the pods of the other nodes: each node's range by way of that node's address, where it is on the same
//! link (as Flannel's `host-gw` does). Across routers somebody else has to know the way, or an overlay: VXLAN comes
//! later.
//!
//! [`wanted`] and [`changes`] decide; [`keep`] asks the kernel and tells it. Routes of ours are known by their
//! protocol number, so no memory of them is kept.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use ironclad_client::Cache;
use ironclad_client::typed::CacheExt;
use ironclad_env::{Env, EnvironmentExt};
use k8s_openapi::api::core::v1::Node;
use tokio::sync::Notify;

use super::links::{self, RouteError};
use crate::api;
use crate::services::Waker;

/// Others may have changed the routes: they are compared this often.
const REPAIR: Duration = Duration::from_secs(60);
/// Changes that come within this time are one round.
const GATHER: Duration = Duration::from_millis(50);

/// A pod range of another node, and the address of that node.
pub(crate) type Routes = BTreeMap<IpNet, IpAddr>;

/// The routes to the pods of every node but `own`.
pub(crate) fn wanted<'a>(own: &str, nodes: impl IntoIterator<Item = &'a Node>) -> Routes {
    let others = nodes.into_iter().filter(|node| node.metadata.name.as_deref() != Some(own));
    others.flat_map(to_node).collect()
}

fn to_node(node: &Node) -> Vec<(IpNet, IpAddr)> {
    let addresses = node.status.iter().filter_map(|status| status.addresses.as_ref()).flatten();
    let internal = addresses.filter(|address| address.type_ == "InternalIP");
    let internal: Vec<IpAddr> = internal.filter_map(|address| address.address.parse().ok()).collect();
    let ranges = node.spec.iter().filter_map(|spec| spec.pod_cidrs.as_ref()).flatten();
    let ranges = ranges.filter_map(|range| range.parse::<IpNet>().ok()).map(|range| range.trunc());
    let by_family = |range: IpNet| {
        let via = internal.iter().find(|ip| ip.is_ipv4() == range.addr().is_ipv4());
        via.map(|via| (range, *via))
    };
    ranges.filter_map(by_family).collect()
}

/// What leads from the routes that there are to those that are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub remove: Vec<IpNet>,
    /// New ones, and those that lead elsewhere now.
    pub set: Vec<(IpNet, IpAddr)>,
}

pub(crate) fn changes(there: &Routes, wanted: &Routes) -> Changes {
    let remove = there.keys().filter(|range| !wanted.contains_key(range)).copied().collect();
    let set = wanted.iter().filter(|(range, via)| there.get(range) != Some(via));
    Changes { remove, set: set.map(|(range, via)| (*range, *via)).collect() }
}

/// Keeps the routes as the Nodes say, once these have been listed.
pub(crate) async fn keep(env: Env, nodes: Arc<dyn Cache>, own: String) {
    let changed = Arc::new(Notify::new());
    nodes.observe(&[api::nodes().group_resource()], Arc::new(Waker(changed.clone())));
    let mut unreachable = Vec::new();
    // What the kernel was brought to, and when: Nodes say something new all the time, and rarely this.
    let mut applied: Option<(Routes, Duration)> = None;
    loop {
        let listed = nodes.list_as::<Node>(&api::nodes().group_resource(), None);
        let wanted = wanted(&own, listed.iter().map(|node| &**node));
        let now = env.elapsed();
        if applied.as_ref().is_none_or(|(old, at)| *old != wanted || now.saturating_sub(*at) >= REPAIR) {
            match apply(&wanted).await {
                Ok(elsewhere) => {
                    for (range, via) in elsewhere.iter().filter(|route| !unreachable.contains(*route)) {
                        tracing::info!(%range, %via, "that node is on another network, which must route to its pods");
                    }
                    unreachable = elsewhere;
                    applied = Some((wanted, now));
                }
                Err(error) => {
                    // It may have been done in part.
                    applied = None;
                    tracing::warn!(%error, "routes to other nodes are not as they should be");
                }
            }
        }
        // Whether a change or the time woke it makes no difference.
        let _ = env.timeout(REPAIR, changed.notified()).await;
        env.sleep(GATHER).await;
    }
}

/// Removes them all. Says whether there were any.
pub(crate) async fn remove_all() -> Result<bool, RouteError> {
    let there = links::pod_routes().await?;
    for range in there.keys() {
        links::remove_pod_route(*range).await?;
    }
    Ok(!there.is_empty())
}

/// Returns the routes that cannot be, because the node is not on a link of this one.
async fn apply(wanted: &Routes) -> Result<Vec<(IpNet, IpAddr)>, RouteError> {
    let plan = changes(&links::pod_routes().await?, wanted);
    for range in plan.remove {
        links::remove_pod_route(range).await?;
    }
    let mut elsewhere = Vec::new();
    for (range, via) in plan.set {
        match links::set_pod_route(range, via).await {
            Ok(()) => {}
            Err(RouteError::OtherNetwork) => elsewhere.push((range, via)),
            Err(error) => return Err(error),
        }
    }
    Ok(elsewhere)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, ranges: &[&str], addresses: &[&str]) -> Node {
        let internal = |ip: &&str| json!({"type": "InternalIP", "address": ip});
        let mut addresses: Vec<_> = addresses.iter().map(internal).collect();
        addresses.push(json!({"type": "Hostname", "address": name}));
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "spec": {"podCIDRs": ranges}, "status": {"addresses": addresses},
        }))
        .expect("a node")
    }

    fn routes(pairs: &[(&str, &str)]) -> Routes {
        let parsed = |(range, via): &(&str, &str)| {
            (range.parse().expect("a network"), via.parse().expect("an address"))
        };
        pairs.iter().map(parsed).collect()
    }

    #[test]
    fn every_range_of_another_node_is_reached_by_that_nodes_address() {
        let check = |nodes: &[Node], expected: &[(&str, &str)]| {
            assert_eq!(wanted("me", nodes), routes(expected), "{nodes:?}");
        };
        let me = || node("me", &["10.244.0.0/24"], &["192.0.2.1"]);
        check(&[me()], &[]);
        check(&[me(), node("b", &["10.244.1.0/24"], &["192.0.2.2"])], &[("10.244.1.0/24", "192.0.2.2")]);
        check(
            &[node("b", &["10.244.1.0/24", "fd00:1::/64"], &["192.0.2.2", "2001:db8::2"])],
            &[("10.244.1.0/24", "192.0.2.2"), ("fd00:1::/64", "2001:db8::2")],
        );
        // Not known yet, or not to be read: no route.
        check(&[node("b", &[], &["192.0.2.2"]), node("c", &["10.244.1.0/24"], &[])], &[]);
        check(&[node("b", &["fd00:1::/64", "x"], &["192.0.2.2"])], &[]);
    }

    #[test]
    fn only_what_differs_is_changed() {
        let check =
            |there: &[(&str, &str)], wanted: &[(&str, &str)], remove: &[&str], set: &[(&str, &str)]| {
                let remove: Vec<String> = remove.iter().map(|range| (*range).to_owned()).collect();
                let plan = changes(&routes(there), &routes(wanted));
                assert_eq!(plan.remove.iter().map(IpNet::to_string).collect::<Vec<_>>(), remove);
                assert_eq!(plan.set.into_iter().collect::<Routes>(), routes(set));
            };
        let (a, b) = (("10.244.1.0/24", "192.0.2.2"), ("10.244.2.0/24", "192.0.2.3"));
        check(&[], &[], &[], &[]);
        check(&[], &[a, b], &[], &[a, b]);
        check(&[a, b], &[a, b], &[], &[]);
        check(&[a, b], &[b], &["10.244.1.0/24"], &[]);
        check(&[a], &[("10.244.1.0/24", "192.0.2.9")], &[], &[("10.244.1.0/24", "192.0.2.9")]);
    }
}
