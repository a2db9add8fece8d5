//! Upstream's documented rules (`pkg/apis/networking/validation`, the field docs of the API) as tables.

use ironclad_engine::strategy::{Part, Strategy};
use serde_json::{Value, json};

use super::*;
use crate::testing::{check_create, check_table, check_update, check_warnings, object, write};

#[test]
fn discovery_is_upstreams() {
    let check = |kind: &dyn Strategy, plural: &str, short: &[&str], status: bool| {
        let spec = kind.spec();
        assert_eq!(spec.resource, plural);
        assert_eq!(spec.short_names, short, "{plural}");
        assert!(spec.categories.is_empty(), "{plural}");
        assert_eq!(!spec.subresources.is_empty(), status, "{plural}");
    };
    check(&Ingress::new(), "ingresses", &["ing"], true);
    check(&IngressClass::new(), "ingressclasses", &[], false);
    check(&IpAddress::new(), "ipaddresses", &["ip"], false);
    check(&NetworkPolicy::new(), "networkpolicies", &["netpol"], false);
    check(&ServiceCidr::new(), "servicecidrs", &[], true);
}

// === Ingress ===

fn ingress(spec: Value) -> Value {
    json!({"metadata": {"name": "web", "namespace": "a"}, "spec": spec})
}

fn service(name: &str, port: Value) -> Value {
    json!({"service": {"name": name, "port": port}})
}

