//! Other identities, other kinds, and input that is refused.

use anyhow::Context;
use serde_json::json;

use crate::cluster::{Cluster, NAMESPACE, run};
use crate::wait::holds;

pub fn token(cluster: &Cluster) -> anyhow::Result<()> {
    let token = cluster.kubectl(&["create", "token", "default", "-n", NAMESPACE])?;
    let mut command = std::process::Command::new("kubectl");
    command.args(["--kubeconfig", "/dev/null", "--server", "https://127.0.0.1:6443"]);
    command.args(["--certificate-authority", "/var/lib/ironclad/pki/ca.crt", "--token", token.trim()]);
    let me = run(command.args(["auth", "whoami"]), None)?;
    let wanted = format!("system:serviceaccount:{NAMESPACE}:default");
    holds(me.contains(&wanted), format_args!("the token is of somebody else: {me}"))
}

pub fn custom_resource(cluster: &Cluster) -> anyhow::Result<()> {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.e2e.ironclad.local"},
        "spec": {
            "group": "e2e.ironclad.local",
            "scope": "Namespaced",
            "names": {"plural": "boats", "singular": "boat", "kind": "Boat"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": ["masts"], "properties": {
                        "masts": {"type": "integer", "minimum": 1, "maximum": 7},
                    }},
                }}},
                "additionalPrinterColumns": [{"name": "Masts", "type": "integer", "jsonPath": ".spec.masts"}],
            }],
        },
    });
    cluster.kubectl_with(&["apply", "-f", "-"], &definition.to_string())?;
    cluster.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/boats.e2e.ironclad.local",
        "--timeout=30s",
    ])?;
    let boat = |masts: i32| {
        let boat = json!({
            "apiVersion": "e2e.ironclad.local/v1",
            "kind": "Boat",
            "metadata": {"name": "kon-tiki", "namespace": NAMESPACE},
            "spec": {"masts": masts},
        });
        cluster.kubectl_with(&["apply", "-f", "-"], &boat.to_string())
    };
    boat(1)?;
    let refused = boat(9).err().context("nine masts were accepted")?.to_string();
    holds(
        refused.contains("spec.masts in body should be less than or equal to 7"),
        format_args!("the refusal says: {refused}"),
    )?;
    let table = cluster.kubectl(&["get", "boats", "-n", NAMESPACE])?;
    holds(table.contains("MASTS") && table.contains("kon-tiki"), format_args!("get boats prints: {table}"))?;
    let explained = cluster.kubectl(&["explain", "boat.spec.masts"])?;
    holds(explained.contains("integer"), format_args!("explain says: {explained}"))?;
    cluster.kubectl(&["delete", "crd/boats.e2e.ironclad.local", "--timeout=60s"])?;
    // In kubectl's words or in the server's: that depends on what kubectl remembers of the discovery.
    let left = cluster.kubectl(&["get", "boats", "-n", NAMESPACE]).err().context("boats are still served")?;
    let left = left.to_string();
    let refused =
        ["the server doesn't have a resource type", "the server could not find the requested resource"];
    holds(refused.iter().any(|words| left.contains(words)), left)
}

/// What upstream answers, in its words.
const REFUSED: &[(&str, &str)] = &[
    (
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Bad_Name"}}"#,
        "Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of",
    ),
    (
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"refused"},"datum":{}}"#,
        "unknown field \"datum\"",
    ),
    (
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"refused"},"data":{"a":1}}"#,
        "cannot unmarshal number into Go struct field ConfigMap.data of type string",
    ),
    (
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"refused"},"spec":{"containers":[]}}"#,
        "spec.containers: Required value",
    ),
    (
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"refused"},"spec":{"ports":[{"port":99999}]}}"#,
        "spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive",
    ),
];

pub fn bad_input(cluster: &Cluster) -> anyhow::Result<()> {
    for (object, expected) in REFUSED {
        // `--validate=false` leaves the judging to the server; strictness is asked of it.
        let created =
            cluster.kubectl_with(&["create", "-n", NAMESPACE, "--validate=strict", "-f", "-"], object);
        let refused = created.err().with_context(|| format!("accepted: {object}"))?.to_string();
        holds(
            refused.contains(expected),
            format_args!("{object}\nis refused with: {refused}\nnot with: {expected}"),
        )?;
    }
    let left = cluster.kubectl(&["get", "configmaps,pods,services", "-n", NAMESPACE, "-o", "name"])?;
    holds(!left.contains("refused"), "something that was refused is there")
}
