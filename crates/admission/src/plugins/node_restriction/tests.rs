use futures::FutureExt;
use ironclad_api::Object;
use ironclad_client::testing::Objects;
use ironclad_engine::gate::{Attributes, Context, Decision};
use ironclad_pki::issue::Template;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Ask, hold};

/// Allows tokens for one audience.
struct Audience;

impl Authorizer for Audience {
    fn authorize<'a>(&'a self, asked: &'a Attributes) -> BoxFuture<'a, Decision> {
        let reason = String::new();
        let allowed = asked.verb == "request-serviceaccounts-token-audience" && asked.resource == "granted";
        let decision = if allowed { Decision::Allow { reason } } else { Decision::NoOpinion { reason } };
        Box::pin(std::future::ready(decision))
    }
}

fn world() -> Objects {
    let world = Objects::default();
    world.put("", "nodes", json!({ "metadata": { "name": "n", "uid": "u-n" } }));
    let volumes = json!([
        { "name": "t", "projected": { "sources": [
            { "serviceAccountToken": { "path": "a" } }, { "serviceAccountToken": { "path": "b", "audience": "vault" } },
        ] } },
        { "name": "c", "persistentVolumeClaim": { "claimName": "c" } },
    ]);
    let pod = |name: &str, node: &str| {
        json!({
            "metadata": { "name": name, "namespace": "a", "uid": format!("u-{name}") },
            "spec": { "nodeName": node, "volumes": volumes },
        })
    };
    world.put("", "pods", pod("p", "n"));
    world.put("", "pods", pod("other", "m"));
    let claim = json!({ "metadata": { "name": "c", "namespace": "a" }, "spec": { "volumeName": "v" } });
    world.put("", "persistentvolumeclaims", claim);
    let volume = json!({ "metadata": { "name": "v" }, "spec": { "csi": { "driver": "d" } } });
    world.put("", "persistentvolumes", volume);
    let driver =
        json!({ "metadata": { "name": "d" }, "spec": { "tokenRequests": [{ "audience": "storage" }] } });
    world.put("storage.k8s.io", "csidrivers", driver);
    world
}

fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

/// What the agent of node `n` is told.
fn told(ask: Ask<'_>) -> Option<String> {
    let user = User { name: "system:node:n".into(), groups: vec![GROUP.into()], ..User::default() };
    let context = Context::new(Arc::new(user), "");
    let result = hold(&world(), &context, ask, |request, cache| {
        let env = ironclad_env::SimEnv::new(1).shared();
        let plugin = NodeRestriction::new(Arc::new(Audience));
        plugin.validate(request, &Cluster { cache, env: &env }).now_or_never().expect("ready")
    });
    let message = result.err().map(|status| status.message)?;
    Some(message.split_once(": ").map_or(message.clone(), |(_, why)| why.to_owned()))
}

fn create(namespace: &str, resource: (&str, &str), new: Value, want: Option<&str>) {
    let ask = Ask::create(namespace, resource, object(new.clone()));
    assert_eq!(told(ask).as_deref(), want, "{new}");
}

fn update(resource: (&str, &str), subresource: &str, old: Value, new: Value, want: Option<&str>) {
    let ask = Ask {
        namespace: "a",
        resource,
        subresource,
        old: Some(object(old)),
        object: Some(object(new.clone())),
        operation: AdmissionOperation::Update,
    };
    assert_eq!(told(ask).as_deref(), want, "{new}");
}

#[test]
fn a_mirror_pod_is_the_nodes_own_and_refers_to_nothing() {
    let owner = json!({ "apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u-n", "controller": true });
    let check = |owners: Value, spec: Value, want: Option<&str>| {
        let mut pod = json!({
            "metadata": {
                "name": "p", "annotations": { "kubernetes.io/config.mirror": "x" }, "ownerReferences": owners,
            },
            "spec": spec,
        });
        pod["spec"]["nodeName"] = json!("n");
        create("a", ("", "pods"), pod, want);
    };
    let good = json!([owner]);
    check(good.clone(), json!({}), None);
    check(
        json!([]),
        json!({}),
        Some("node \"n\" can only create pods with an owner reference set to itself"),
    );
    check(
        json!([owner, owner]),
        json!({}),
        Some("node \"n\" can only create pods with a single owner reference set to itself"),
    );
    let mut foreign = owner.clone();
    foreign["uid"] = json!("u-x");
    check(json!([foreign]), json!({}), Some("node n UID mismatch: expected u-x got u-n"));
    let volume = |source: Value| json!({ "volumes": [source] });
    check(good.clone(), volume(json!({ "name": "v", "hostPath": {} })), None);
    check(
        good.clone(),
        volume(json!({ "name": "v", "projected": { "sources": [{ "downwardAPI": {} }] } })),
        None,
    );
    for (spec, what) in [
        (json!({ "serviceAccountName": "x" }), "serviceaccounts"),
        (json!({ "imagePullSecrets": [{ "name": "s" }] }), "secrets"),
        (
            json!({ "containers": [{ "env": [{ "valueFrom": { "secretKeyRef": { "name": "s" } } }] }] }),
            "secrets",
        ),
        (json!({ "initContainers": [{ "envFrom": [{ "configMapRef": { "name": "s" } }] }] }), "configmaps"),
        (json!({ "resourceClaims": [{ "name": "s" }] }), "resourceclaims"),
        (volume(json!({ "secret": { "secretName": "s" } })), "secrets"),
        (volume(json!({ "rbd": { "secretRef": { "name": "s" } } })), "secrets"),
        (volume(json!({ "csi": { "driver": "d" } })), "csidrivers (via CSI volumes)"),
        (volume(json!({ "persistentVolumeClaim": { "claimName": "c" } })), "persistentvolumeclaims"),
        (
            volume(json!({ "projected": { "sources": [{ "serviceAccountToken": {} }] } })),
            "serviceaccounts (via projected volumes)",
        ),
    ] {
        check(good.clone(), spec, Some(&format!("node \"n\" can not create pods that reference {what}")));
    }
}