fn path(kind: &str, path: &str) -> Value {
    let backend = service("web", json!({"number": 80}));
    ingress(json!({"rules": [{"http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}}]}))
}

#[test]
fn an_ingress_has_rules_or_a_backend() {
    let check = |spec: Value, want: &[&str]| check_create(&Ingress::new(), ingress(spec), want);
    check(json!({"defaultBackend": service("web", json!({"number": 80}))}), &[]);
    check(json!({}), &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]);
    check(
        json!({"defaultBackend": {}}),
        &[r#"spec.defaultBackend: Invalid value: "": resource or service backend is required"#],
    );
    check(
        json!({"defaultBackend": service("web", json!({}))}),
        &["spec.defaultBackend: Required value: port name or number is required"],
    );
    check(
        json!({"defaultBackend": service("", json!({"name": "a", "number": 1}))}),
        &[
            "spec.defaultBackend.service.name: Required value",
            r#"spec.defaultBackend: Invalid value: "": cannot set both port name & port number"#,
        ],
    );
    check(
        json!({"defaultBackend": {"resource": {"kind": "a/b", "name": ""}}}),
        &[
            r#"spec.defaultBackend.resource.kind: Invalid value: "a/b": may not contain '/'"#,
            "spec.defaultBackend.resource.name: Required value",
        ],
    );
    check(
        json!({"rules": [{"host": "1.2.3.4", "http": {"paths": []}}], "ingressClassName": "a"}),
        &[
            r#"spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address"#,
            "spec.rules[0].http.paths: Required value",
        ],
    );
}

#[test]
fn paths_are_absolute_and_plain() {
    let at = "spec.rules[0].http.paths[0]";
    let check = |kind: &str, value: &str, want: &[&str]| {
        let want: Vec<String> = want.iter().map(|error| error.replace('~', at)).collect();
        let want: Vec<&str> = want.iter().map(String::as_str).collect();
        check_create(&Ingress::new(), path(kind, value), &want);
    };
    check("Prefix", "/a", &[]);
    check("ImplementationSpecific", "", &[]);
    check("Exact", "", &[r#"~.path: Invalid value: "": must be an absolute path"#]);
    check("ImplementationSpecific", "a", &[r#"~.path: Invalid value: "a": must be an absolute path"#]);
    check(
        "Prefix",
        "/a//b/..",
        &[
            r#"~.path: Invalid value: "/a//b/..": must not contain '//'"#,
            r#"~.path: Invalid value: "/a//b/..": cannot end with '/..'"#,
        ],
    );
    check("", "/a", &["~.pathType: Required value: pathType must be specified"]);
    check(
        "Regex",
        "/a",
        &[
            r#"~.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix""#,
        ],
    );
}

#[test]
fn a_new_ingress_says_its_class_once() {
    let annotated = |class: Value| {
        let mut ingress = ingress(json!({
            "defaultBackend": service("web", json!({"number": 80})), "ingressClassName": class,
        }));
        ingress["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": "nginx"});
        ingress
    };
    let error = r#"annotations.kubernetes.io/ingress.class: Invalid value: "nginx": must match `ingressClassName` when both are specified"#;
    check_create(&Ingress::new(), annotated(json!("nginx")), &[]);
    check_create(&Ingress::new(), annotated(json!("other")), &[error]);
    check_update(&Ingress::new(), annotated(json!("other")), annotated(json!("nginx")), &[]);
    let warning = r#"annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead"#;
    check_warnings(&Ingress::new(), annotated(json!(null)), &[warning]);
    check_warnings(&Ingress::new(), annotated(json!("nginx")), &[]);
}

#[test]
fn stored_ingresses_may_keep_their_secrets_names() {
    let with = |name: &str| {
        ingress(json!({
            "defaultBackend": service("web", json!({"number": 80})),
            "tls": [{"hosts": ["*.example.com"], "secretName": name}],
        }))
    };
    let (_, errors) = write(&Ingress::new(), Part::Main, with("A"), None);
    assert_eq!(errors.len(), 1, "{errors:?}");
    check_update(&Ingress::new(), with("A"), with("A"), &[]);
}

#[test]
fn addresses_of_an_ingress_are_addresses_and_names() {
    let with = |address: Value| {
        let mut ingress = ingress(json!({"defaultBackend": service("web", json!({"number": 80}))}));
        ingress["status"] = json!({"loadBalancer": {"ingress": [address]}});
        ingress
    };
    let check = |address: Value, want: &[&str]| {
        let (_, errors) = write(&Ingress::new(), Part::Status, with(address.clone()), Some(with(json!({}))));
        assert_eq!(errors, want, "{address}");
    };
    check(json!({"ip": "1.2.3.4", "hostname": "example.com"}), &[]);
    check(
        json!({"hostname": "1.2.3.4"}),
        &[
            r#"status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address"#,
        ],
    );
}

#[test]
fn a_new_ingress_has_no_status() {
    let mut new = path("Prefix", "/");
    new["status"] = json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}});
    let (made, errors) = write(&Ingress::new(), Part::Main, new, None);
    assert_eq!((made.0.get("status"), errors.len()), (Some(&json!({"loadBalancer": {}})), 0));
}

#[test]
fn ingresses_as_kubectl_shows_them() {
    let hosts: Vec<Value> = ["a", "b", "c", "d", "e"].iter().map(|host| json!({"host": host})).collect();
    let mut shown = ingress(json!({"rules": hosts, "tls": [{}], "ingressClassName": "nginx"}));
    shown["status"] =
        json!({"loadBalancer": {"ingress": [{"ip": "10.10.10.10"}, {"hostname": "example.com"}]}});
    let cells = [
        ("Name", json!("web")),
        ("Class", json!("nginx")),
        ("Hosts", json!("a,b,c + 2 more...")),
        ("Address", json!("10.10.10.10,e...")),
        ("Ports", json!("80, 443")),
    ];
    check_table(&Ingress::new(), shown, &cells);
    let cells = [
        ("Name", json!("web")),
        ("Class", json!("<none>")),
        ("Hosts", json!("*")),
        ("Address", json!("")),
        ("Ports", json!("80")),
    ];
    check_table(&Ingress::new(), ingress(json!({})), &cells);
}

// === IngressClass ===

fn class(spec: Value) -> Value {
    json!({"metadata": {"name": "nginx"}, "spec": spec})
}

#[test]
fn classes_name_their_controller_and_parameters() {
    let check = |spec: Value, want: &[&str]| check_create(&IngressClass::new(), class(spec), want);
    let with = |parameters: Value| json!({"controller": "example.com/x", "parameters": parameters});
    check(json!({"controller": "example.com/x"}), &[]);
    check(json!({}), &["spec.controller: Required value"]);
    check(with(json!({"kind": "K", "name": "n"})), &[]);
    check(
        with(json!({"scope": "Namespace"})),
        &[
            "spec.parameters.kind: Required value",
            "spec.parameters.name: Required value",
            "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
        ],
    );
    check(
        with(json!({"kind": "K", "name": "n", "namespace": "a"})),
        &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    );
    check(
        with(json!({"kind": "K", "name": "n", "scope": "Galaxy"})),
        &[r#"spec.parameters.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespace""#],
    );
    check_update(
        &IngressClass::new(),
        class(json!({"controller": "example.com/y"})),
        class(json!({"controller": "example.com/x"})),
        &[r#"spec.controller: Invalid value: "example.com/y": field is immutable"#],
    );
    let mut shown = class(with(json!({"apiGroup": "example.com", "kind": "K", "name": "n"})));
    shown["metadata"]["annotations"] = json!({"ingressclass.kubernetes.io/is-default-class": "true"});
    let cells = [
        ("Name", json!("nginx (default)")),
        ("Controller", json!("example.com/x")),
        ("Parameters", json!("K.example.com/n")),
    ];
    check_table(&IngressClass::new(), shown, &cells);
}

// === NetworkPolicy ===

fn policy(spec: Value) -> Value {
    json!({"metadata": {"name": "p", "namespace": "a"}, "spec": spec})
}

#[test]
fn policies_are_about_what_they_have_rules_for() {
    let check = |spec: Value, want: Value| {
        let made = object(&NetworkPolicy::new(), policy(spec.clone()));
        assert_eq!(made.at(&["spec", "policyTypes"]), Some(&want), "{spec}");
    };
    check(json!({}), json!(["Ingress"]));
    check(json!({"egress": [{}]}), json!(["Ingress", "Egress"]));
    check(json!({"policyTypes": ["Egress"]}), json!(["Egress"]));
    let made = object(&NetworkPolicy::new(), policy(json!({"ingress": [{"ports": [{"port": 80}]}]})));
    assert_eq!(made.at(&["spec", "ingress"]), Some(&json!([{"ports": [{"port": 80, "protocol": "TCP"}]}])));
}

#[test]
fn policies_have_well_formed_ports_and_peers() {
    let check = |spec: Value, want: &[&str]| check_create(&NetworkPolicy::new(), policy(spec), want);
    let ports = |port: Value| json!({"ingress": [{"ports": [port]}]});
    check(ports(json!({"port": 80, "endPort": 90, "protocol": "SCTP"})), &[]);
    check(
        ports(json!({"port": 80, "endPort": 70})),
        &["spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"],
    );
    check(
        ports(json!({"endPort": 70})),
        &[
            "spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is not specified",
        ],
    );
    check(
        ports(json!({"port": "http", "endPort": 70, "protocol": "tcp"})),
        &[
            r#"spec.ingress[0].ports[0].protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP""#,
            "spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` is non-numeric",
        ],
    );
    check(
        ports(json!({"port": 0})),
        &["spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
    );
    let peer = |peer: Value| json!({"egress": [{"to": [peer]}]});
    check(peer(json!({"podSelector": {}, "namespaceSelector": {}})), &[]);
    check(peer(json!({})), &["spec.egress[0].to[0]: Required value: must specify a peer"]);
    check(
        peer(json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})),
        &["spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer"],
    );
    check(peer(json!({"ipBlock": {}})), &["spec.egress[0].to[0].ipBlock.cidr: Required value"]);
    check(
        peer(
            json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16", "10.0.0.0/8"]}}),
        ),
        &[
            r#"spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`"#,
            r#"spec.egress[0].to[0].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`"#,
        ],
    );
    check(
        json!({"policyTypes": ["Ingress", "Both"]}),
        &[r#"spec.policyTypes[1]: Unsupported value: "Both": supported values: "Ingress", "Egress""#],
    );
    let selects = json!({"podSelector": {"matchLabels": {"app": "a"}}});
    check_table(
        &NetworkPolicy::new(),
        policy(selects),
        &[("Name", json!("p")), ("Pod-Selector", json!("app=a"))],
    );
    check_table(
        &NetworkPolicy::new(),
        policy(json!({})),
        &[("Name", json!("p")), ("Pod-Selector", json!("<none>"))],
    );
}

// === IPAddress, ServiceCIDR ===

#[test]
fn addresses_have_a_parent_for_ever() {
    let of = |parent: Value| json!({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": parent}});
    let check = |parent: Value, want: &[&str]| check_create(&IpAddress::new(), of(parent), want);
    let parent = json!({"resource": "services", "namespace": "default", "name": "kubernetes"});
    check(parent.clone(), &[]);
    check(json!(null), &["spec.parentRef: Required value"]);
    check(
        json!({"group": "A", "resource": "", "name": "a/b"}),
        &[
            r#"spec.parentRef.group: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
            "spec.parentRef.resource: Required value",
            r#"spec.parentRef.name: Invalid value: "a/b": may not contain '/'"#,
        ],
    );
    let other = json!({"resource": "services", "namespace": "default", "name": "other"});
    let error = r#"spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"default","Name":"other"}: field is immutable"#;
    check_update(&IpAddress::new(), of(other), of(parent.clone()), &[error]);
    let cells = [("Name", json!("10.0.0.1")), ("ParentRef", json!("services/default/kubernetes"))];
    check_table(&IpAddress::new(), of(parent), &cells);
}

#[test]
fn an_address_is_named_by_its_canonical_form() {
    let rule = IpAddress::new().name_rule();
    let check = |name: &str, valid: bool| assert_eq!(rule(name, false).is_empty(), valid, "{name}");
    check("10.0.0.1", true);
    check("2001:db8::1", true);
    check("010.0.0.1", false);
    check("2001:DB8::1", false);
    check("a", false);
}

#[test]
fn service_networks_only_gain_a_second_family() {
    let of = |cidrs: Value| json!({"metadata": {"name": "s"}, "spec": {"cidrs": cidrs}});
    let check = |cidrs: Value, want: &[&str]| check_create(&ServiceCidr::new(), of(cidrs), want);
    check(json!(["10.0.0.0/16", "2001:db8::/64"]), &[]);
    check(json!([]), &["spec.cidrs: Required value: at least one CIDR required"]);
    check(
        json!(["10.0.0.0/16", "10.1.0.0/16"]),
        &[
            r#"spec.cidrs: Invalid value: ["10.0.0.0/16","10.1.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"#,
        ],
    );
    check(
        json!(["10.0.0.0/16", "2001:db8::/64", "10.1.0.0/16"]),
        &[
            r#"spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/16","2001:db8::/64","10.1.0.0/16"]}: may only hold up to 2 values"#,
        ],
    );
    let update =
        |new: Value, old: Value, want: &[&str]| check_update(&ServiceCidr::new(), of(new), of(old), want);
    update(json!(["10.0.0.0/16", "2001:db8::/64"]), json!(["10.0.0.0/16"]), &[]);
    update(
        json!(["10.0.0.0/17"]),
        json!(["10.0.0.0/16"]),
        &[r#"spec.cidrs[0]: Invalid value: "10.0.0.0/17": field is immutable"#],
    );
    update(
        json!(["10.0.0.0/16"]),
        json!(["10.0.0.0/16", "2001:db8::/64"]),
        &[r#"spec.cidrs: Invalid value: ["10.0.0.0/16"]: field is immutable"#],
    );
    let cells = [("Name", json!("s")), ("CIDRs", json!("10.0.0.0/16,2001:db8::/64"))];
    check_table(&ServiceCidr::new(), of(json!(["10.0.0.0/16", "2001:db8::/64"])), &cells);
}

#[test]
fn a_status_brings_no_labels() {
    let mut old =
        json!({"metadata": {"name": "s", "labels": {"a": "b"}}, "spec": {"cidrs": ["10.0.0.0/16"]}});
    let kept = old["metadata"].clone();
    let mut new = old.clone();
    new["metadata"]["labels"] = json!({"c": "d"});
    new["metadata"]["finalizers"] = json!(["example.com/x"]);
    old["status"] = json!({});
    let (made, errors) = write(&ServiceCidr::new(), Part::Status, new, Some(old));
    assert_eq!((made.0.get("metadata"), errors.len()), (Some(&kept), 0));
}
