//! The subresources that are streams to the pod's node, which the HTTP shell serves.

use ironclad_api::GroupVersionKind;
use ironclad_engine::strategy::{Subresource, SubresourceKind};

const STREAM_VERBS: &[&str] = &["create", "get"];
const PROXY_VERBS: &[&str] = &["create", "delete", "get", "patch", "update"];

pub(super) fn subresources() -> Vec<Subresource> {
    vec![
        connect("attach", "PodAttachOptions", STREAM_VERBS),
        connect("exec", "PodExecOptions", STREAM_VERBS),
        // Upstream's discovery names the pod itself here.
        connect("log", "Pod", &["get"]),
        connect("portforward", "PodPortForwardOptions", STREAM_VERBS),
        connect("proxy", "PodProxyOptions", PROXY_VERBS),
    ]
}

fn connect(name: &'static str, options: &'static str, verbs: &'static [&'static str]) -> Subresource {
    let kind = Some(GroupVersionKind::new("", "v1", options));
    Subresource { name: name.into(), kind, verbs, does: SubresourceKind::Connect }
}
