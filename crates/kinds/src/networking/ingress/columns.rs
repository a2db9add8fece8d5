//! The columns of `kubectl get ingresses`.

use std::collections::BTreeSet;

use ironclad_api::Object;
use ironclad_engine::Column;
use k8s_openapi::api::networking::v1 as api;

use super::addresses;
use crate::columns::{NONE, age, name, text};
use crate::fields::items;
use crate::spec::typed;

/// How many hosts are shown.
const MAX_HOSTS: usize = 3;
/// The width that load balancers' addresses are cut to.
const MAX_WIDTH: usize = 16;

pub(super) fn all() -> Vec<Column> {
    let of = |name, cell: fn(&api::Ingress) -> String| text(name, move |object| cell(&typed(object)));
    vec![
        name(),
        text("Class", class),
        of("Hosts", hosts),
        of("Address", address),
        of("Ports", |ingress| {
            let encrypted = ingress.spec.as_ref().is_some_and(|spec| !items(&spec.tls).is_empty());
            (if encrypted { "80, 443" } else { "80" }).to_owned()
        }),
        age(),
    ]
}

fn class(ingress: &Object) -> String {
    let class = ingress.at(&["spec", "ingressClassName"]).and_then(|class| class.as_str());
    class.unwrap_or(NONE).to_owned()
}

/// The first hosts, and how many rules there are beyond as many.
fn hosts(ingress: &api::Ingress) -> String {
    let rules = ingress.spec.as_ref().map(|spec| items(&spec.rules)).unwrap_or_default();
    let mut shown = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= shown.len() == MAX_HOSTS;
        let host = rule.host.as_deref().unwrap_or_default();
        if !more && !host.is_empty() {
            shown.push(host);
        }
    }
    match (shown.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, false) => shown.join(","),
        (false, true) => format!("{} + {} more...", shown.join(","), rules.len() - MAX_HOSTS),
    }
}

fn address(ingress: &api::Ingress) -> String {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let all = addresses(ingress).iter();
    let all: BTreeSet<String> =
        all.filter_map(|address| given(&address.ip).or_else(|| given(&address.hostname))).collect();
    let joined = all.into_iter().collect::<Vec<_>>().join(",");
    match joined.get(..MAX_WIDTH - 3) {
        Some(start) if joined.len() > MAX_WIDTH => format!("{start}..."),
        _ => joined,
    }
}
