//! The compiled-in catalog against the published facts it was made from.

use ironclad_api::GroupVersionKind;
use ironclad_api::schema::descriptions::Descriptions;
use ironclad_api::schema::{Catalog, Schema, Shape, Strategy, Topology, Width};

/// Walks `spec.containers.ports` style paths; `*` is a list's element or a map's value.
fn at(gvk: (&'static str, &'static str, &'static str), path: &str) -> &'static Schema {
    let (group, version, kind) = gvk;
    let mut schema = Catalog::builtin().schema(&GroupVersionKind::new(group, version, kind)).expect(kind);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        schema = match step {
            "*" => schema.items().or_else(|| schema.field("any")).expect(path),
            name => schema.field(name).expect(path),
        };
    }
    schema
}

const POD: (&str, &str, &str) = ("", "v1", "Pod");

#[test]
fn every_stable_kind_has_a_schema() {
    // One kind of each stable group and version; the engine's golden discovery holds the rest.
    let kinds = [
        POD,
        ("", "v1", "PodList"),
        ("", "v1", "Status"),
        ("", "v1", "DeleteOptions"),
        ("apps", "v1", "DeleteOptions"),
        ("apps", "v1", "Deployment"),
        ("apps", "v1", "DeploymentList"),
        ("authentication.k8s.io", "v1", "TokenRequest"),
        ("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
        ("autoscaling", "v1", "Scale"),
        ("autoscaling", "v2", "HorizontalPodAutoscaler"),
        ("batch", "v1", "CronJob"),
        ("certificates.k8s.io", "v1", "CertificateSigningRequest"),
        ("coordination.k8s.io", "v1", "Lease"),
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("events.k8s.io", "v1", "Event"),
        ("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema"),
        ("networking.k8s.io", "v1", "ServiceCIDR"),
        ("node.k8s.io", "v1", "RuntimeClass"),
        ("policy", "v1", "Eviction"),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
        ("resource.k8s.io", "v1", "ResourceClaim"),
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("storage.k8s.io", "v1", "VolumeAttributesClass"),
        ("admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy"),
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "v1", "APIService"),
    ];
    for kind in kinds {
        assert!(at(kind, "").object().is_some(), "{kind:?}");
    }
}

#[test]
fn types_are_those_of_the_api() {
    let check = |path: &str, shape: &Shape, go: &str| {
        let schema = at(POD, path);
        assert_eq!(&schema.resolve().shape, shape, "{path}");
        assert_eq!(schema.go_type(), go, "{path}");
    };
    check("spec.containers.*.ports.*.containerPort", &Shape::Integer(Width::I32), "int32");
    check("spec.containers.*.ports.*.protocol", &Shape::String, "v1.Protocol");
    check("spec.activeDeadlineSeconds", &Shape::Integer(Width::I64), "int64");
    check("spec.containers.*.resources.limits.*", &Shape::Quantity, "resource.Quantity");
    check("spec.containers.*.livenessProbe.httpGet.port", &Shape::IntOrString, "intstr.IntOrString");
    check("metadata.creationTimestamp", &Shape::Time, "v1.Time");
    check("metadata.managedFields.*.fieldsV1", &Shape::Json, "v1.FieldsV1");
    assert_eq!(at(POD, "spec.containers").go_type(), "[]v1.Container");
    assert_eq!(at(POD, "metadata.labels").go_type(), "map[string]string");
    assert_eq!(at(POD, "spec.containers.*.resources.limits").go_type(), "v1.ResourceList");
    assert_eq!(at(("", "v1", "Secret"), "data").go_type(), "map[string][]uint8");
}

#[test]
fn merging_facts_are_those_of_the_api() {
    let ports = at(POD, "spec.containers.*.ports");
    assert_eq!(
        ports.topology(),
        Some(&Topology::MapList(["containerPort".into(), "protocol".into()].into()))
    );
    assert_eq!(ports.merge_key(), Some("containerPort"));
    assert!(ports.has_strategy(Strategy::Merge));
    assert_eq!(at(POD, "metadata.finalizers").topology(), Some(&Topology::SetList));
    assert_eq!(at(POD, "spec.nodeSelector").topology(), Some(&Topology::AtomicMap));
    assert_eq!(at(("", "v1", "PersistentVolume"), "spec.claimRef").topology(), Some(&Topology::GranularMap));
    let strategy = at(("apps", "v1", "Deployment"), "spec.strategy");
    assert!(strategy.has_strategy(Strategy::RetainKeys));
    let protocol =
        at(POD, "spec.containers.*.ports.*").object().and_then(|o| o.property("protocol")).unwrap();
    assert_eq!(protocol.implied_default(), Some("TCP".into()));
}

#[test]
fn properties_know_their_go_and_protobuf_form() {
    let volume = at(POD, "spec.volumes.*").object().unwrap();
    let empty_dir = volume.property("emptyDir").unwrap();
    assert_eq!((empty_dir.protobuf, &*empty_dir.embedded_in), ([2, 2, 0], "VolumeSource"));
    assert!(empty_dir.pointer && !empty_dir.always);
    let name = volume.property("name").unwrap();
    assert!(name.always && name.required && !name.pointer);
}

#[test]
fn every_property_but_type_meta_has_a_protobuf_number() {
    for definition in Catalog::builtin().definitions() {
        let Some(object) = definition.schema.object() else { continue };
        for property in object.properties() {
            let numbered = property.protobuf[0] != 0;
            let expected = property.embedded_in != "TypeMeta" && has_messages(&definition.name);
            assert_eq!(numbered, expected, "{} {}", definition.name, property.name);
        }
    }
}

/// `/version` and the aggregator's meta documents exist as JSON only.
fn has_messages(definition: &str) -> bool {
    !definition.ends_with(".version.Info")
}

#[test]
fn descriptions_are_found_by_definition_and_property() {
    let texts = Descriptions::read();
    let pod = texts.get("io.k8s.api.core.v1.Pod", "").unwrap();
    assert!(pod.starts_with("Pod is a collection of containers"), "{pod}");
    let finalizers = texts.get("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", "").unwrap();
    assert!(finalizers.contains("\n\n"), "{finalizers}");
    assert_eq!(texts.get("io.k8s.api.core.v1.Pod", "nope"), None);
}
