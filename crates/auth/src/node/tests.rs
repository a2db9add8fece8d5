use std::sync::{Arc, LazyLock};

use ironclad_api::fields::Selector;
use ironclad_client::testing::Objects;
use ironclad_engine::gate::{Attributes, Decision, User};
use serde_json::{Value, json};

use super::NodeAuthorizer;

/// A pod on `here` that refers to one of each, its like on another node, and a mirror pod that claims to.
fn world() -> Objects {
    let world = Objects::default();
    let pod = |name: &str, node: &str, prefix: &str, annotations: Value| {
        json!({
            "metadata": { "name": name, "namespace": "web", "annotations": annotations },
            "spec": {
                "nodeName": node,
                "serviceAccountName": format!("{prefix}account"),
                "imagePullSecrets": [{ "name": format!("{prefix}pull") }],
                "containers": [{
                    "name": "c",
                    "envFrom": [{ "configMapRef": { "name": format!("{prefix}env") } }],
                    "env": [{ "name": "A", "valueFrom": { "secretKeyRef": { "name": format!("{prefix}key"), "key": "k" } } }],
                }],
                "volumes": [
                    { "name": "a", "secret": { "secretName": format!("{prefix}secret") } },
                    { "name": "b", "projected": { "sources": [{ "configMap": { "name": format!("{prefix}map") } }] } },
                    { "name": "c", "persistentVolumeClaim": { "claimName": format!("{prefix}claim") } },
                    { "name": "d", "ephemeral": {} },
                ],
                "resourceClaims": [{ "name": "gpu", "resourceClaimName": format!("{prefix}device") }],
            },
        })
    };
    world.put("", "pods", pod("mine", "here", "", json!({})));
    world.put("", "pods", pod("theirs", "there", "other-", json!({})));
    world.put("", "pods", pod("mirror", "here", "mirror-", json!({ "kubernetes.io/config.mirror": "x" })));
    let volume = |name: &str, claim: &str| {
        json!({
            "metadata": { "name": name },
            "spec": {
                "claimRef": { "namespace": "web", "name": claim },
                "csi": { "nodeStageSecretRef": { "namespace": "csi", "name": format!("{name}-secret") } },
            },
        })
    };
    world.put("", "persistentvolumes", volume("disk", "claim"));
    world.put("", "persistentvolumes", volume("other-disk", "other-claim"));
    let on = |name: &str, node: &str| json!({ "metadata": { "name": name }, "spec": { "nodeName": node } });
    world.put("storage.k8s.io", "volumeattachments", on("here-disk", "here"));
    world.put("storage.k8s.io", "volumeattachments", on("there-disk", "there"));
    world.put("resource.k8s.io", "resourceslices", on("here-slice", "here"));
    world
}

