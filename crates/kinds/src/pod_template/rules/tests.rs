//! Errors as `kubectl` shows them. Each table is about one part of a spec; a valid pod has one
//! container, to which a case adds.

use super::*;
use crate::spec::object_at;
use ironclad_api::Object;
use serde_json::{Value, json};

fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

/// A defaulted pod with `spec` added to a valid one.
fn pod_with(spec: Value) -> core::Pod {
    let mut pod = json!({
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"serviceAccountName": "default", "containers": [{"name": "c", "image": "i"}]},
    });
    merge(&mut pod, &json!({ "spec": spec }));
    let mut pod = Object::from_value(pod).expect("an object");
    if let Some(spec) = object_at(&mut pod.0, "spec") {
        crate::pod_template::defaults::spec(spec);
    }
    pod.to_typed().expect("a pod")
}

fn texts(errors: Errors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn check(spec: Value, want: &[&str]) {
    assert_eq!(texts(pod(&pod_with(spec.clone()))), want, "{spec}");
}

fn check_container(container: Value, want: &[&str]) {
    let mut whole = json!({"name": "c", "image": "i"});
    merge(&mut whole, &container);
    let want: Vec<String> = want.iter().map(|want| format!("spec.containers[0]{want}")).collect();
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    check(json!({ "containers": [whole] }), &want);
}

fn check_volume(source: Value, want: &[&str]) {
    let mut whole = json!({"name": "v"});
    merge(&mut whole, &source);
    let want: Vec<String> = want.iter().map(|want| format!("spec.volumes[0]{want}")).collect();
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    check(json!({ "volumes": [whole] }), &want);
}

#[test]
fn a_plain_pod_is_valid() {
    check(json!({}), &[]);
}

#[test]
fn containers_have_names_and_images() {
    check(json!({"containers": []}), &["spec.containers: Required value"]);
    check_container(json!({"name": "", "image": ""}), &[".name: Required value", ".image: Required value"]);
    check_container(
        json!({"name": "C"}),
        &[
            ".name: Invalid value: \"C\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
    check_container(
        json!({"image": " i"}),
        &[".image: Invalid value: \" i\": must not have leading or trailing whitespace"],
    );
    check_container(
        json!({"imagePullPolicy": "x"}),
        &[
            ".imagePullPolicy: Unsupported value: \"x\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ],
    );
    check_container(
        json!({"terminationMessagePolicy": "x"}),
        &[
            ".terminationMessagePolicy: Unsupported value: \"x\": supported values: \"File\", \"FallbackToLogsOnError\"",
        ],
    );
    let two = json!([{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]);
    check(json!({ "containers": two }), &["spec.containers[1].name: Duplicate value: \"c\""]);
}

#[test]
fn ports() {
    let ports = |ports: Value| json!({ "ports": ports });
    check_container(ports(json!([{"containerPort": 80, "name": "http"}])), &[]);
    check_container(ports(json!([{"name": "http"}])), &[".ports[0].containerPort: Required value"]);
    check_container(
        ports(json!([{"containerPort": 65536}])),
        &[".ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive"],
    );
    check_container(
        ports(json!([{"containerPort": 80, "name": "UP"}])),
        &[
            ".ports[0].name: Invalid value: \"UP\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            ".ports[0].name: Invalid value: \"UP\": must contain at least one letter (a-z)",
        ],
    );
    check_container(
        ports(json!([{"containerPort": 80, "protocol": "X"}])),
        &[".ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\""],
    );
    check_container(
        ports(json!([{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}])),
        &[".ports[1].hostPort: Duplicate value: \"TCP//80\""],
    );
    let both = json!([{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]);
    check_container(ports(both), &[".ports[1].name: Duplicate value: \"a\""]);
}

#[test]
fn environment() {
    let from = |source: Value| json!({"env": [{"name": "A", "valueFrom": source}]});
    check_container(json!({"env": [{"name": "any thing!"}]}), &[]);
    check_container(json!({"env": [{"name": ""}]}), &[".env[0].name: Required value"]);
    check_container(
        json!({"env": [{"name": "a=b"}]}),
        &[
            ".env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='",
        ],
    );
    check_container(
        from(json!({})),
        &[
            ".env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ],
    );
    check_container(
        json!({"env": [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
        &[".env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"],
    );
    check_container(
        from(
            json!({"secretKeyRef": {"name": "s", "key": "k"}, "configMapKeyRef": {"name": "s", "key": "k"}}),
        ),
        &[".env[0].valueFrom: Invalid value: \"\": may not have more than one field specified at a time"],
    );
    check_container(
        from(json!({"secretKeyRef": {"name": "s"}})),
        &[".env[0].valueFrom.secretKeyRef.key: Required value"],
    );
    check_container(
        from(json!({"fieldRef": {"fieldPath": "metadata.whoops"}})),
        &[
            ".env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.whoops\": error converting fieldPath: field label not supported: metadata.whoops",
        ],
    );
    check_container(
        from(json!({"fieldRef": {"fieldPath": "status.phase"}})),
        &[
            ".env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
        ],
    );
    check_container(from(json!({"fieldRef": {"fieldPath": "metadata.labels['app']"}})), &[]);
    check_container(
        from(json!({"fieldRef": {"fieldPath": "metadata.name['app']"}})),
        &[
            ".env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.name['app']\": error converting fieldPath: field label does not support subscript: metadata.name['app']",
        ],
    );
    check_container(
        from(json!({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2"}})),
        &[
            ".env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource",
        ],
    );
    check_container(
        json!({"envFrom": [{}]}),
        &[".envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"],
    );
}

#[test]
fn mounts_and_devices() {
    let mounts = |mounts: Value| {
        json!({
            "volumes": [{"name": "v"}, {"name": "p", "persistentVolumeClaim": {"claimName": "c"}}],
            "containers": [{"name": "c", "image": "i", "volumeMounts": mounts}],
        })
    };
    let at = "spec.containers[0].volumeMounts";
    check(mounts(json!([{"name": "v", "mountPath": "/a"}])), &[]);
    check(mounts(json!([{"name": "x", "mountPath": "/a"}])), &[&format!("{at}[0].name: Not found: \"x\"")]);
    check(
        mounts(json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}])),
        &[&format!("{at}[1].mountPath: Invalid value: \"/a\": must be unique")],
    );
    check(
        mounts(json!([{"name": "v", "mountPath": "/a", "subPath": "/x"}])),
        &[&format!("{at}.subPath: Invalid value: \"/x\": must be a relative path")],
    );
    check(
        mounts(json!([{"name": "v", "mountPath": "/a", "subPath": "a/../b"}])),
        &[&format!("{at}.subPath: Invalid value: \"a/../b\": must not contain '..'")],
    );
    check(
        mounts(json!([{"name": "v", "mountPath": "/a", "mountPropagation": "Bidirectional"}])),
        &[&format!(
            "{at}.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers"
        )],
    );
    let devices = |devices: Value| {
        let mut spec = mounts(json!([]));
        spec["containers"][0]["volumeDevices"] = devices;
        spec
    };
    check(devices(json!([{"name": "p", "devicePath": "/dev/a"}])), &[]);
    check(
        devices(json!([{"name": "v", "devicePath": "/dev/a"}])),
        &[
            "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
        ],
    );
}

#[test]
fn resources_of_containers() {
    let resources = |resources: Value| json!({ "resources": resources });
    check_container(resources(json!({"limits": {"cpu": "1"}, "requests": {"cpu": "500m"}})), &[]);
    check_container(
        resources(json!({"limits": {"cpu": "1"}, "requests": {"cpu": "2"}})),
        &[".resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1"],
    );
    check_container(
        resources(json!({"limits": {"cpu": "-1"}})),
        &[".resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"],
    );
    check_container(
        resources(json!({"limits": {"strawberry": "1"}})),
        &[
            ".resources.limits[strawberry]: Invalid value: \"strawberry\": must be a standard resource type or fully qualified",
            ".resources.limits[strawberry]: Invalid value: \"strawberry\": must be a standard resource for containers",
        ],
    );
    check_container(
        resources(json!({"requests": {"example.com/gpu": "1"}})),
        &[".resources.limits: Required value: Limit must be set for non overcommitable resources"],
    );
    check_container(
        resources(json!({"limits": {"example.com/gpu": "500m"}})),
        &[".resources.limits[example.com/gpu]: Invalid value: \"500m\": must be an integer"],
    );
    check_container(
        resources(json!({"limits": {"hugepages-2Mi": "2Mi"}})),
        &[".resources: Forbidden: HugePages require cpu or memory"],
    );
    check_container(
        resources(json!({"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}})),
        &[
            ".resources.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi",
        ],
    );
    check_container(
        resources(json!({"claims": [{"name": "x"}]})),
        &[
            ".resources.claims[0]: Not found: \"x\": must be one of the names in pod.spec.resourceClaims which is empty",
        ],
    );
}

#[test]
fn of_many_claims_some_are_named_with_each_that_is_missing() {
    let named = |prefix: &str| (0..1000).map(|n| json!({"name": format!("{prefix}{n}")})).collect::<Vec<_>>();
    let claims: Vec<Value> =
        named("a").iter().map(|claim| json!({"name": claim["name"], "resourceClaimName": "c"})).collect();
    let container = json!({"name": "c", "image": "i", "resources": {"claims": named("b")}});
    let errors = texts(pod(&pod_with(json!({"resourceClaims": claims, "containers": [container]}))));
    assert_eq!(errors.len(), 1000);
    let start = "must be one of the names in pod.spec.resourceClaims: a0, a1, a10, a100, ";
    assert!(errors.iter().all(|error| error.contains(start) && error.ends_with(", ...")));
    assert!(errors.iter().all(|error| error.len() < 2000));
}

#[test]
fn resources_of_pods_hold_those_of_containers() {
    let containers =
        json!([{"name": "c", "image": "i", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}}]);
    check(
        json!({"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}, "containers": containers}),
        &[
            "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than or equal to aggregate container requests of 2",
        ],
    );
    check(
        json!({"resources": {"limits": {"cpu": "1"}}, "containers": containers}),
        &[
            "spec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or equal to pod limits of 1",
        ],
    );
    check(
        json!({"resources": {"limits": {"ephemeral-storage": "1"}}}),
        &[
            "spec.resources.limits[ephemeral-storage]: Unsupported value: \"ephemeral-storage\": supported values: \"cpu\", \"hugepages-\", \"memory\"",
        ],
    );
}

#[test]
fn probes_and_hooks() {
    check_container(json!({"livenessProbe": {"exec": {"command": ["a"]}}}), &[]);
    check_container(
        json!({"livenessProbe": {}}),
        &[".livenessProbe: Required value: must specify a handler type"],
    );
    check_container(json!({"livenessProbe": {"exec": {}}}), &[".livenessProbe.exec.command: Required value"]);
    check_container(
        json!({"livenessProbe": {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}}),
        &[".livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"],
    );
    check_container(
        json!({"livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}),
        &[".livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    );
    check_container(json!({"readinessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}), &[]);
    check_container(
        json!({"readinessProbe": {"tcpSocket": {"port": 0}, "periodSeconds": -1}}),
        &[
            ".readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ".readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
        ],
    );
    check_container(
        json!({"startupProbe": {"httpGet": {"port": "x y", "scheme": "FTP", "httpHeaders": [{"name": "a b", "value": ""}]}}}),
        &[
            ".startupProbe.httpGet.port: Invalid value: \"x y\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            ".startupProbe.httpGet.scheme: Unsupported value: \"FTP\": supported values: \"HTTP\", \"HTTPS\"",
            ".startupProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        ],
    );
    check_container(
        json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
        &[
            ".lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
        ],
    );
}

#[test]
fn init_containers_and_sidecars() {
    let init = |container: Value| {
        let mut whole = json!({"name": "i", "image": "i"});
        merge(&mut whole, &container);
        json!({ "initContainers": [whole] })
    };
    check(init(json!({})), &[]);
    check(init(json!({"restartPolicy": "Always", "livenessProbe": {"tcpSocket": {"port": 1}}})), &[]);
    check(
        init(json!({"livenessProbe": {"tcpSocket": {"port": 1}}})),
        &[
            "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    );
    check(init(json!({"name": "c"})), &["spec.initContainers[0].name: Duplicate value: \"c\""]);
    check(
        init(json!({"restartPolicy": "x"})),
        &[
            "spec.initContainers[0].restartPolicy: Unsupported value: \"x\": supported values: \"Always\", \"Never\", \"OnFailure\"",
        ],
    );
}

#[test]
fn volumes_have_one_source() {
    check(
        json!({"volumes": [{"name": "v"}, {"name": "v"}]}),
        &["spec.volumes[1].name: Duplicate value: \"v\""],
    );
    check_volume(json!({"name": ""}), &[".name: Required value"]);
    check_volume(
        json!({"emptyDir": {}, "hostPath": {"path": "/a"}}),
        &[".hostPath: Forbidden: may not specify more than 1 volume type"],
    );
    check_volume(
        json!({"hostPath": {"path": "/a/../b", "type": "x"}}),
        &[
            ".hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
            ".hostPath.type: Unsupported value: \"x\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
        ],
    );
    check_volume(
        json!({"secret": {"defaultMode": 512}}),
        &[
            ".secret.secretName: Required value",
            ".secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
        ],
    );
    check_volume(
        json!({"configMap": {"name": "m", "items": [{"key": "k", "path": "..x"}]}}),
        &[".configMap.items[0].path: Invalid value: \"..x\": must not start with '..'"],
    );
    check_volume(
        json!({"downwardAPI": {"items": [{"path": "p"}]}}),
        &[".downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"],
    );
    check_volume(
        json!({"persistentVolumeClaim": {"claimName": ""}}),
        &[".persistentVolumeClaim.claimName: Required value"],
    );
    check_volume(
        json!({"emptyDir": {"sizeLimit": "-1"}}),
        &[".emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"],
    );
}

#[test]
fn projected_volumes() {
    let sources = |sources: Value| json!({"projected": { "sources": sources }});
    let key = |path: &str| json!({"key": "k", "path": path});
    check_volume(sources(json!([{"serviceAccountToken": {"path": "t"}}])), &[]);
    check_volume(
        sources(json!([{"serviceAccountToken": {"path": "", "expirationSeconds": 5}}])),
        &[
            ".projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes",
            ".projected.path: Required value",
        ],
    );
    check_volume(
        sources(
            json!([{"secret": {"name": "a", "items": [key("x")]}}, {"configMap": {"name": "b", "items": [key("x")]}}]),
        ),
        &[".projected: Invalid value: \"b\": conflicting duplicate paths"],
    );
    check_volume(
        sources(json!([{"secret": {"name": "a"}, "configMap": {"name": "b"}}])),
        &[".projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"],
    );
    check(
        json!({
            "serviceAccountName": "", "serviceAccount": "",
            "volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
        }),
        &[
            "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
        ],
    );
}

#[test]
fn volumes_of_old_drivers() {
    check_volume(
        json!({"nfs": {"server": "s", "path": "a"}}),
        &[".nfs.path: Invalid value: \"a\": must be an absolute path"],
    );
    check_volume(
        json!({"iscsi": {"targetPortal": "p", "iqn": "iqn.2015-02.example.com:test", "lun": 1}}),
        &[],
    );
    check_volume(
        json!({"iscsi": {"targetPortal": "p", "iqn": "x", "lun": 256}}),
        &[
            ".iscsi.iqn: Invalid value: \"x\": must be valid format starting with iqn, eui, or naa",
            ".iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
        ],
    );
    check_volume(
        json!({"rbd": {"monitors": [], "image": ""}}),
        &[".rbd.monitors: Required value", ".rbd.image: Required value"],
    );
    check_volume(
        json!({"gcePersistentDisk": {"pdName": "", "partition": 300}}),
        &[
            ".persistentDisk.pdName: Required value",
            ".persistentDisk.partition: Invalid value: 300: must be between 1 and 255, inclusive",
        ],
    );
    check_volume(
        json!({"flexVolume": {"driver": "d", "options": {"a.kubernetes.io/x": "y"}}}),
        &[
            ".flexVolume.options[a.kubernetes.io/x]: Invalid value: \"a.kubernetes.io/x\": kubernetes.io and k8s.io namespaces are reserved",
        ],
    );
}

#[test]
fn ephemeral_volumes_have_a_claim() {
    let template = |spec: Value| json!({"ephemeral": {"volumeClaimTemplate": { "spec": spec }}});
    let storage = json!({"requests": {"storage": "1Gi"}});
    check_volume(template(json!({"accessModes": ["ReadWriteOnce"], "resources": storage})), &[]);
    let at = ".ephemeral.volumeClaimTemplate.spec";
    check_volume(
        template(json!({})),
        &[
            &format!("{at}.accessModes: Required value: at least 1 access mode is required"),
            &format!("{at}.resources[storage]: Required value"),
        ],
    );
    check_volume(
        template(json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"], "resources": storage})),
        &[&format!("{at}.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes")],
    );
}

#[test]
fn policies_and_names() {
    check(
        json!({"restartPolicy": "x", "dnsPolicy": "x"}),
        &[
            "spec.restartPolicy: Unsupported value: \"x\": supported values: \"Always\", \"OnFailure\", \"Never\"",
            "spec.dnsPolicy: Unsupported value: \"x\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
        ],
    );
    check(
        json!({"activeDeadlineSeconds": 0}),
        &["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
    );
    check(
        json!({"preemptionPolicy": "x"}),
        &[
            "spec.preemptionPolicy: Unsupported value: \"x\": supported values: \"PreemptLowerPriority\", \"Never\"",
        ],
    );
    check(
        json!({"schedulingGates": [{"name": "a"}, {"name": "a"}]}),
        &["spec.schedulingGates[1]: Duplicate value: \"a\""],
    );
    check(json!({"hostname": "a.b"}), &["spec.hostname: Invalid value: \"a.b\": must not contain dots"]);
}

#[test]
fn dns() {
    check(
        json!({"dnsPolicy": "None"}),
        &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    );
    check(
        json!({"dnsPolicy": "None", "dnsConfig": {}}),
        &[
            "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
        ],
    );
    check(
        json!({"dnsConfig": {"nameservers": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "x"], "options": [{"value": "1"}]}}),
        &[
            "spec.dnsConfig.nameservers: Invalid value: [\"10.0.0.1\",\"10.0.0.2\",\"10.0.0.3\",\"x\"]: must not have more than 3 nameservers",
            "spec.dnsConfig.nameservers[3]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "spec.dnsConfig.options[0]: Required value: must not be empty",
        ],
    );
    check(json!({"dnsConfig": {"searches": [".", "a_b.c."]}}), &[]);
}

#[test]
fn affinity_to_nodes_and_pods() {
    let node = |term: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}});
    let at = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]";
    let expression = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    check(node(expression("a", "In", &["1"])), &[]);
    check(
        node(expression("a", "In", &[])),
        &[&format!(
            "{at}.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
        )],
    );
    check(
        node(expression("a", "Gt", &["1", "2"])),
        &[&format!(
            "{at}.matchExpressions[0].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'"
        )],
    );
    check(
        node(expression("a", "x", &[])),
        &[&format!("{at}.matchExpressions[0].operator: Invalid value: \"x\": not a valid selector operator")],
    );
    check(
        node(json!({"matchFields": [{"key": "metadata.uid", "operator": "In", "values": ["a"]}]})),
        &[&format!(
            "{at}.matchFields[0].key: Invalid value: \"metadata.uid\": not a valid field selector key"
        )],
    );
    let pods = |term: Value| json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 101, "podAffinityTerm": term}]}}});
    let at = "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]";
    check(
        pods(json!({"topologyKey": "", "matchLabelKeys": ["a"]})),
        &[
            &format!("{at}.weight: Invalid value: 101: must be in the range 1-100"),
            &format!(
                "{at}.podAffinityTerm.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set"
            ),
            &format!("{at}.podAffinityTerm.topologyKey: Required value: can not be empty"),
            &format!("{at}.podAffinityTerm.topologyKey: Invalid value: \"\": name part must be non-empty"),
            &format!(
                "{at}.podAffinityTerm.topologyKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
            ),
        ],
    );
}

#[test]
fn spreading() {
    let constraint = |more: Value| {
        let mut all = json!({"maxSkew": 1, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}});
        merge(&mut all, &more);
        all
    };
    let at = "spec.topologySpreadConstraints[0]";
    check(json!({"topologySpreadConstraints": [constraint(json!({}))]}), &[]);
    check(
        json!({"topologySpreadConstraints": [constraint(json!({"maxSkew": 0, "whenUnsatisfiable": "x", "minDomains": 1}))]}),
        &[
            &format!("{at}.maxSkew: Invalid value: 0: must be greater than zero"),
            &format!(
                "{at}.whenUnsatisfiable: Unsupported value: \"x\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\""
            ),
            &format!(
                "{at}.minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not x"
            ),
        ],
    );
    check(
        json!({"topologySpreadConstraints": [constraint(json!({})), constraint(json!({}))]}),
        &[&format!("{at}.{{topologyKey, whenUnsatisfiable}}: Duplicate value: \"{{k, DoNotSchedule}}\"")],
    );
}

#[test]
fn tolerations_of_taints() {
    let with = |toleration: Value| json!({ "tolerations": [toleration] });
    let at = "spec.tolerations[0]";
    check(with(json!({"operator": "Exists"})), &[]);
    check(
        with(json!({})),
        &[&format!(
            "{at}.operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\""
        )],
    );
    check(
        with(json!({"key": "a", "operator": "x", "effect": "y", "tolerationSeconds": 1})),
        &[
            &format!(
                "{at}.effect: Invalid value: \"y\": effect must be 'NoExecute' when `tolerationSeconds` is set"
            ),
            &format!("{at}.operator: Unsupported value: \"x\": supported values: \"Equal\", \"Exists\""),
            &format!(
                "{at}.effect: Unsupported value: \"y\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\""
            ),
        ],
    );
}

#[test]
fn security_contexts() {
    check_container(
        json!({"securityContext": {"runAsUser": -1}}),
        &[".securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    );
    check_container(
        json!({"securityContext": {"procMount": "Unmasked"}}),
        &[
            ".securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`",
        ],
    );
    check_container(
        json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}}),
        &[
            ".securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
        ],
    );
    check_container(
        json!({"securityContext": {"appArmorProfile": {"type": "x"}}}),
        &[
            ".securityContext.appArmorProfile.type: Unsupported value: \"x\": supported values: \"Localhost\", \"RuntimeDefault\", \"Unconfined\"",
        ],
    );
    let privileged = pod_with(
        json!({"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true, "allowPrivilegeEscalation": false}}]}),
    );
    let errors = texts(pod(&privileged));
    assert!(
        errors[0].ends_with("cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
        "{errors:?}"
    );
    check_container(
        json!({"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN", "CAP_SYS_ADMIN"]}}}),
        &[
            r#".securityContext: Invalid value: {"Capabilities":{"Add":["CAP_SYS_ADMIN","CAP_SYS_ADMIN"],"Drop":null},"Privileged":null,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"#,
        ],
    );
    check(
        json!({"securityContext": {"sysctls": [{"name": "a b", "value": ""}]}}),
        &[
            "spec.securityContext.sysctls[0].name: Invalid value: \"a b\": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
        ],
    );
    check(
        json!({"hostNetwork": true, "securityContext": {"sysctls": [{"name": "net.ipv4.ip_forward", "value": ""}]}}),
        &[
            "spec.securityContext.sysctls[0].name: Invalid value: \"net.ipv4.ip_forward\": may not be specified when 'hostNetwork' is true",
        ],
    );
    check(
        json!({"hostUsers": false, "hostPID": true}),
        &["spec.HostPID: Forbidden: when `hostUsers` is false"],
    );
}

#[test]
fn ports_on_the_host_network() {
    let ports = json!([{"name": "c", "image": "i", "ports": [{"containerPort": 80, "hostPort": 81}]}]);
    check(
        json!({"hostNetwork": true, "containers": ports}),
        &[
            "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
        ],
    );
}

#[test]
fn annotations_of_pods() {
    let check = |annotations: Value, want: &[&str]| {
        let mut with = pod_with(json!({}));
        with.metadata.annotations = serde_json::from_value(annotations).expect("a map");
        assert_eq!(texts(pod(&with)), want);
    };
    check(
        json!({"kubernetes.io/config.mirror": "x"}),
        &[
            "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"x\": must set spec.nodeName if mirror pod annotation is set",
        ],
    );
    check(
        json!({"controller.kubernetes.io/pod-deletion-cost": "+1"}),
        &[
            "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"+1\": must be a 32bit integer",
        ],
    );
    check(
        json!({"container.apparmor.security.beta.kubernetes.io/x": "y"}),
        &[
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: \"x\": container not found",
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/x]: Invalid value: \"y\": invalid AppArmor profile name: \"y\"",
        ],
    );
}

#[test]
fn an_update_is_not_told_of_what_was_wrong_before() {
    let bad = pod_with(json!({"hostname": "A"}));
    let worse = pod_with(json!({"hostname": "A", "subdomain": "B.c"}));
    assert!(!pod(&bad).is_empty());
    assert_eq!(changed_pod(&bad, || bad.clone()), []);
    assert_eq!(changed_pod(&worse, || bad.clone()).len(), 1);
}