#[test]
fn objects_of_other_nodes_are_not_made() {
    let named = |name: &str| json!({ "metadata": { "name": name } });
    let node = ("", "nodes");
    create("", node, named("n"), None);
    create("", node, named("m"), Some("node \"n\" is not allowed to modify node \"m\""));
    let labels = json!({ "a": "b", "x.k8s.io/y": "", "node-restriction.kubernetes.io/z": "" });
    create(
        "",
        node,
        json!({ "metadata": { "name": "n", "labels": labels } }),
        Some(
            "node \"n\" is not allowed to set the following labels: node-restriction.kubernetes.io/z, x.k8s.io/y",
        ),
    );
    let csi = ("storage.k8s.io", "csinodes");
    create("", csi, named("n"), None);
    create("", csi, named("m"), Some("can only access CSINode with the same name as the requesting node"));
    let slice = |node: &str| json!({ "metadata": { "name": "s" }, "spec": { "nodeName": node } });
    let slices = ("resource.k8s.io", "resourceslices");
    create("", slices, slice("n"), None);
    create(
        "",
        slices,
        slice("m"),
        Some("can only create ResourceSlice with the same NodeName as the requesting node"),
    );
}

#[test]
fn certificates_are_asked_for_in_the_nodes_own_name() {
    let request = |name: &str, signer: &str| {
        let key = PrivateKey::generate().expect("a key");
        let template = Template::client(Subject::new(name, &[GROUP]));
        let pem = CertificateRequest::make(&template, &key).expect("a request");
        json!({ "metadata": { "name": "r" }, "spec": { "signerName": signer, "request": STANDARD.encode(pem) } })
    };
    let check = |name: &str, signer: &str, want: Option<&str>| {
        create("", ("certificates.k8s.io", "certificatesigningrequests"), request(name, signer), want);
    };
    let own = Some("can only create a node CSR with CN=system:node:n");
    for signer in ["kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"] {
        check("system:node:n", signer, None);
        check("system:node:m", signer, own);
        check("anybody", signer, own);
    }
    check("anybody", "example.com/signer", None);
}

#[test]
fn the_status_of_claims_grows_and_nothing_else() {
    let claim = |phase: &str, size: &str| json!({ "metadata": { "name": "c" }, "status": { "phase": phase, "capacity": { "storage": size } } });
    let claims = ("", "persistentvolumeclaims");
    update(claims, "status", claim("Bound", "1Gi"), claim("Bound", "2Gi"), None);
    update(
        claims,
        "status",
        claim("Bound", "1Gi"),
        claim("Lost", "1Gi"),
        Some("node \"n\" is not allowed to update fields other than status.quantity and status.conditions"),
    );
    update(claims, "", claim("Bound", "1Gi"), claim("Bound", "1Gi"), Some("may only update PVC status"));
}

#[test]
fn tokens_are_for_what_the_nodes_pods_mount() {
    let check = |pod: (&str, &str), audiences: &[&str], want: Option<&str>| {
        let bound = json!({ "apiVersion": "v1", "kind": "Pod", "name": pod.0, "uid": pod.1 });
        let spec = json!({ "audiences": audiences, "boundObjectRef": bound });
        let wanted = object(json!({ "metadata": { "name": "default" }, "spec": spec }));
        let ask = Ask { subresource: "token", ..Ask::create("a", ("", "serviceaccounts"), wanted) };
        assert_eq!(told(ask).as_deref(), want, "{pod:?} {audiences:?}");
    };
    let own = ("p", "u-p");
    check(own, &[], None);
    check(own, &["vault"], None);
    check(own, &["storage"], None);
    check(own, &["granted"], None);
    check(
        own,
        &["else"],
        Some(
            "audience \"else\" not found in pod spec volume, system:node:n is not authorized to request tokens for this audience",
        ),
    );
    check(own, &["vault", "storage"], Some("node may only request 0 or 1 audiences"));
    check(("p", ""), &[], Some("node requested token with a pod binding without a uid"));
    check(
        ("other", "u-other"),
        &[],
        Some("node requested token bound to a pod scheduled on a different node"),
    );
    check(
        ("p", "u-x"),
        &[],
        Some(
            "the UID in the bound object reference (u-x) does not match the UID in record. The object might have been deleted and then recreated",
        ),
    );
}