/// `VERB [NAMESPACE/]RESOURCE[.GROUP][/SUBRESOURCE] [NAME]`, asked by the agent of `here`.
fn ask(text: &str) -> Attributes {
    let mut words = text.split(' ');
    let (verb, what, name) =
        (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
    let (namespace, what) = what.split_once(':').unwrap_or(("", what));
    let (what, subresource) = what.split_once('/').unwrap_or((what, ""));
    let (resource, group) = what.split_once('.').unwrap_or((what, ""));
    let user =
        User { name: "system:node:here".into(), groups: vec!["system:nodes".into()], ..User::default() };
    Attributes {
        user: Arc::new(user),
        verb: verb.into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.into(),
        name: name.unwrap_or_default().into(),
        ..Attributes::default()
    }
}

/// `expected`: "yes", or the reason of the refusal.
fn check(asked: Attributes, expected: &str) {
    static AUTHORIZER: LazyLock<NodeAuthorizer> = LazyLock::new(|| {
        let roles = crate::bootstrap::objects().expect("readable");
        NodeAuthorizer::new(Arc::new(world()), &roles)
    });
    let got = match AUTHORIZER.decide(&asked) {
        Decision::Allow { .. } => "yes".to_owned(),
        Decision::NoOpinion { reason } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(got, expected, "{asked:?}");
}

const NO_RELATION: &str = "no relationship found between node 'here' and this object";

#[test]
fn a_node_reads_what_its_pods_refer_to_and_nothing_else() {
    for (resource, own) in [
        ("web:secrets", &["pull", "key", "secret"][..]),
        ("web:configmaps", &["env", "map"]),
        ("web:persistentvolumeclaims", &["claim", "mine-d"]),
        ("web:serviceaccounts", &["account"]),
        ("web:resourceclaims.resource.k8s.io", &["device"]),
    ] {
        for name in own {
            check(ask(&format!("get {resource} {name}")), "yes");
            check(ask(&format!("get {resource} other-{name}")), NO_RELATION);
            check(ask(&format!("get {resource} mirror-{name}")), NO_RELATION);
        }
    }
    check(ask("get persistentvolumes disk"), "yes");
    check(ask("get persistentvolumes other-disk"), NO_RELATION);
    check(ask("get csi:secrets disk-secret"), "yes");
    check(ask("get csi:secrets other-disk-secret"), NO_RELATION);
    check(ask("get volumeattachments.storage.k8s.io here-disk"), "yes");
    check(ask("get volumeattachments.storage.k8s.io there-disk"), NO_RELATION);
    check(ask("watch web:secrets secret"), "yes");
    check(ask("list web:secrets"), "No Object name found");
    check(ask("list secrets"), "can only read namespaced object of this type");
    check(ask("update web:secrets secret"), "can only read resources of this type");
    check(ask("list web:persistentvolumeclaims claim"), "can only get individual resources of this type");
    check(ask("patch web:persistentvolumeclaims/status claim"), "yes");
}

#[test]
fn a_node_reads_its_own_pods_by_a_selector() {
    let selecting = |verb: &str, node: &str| Attributes {
        field_selector: Selector::equals("spec.nodeName", node),
        ..ask(&format!("{verb} pods"))
    };
    let refused = "can only list/watch pods with spec.nodeName field selector";
    check(selecting("list", "here"), "yes");
    check(selecting("watch", "here"), "yes");
    check(selecting("list", "there"), refused);
    check(ask("list pods"), refused);
    check(ask("get web:pods mine"), "yes");
    check(ask("get web:pods theirs"), NO_RELATION);
    check(ask("watch web:pods mine"), "yes");
    check(ask("patch web:pods/status theirs"), "yes");
    check(ask("create web:pods/eviction mine"), "yes");
    check(ask("update web:pods mine"), "");
    check(ask("create web:pods/exec mine"), "");
}

#[test]
fn a_node_reads_its_own_node_only() {
    check(ask("get nodes here"), "yes");
    check(ask("watch nodes here"), "yes");
    check(ask("get nodes there"), "node 'here' cannot read 'there', only its own Node object");
    check(ask("list nodes"), "node 'here' cannot read all nodes, only its own Node object");
    check(ask("patch nodes/status here"), "yes");
    check(ask("delete nodes here"), "");
}

#[test]
fn a_node_writes_its_own_objects() {
    check(ask("create kube-node-lease:leases.coordination.k8s.io"), "yes");
    check(ask("update kube-node-lease:leases.coordination.k8s.io here"), "yes");
    check(
        ask("update kube-node-lease:leases.coordination.k8s.io there"),
        "can only access node lease with the same name as the requesting node",
    );
    check(
        ask("get web:leases.coordination.k8s.io here"),
        "can only access leases in the \"kube-node-lease\" system namespace",
    );
    check(ask("create web:serviceaccounts/token account"), "yes");
    check(ask("create web:serviceaccounts/token other-account"), NO_RELATION);
    check(ask("patch csinodes.storage.k8s.io here"), "yes");
    check(
        ask("patch csinodes.storage.k8s.io there"),
        "can only access CSINode with the same name as the requesting node",
    );
    check(ask("update resourceslices.resource.k8s.io here-slice"), "yes");
    check(ask("update resourceslices.resource.k8s.io there-slice"), NO_RELATION);
    check(
        ask("list resourceslices.resource.k8s.io"),
        "can only list/watch/deletecollection resourceslices with nodeName field selector",
    );
}

#[test]
fn what_is_not_divided_is_the_roles() {
    check(ask("list services"), "yes");
    check(ask("create events"), "yes");
    check(ask("delete services a"), "");
    let mut stranger = ask("list services");
    stranger.user = Arc::new(User { name: "jane".into(), ..User::default() });
    check(stranger, "");
}
