use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_client::testing::Objects;
use ironclad_pki::certificate::Certificate;
use ironclad_pki::issue::Template;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::subject::Subject;

use super::*;

const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// Lets this user have what this subresource stands for.
struct Only(&'static str, &'static str);

impl Reviewer for Only {
    fn may_create(&self, requestor: &Requestor, subresource: &str) -> bool {
        (requestor.name.as_str(), subresource) == (self.0, self.1)
    }
}

struct World {
    objects: Objects,
    controller: Certificates,
}

impl World {
    fn new(reviewer: Only) -> Self {
        let started = NOW.checked_sub(jiff::SignedDuration::from_hours(1)).expect("a time");
        let authority = CertificateAuthority::generate("kubernetes", started, [7; 16]).expect("a CA");
        let settings = Settings { authority: Arc::new(authority), reviewer: Arc::new(reviewer) };
        Self { objects: Objects::default(), controller: Certificates::new(settings) }
    }

    /// Plans for a request that a user made for a subject.
    fn plan(&self, user: &str, subject: &Subject, signer: &str, usages: Value, status: Value) -> Plan {
        self.plan_for(user, &Template::client(subject.clone()), signer, usages, status)
    }

    fn plan_for(&self, user: &str, template: &Template, signer: &str, usages: Value, status: Value) -> Plan {
        let key = PrivateKey::generate().expect("a key");
        let pem = CertificateRequest::make(template, &key).expect("a request");
        let request = json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {
                "name": "r",
                "uid": "01234567-89ab-cdef-0123-456789abcdef",
                "creationTimestamp": time::format(NOW),
            },
            "spec": {
                "request": STANDARD.encode(pem),
                "signerName": signer,
                "usages": usages,
                "username": user,
                "groups": if user.starts_with("system:node:") { vec!["system:nodes"] } else { vec![] },
                "expirationSeconds": 3600,
            },
            "status": status,
        });
        self.objects.put("certificates.k8s.io", "certificatesigningrequests", request);
        let view = View { cache: &self.objects, last_failure: None };
        self.controller.reconcile(&view, &ObjectKey::cluster("r"), NOW)
    }
}

/// The only write of a plan: the subresource, and the object; nothing for a delete.
fn only_write(plan: &Plan) -> Option<(&str, &Object)> {
    let writes: Vec<&Write> = plan.stages.iter().flatten().collect();
    match &writes[..] {
        [] => None,
        [Write::Update { target, object }] => Some((&target.subresource, object)),
        other => panic!("unexpected writes: {other:?}"),
    }
}

fn node() -> Subject {
    Subject::node("n1")
}

fn client_usages() -> Value {
    json!(["digital signature", "client auth"])
}

#[test]
fn kubelets_that_may_are_approved() {
    let check = |reviewer: Only, user: &str, signer: &str, message: Option<&str>| {
        let plan = World::new(reviewer).plan(user, &node(), signer, client_usages(), json!({}));
        let written = only_write(&plan).map(|(part, object)| {
            (part, object.at(&["status", "conditions"]).and_then(|list| list[0]["message"].as_str()))
        });
        assert_eq!(written, message.map(|message| ("approval", Some(message))), "{user} {signer}");
    };
    let own = "Auto approving self kubelet client certificate after SubjectAccessReview.";
    let any = "Auto approving kubelet client certificate after SubjectAccessReview.";
    let (own_name, token) = ("system:node:n1", "system:bootstrap:abcdef");
    check(Only(own_name, "selfnodeclient"), own_name, KUBELET, Some(own));
    check(Only(token, "nodeclient"), token, KUBELET, Some(any));
    // A right to renew one's own is no right to another node's.
    check(Only("system:node:n2", "selfnodeclient"), "system:node:n2", KUBELET, None);
    check(Only("nobody", "nodeclient"), token, KUBELET, None);
    check(Only(token, "nodeclient"), token, CLIENT, None);
}

/// The cluster: `n1` at 10.0.0.1, `n2` at 10.0.0.2, the API server at 10.0.0.9 and 10.96.0.1.
fn cluster() -> World {
    let world = World::new(Only("", ""));
    for (name, ip) in
        [("n1", "10.0.0.1"), ("n2", "10.0.0.2"), ("n3", "10.0.0.2"), ("n4", "10.0.0.9"), ("n5", "10.96.0.1")]
    {
        let addresses = json!([{"type": "InternalIP", "address": ip}, {"type": "Hostname", "address": name}]);
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"addresses": addresses},
        });
        world.objects.put("", "nodes", node);
    }
    let meta = json!({"name": "kubernetes", "namespace": "default"});
    let spec = json!({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"]});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec});
    world.objects.put("", "services", service);
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta, "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.9"]}],
    });
    world.objects.put("discovery.k8s.io", "endpointslices", slice);
    world
}

#[test]
fn a_node_gets_a_serving_certificate_for_its_own_addresses_only() {
    let check = |user: &str, node: &str, dns: &[&str], ips: &[[u8; 4]], approved: bool| {
        let dns: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let ips = ips.iter().map(|ip| (*ip).into()).collect();
        let template = Template::node_serving(node, dns.clone(), ips);
        let usages = json!(["digital signature", "server auth"]);
        let plan = cluster().plan_for(user, &template, "kubernetes.io/kubelet-serving", usages, json!({}));
        let written = only_write(&plan).map(|(part, _)| part);
        assert_eq!(written, approved.then_some("approval"), "{user} {node} {dns:?}");
    };
    check("system:node:n1", "n1", &[], &[[10, 0, 0, 1]], true);
    check("system:node:n1", "n2", &[], &[[10, 0, 0, 2]], false);
    check("alice", "n1", &[], &[[10, 0, 0, 1]], false);
    check("system:node:n1", "n1", &[], &[[10, 0, 0, 2]], false);
    check("system:node:n1", "n1", &[], &[[10, 0, 0, 1], [10, 0, 0, 7]], false);
    check("system:node:n1", "n1", &["n1"], &[[10, 0, 0, 1]], false);
    check("system:node:n9", "n9", &[], &[[10, 0, 0, 1]], false);
    // Addresses that are another's, or the API server's, whatever the Node says.
    check("system:node:n3", "n3", &[], &[[10, 0, 0, 2]], false);
    check("system:node:n4", "n4", &[], &[[10, 0, 0, 9]], false);
    check("system:node:n5", "n5", &[], &[[10, 96, 0, 1]], false);
}

#[test]
fn what_is_approved_is_signed_by_the_clusters_ca() {
    let approved = json!({"conditions": [{"type": "Approved", "status": "True"}]});
    let world = World::new(Only("", ""));
    let subject = Subject::new("alice", &["team"]);
    let plan = world.plan("alice", &subject, CLIENT, client_usages(), approved.clone());
    let (part, object) = only_write(&plan).expect("a write");
    let pem = STANDARD.decode(object.str_at(&["status", "certificate"])).expect("base64");
    let certificates = Certificate::all_from_pem(&pem).expect("a certificate");
    let [certificate] = &certificates[..] else { panic!("one certificate") };
    let lifetime = certificate.window.not_after.duration_since(certificate.window.not_before);
    assert_eq!((part, &certificate.subject), ("status", &subject));
    assert_eq!(lifetime, jiff::SignedDuration::from_mins(65), "an hour, and the backdating");
    for status in [
        json!({}),
        json!({"conditions": [{"type": "Approved", "status": "True"}, {"type": "Denied", "status": "True"}]}),
        json!({"conditions": [{"type": "Approved", "status": "True"}], "certificate": "eA=="}),
    ] {
        let plan = world.plan("alice", &subject, CLIENT, client_usages(), status.clone());
        assert!(only_write(&plan).is_none(), "{status}");
    }
    let plan = world.plan("alice", &subject, "example.com/other", client_usages(), approved);
    assert!(only_write(&plan).is_none(), "another's signer");
}

#[test]
fn what_a_signer_does_not_sign_fails_with_upstreams_text() {
    let approved = json!({"conditions": [{"type": "Approved", "status": "True"}]});
    let check = |signer: &str, usages: Value, message: &str| {
        let world = World::new(Only("", ""));
        let plan = world.plan("a", &Subject::new("a", &[]), signer, usages, approved.clone());
        let (part, object) = only_write(&plan).expect("a write");
        let condition = &object.at(&["status", "conditions"]).expect("conditions")[1];
        assert_eq!((part, condition["type"].as_str()), ("status", Some("Failed")));
        assert_eq!(condition["reason"], "SignerValidationFailure");
        assert_eq!(condition["message"], message);
    };
    check(KUBELET, client_usages(), "subject organization is not system:nodes");
    check(CLIENT, json!(["server auth", "client auth"]), "invalid usage for client certificate: server auth");
    check(
        "kubernetes.io/kubelet-serving",
        json!(["server auth"]),
        "subject organization is not system:nodes",
    );
}

#[test]
fn old_requests_go() {
    let ago =
        |hours: i64| time::format(NOW.checked_sub(jiff::SignedDuration::from_hours(hours)).expect("a time"));
    let check = |created: i64, status: Value, goes: bool| {
        let request = json!({
            "metadata": {"name": "r", "creationTimestamp": ago(created)},
            "spec": {"request": "", "signerName": "a.b/c"},
            "status": status,
        });
        let request = serde_json::from_value(with_type(request)).expect("a request");
        assert_eq!(cleaning::is_due(&request, NOW), goes, "{request:?}");
    };
    let condition =
        |kind: &str, hours: i64| json!({"type": kind, "status": "True", "lastUpdateTime": ago(hours)});
    check(23, json!({}), false);
    check(25, json!({}), true);
    check(25, json!({"conditions": [condition("Approved", 2)]}), false);
    check(50, json!({"conditions": [condition("Approved", 25)]}), true);
    check(2, json!({"conditions": [condition("Approved", 2)], "certificate": "eA=="}), true);
    check(1, json!({"conditions": [condition("Approved", 0)], "certificate": "eA=="}), false);
    check(2, json!({"conditions": [condition("Denied", 2)]}), true);
    check(2, json!({"conditions": [condition("Failed", 2)]}), true);
    check(25, json!({"conditions": [condition("Other", 30)]}), false);
}

fn with_type(mut request: Value) -> Value {
    request["apiVersion"] = "certificates.k8s.io/v1".into();
    request["kind"] = "CertificateSigningRequest".into();
    request
}
