//! kubectl's verbs that change objects.

use anyhow::Context;
use serde_json::json;

use crate::cluster::{Cluster, NAMESPACE, SOON, is_ready, name, run};
use crate::wait::{holds, until};

pub fn scale(cluster: &Cluster) -> anyhow::Result<()> {
    for replicas in [5, 3] {
        let wanted = format!("--replicas={replicas}");
        cluster.kubectl(&["scale", "deployment/frontend", "-n", NAMESPACE, &wanted])?;
        cluster.rolled_out("frontend")?;
        until(SOON, &format!("{replicas} front ends"), || {
            let pods = cluster.front_ends()?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            holds(
                ready == replicas && pods.len() == replicas,
                format_args!("{ready} of {} are ready", pods.len()),
            )
        })?;
    }
    Ok(())
}

pub fn delete_pod(cluster: &Cluster) -> anyhow::Result<()> {
    let gone = cluster.a_front_end()?;
    cluster.kubectl(&["delete", "pod", &gone, "-n", NAMESPACE])?;
    until(SOON, "another pod in its place", || {
        let pods = cluster.front_ends()?;
        let names: Vec<String> = pods.iter().filter(|pod| is_ready(pod)).map(name).collect();
        holds(names.len() == 3 && !names.contains(&gone), format_args!("ready are {names:?}"))
    })
}

pub fn label(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let on = |verb: &str, change: &str| cluster.kubectl(&[verb, "pod", &pod, "-n", NAMESPACE, change]);
    on("label", "e2e=yes")?;
    let chosen =
        cluster.kubectl(&["get", "pods", "-n", NAMESPACE, "-l", "e2e in (yes,maybe)", "-o", "name"])?;
    holds(chosen.trim() == format!("pod/{pod}"), format_args!("the selector finds {chosen}"))?;
    on("annotate", "e2e=a longer text")?;
    let object = cluster.get(&["pod", &pod, "-n", NAMESPACE])?;
    holds(object["metadata"]["annotations"]["e2e"] == "a longer text", "the annotation is not there")?;
    on("label", "e2e-")?;
    on("annotate", "e2e-")?;
    let object = cluster.get(&["pod", &pod, "-n", NAMESPACE])?;
    holds(object["metadata"]["labels"].get("e2e").is_none(), "the label is still there")
}

pub fn patch(cluster: &Cluster) -> anyhow::Result<()> {
    let map = ["configmap/patched", "-n", NAMESPACE];
    cluster.kubectl(&["create", "configmap", "patched", "-n", NAMESPACE, "--from-literal=a=1"])?;
    let patches = [
        ("strategic", r#"{"data":{"b":"2"}}"#),
        ("merge", r#"{"data":{"a":null,"c":"3"}}"#),
        ("json", r#"[{"op":"add","path":"/data/d","value":"4"},{"op":"test","path":"/data/c","value":"3"}]"#),
    ];
    for (kind, patch) in patches {
        cluster.kubectl(&[&["patch"], &map[..], &["--type", kind, "-p", patch]].concat())?;
    }
    let mut edit = cluster.kubectl_command(&[&["edit"], &map[..]].concat());
    run(edit.env("KUBE_EDITOR", "sed -i 's/b: \"2\"/b: \"edited\"/'"), None)?;
    let data = cluster.get(&map)?["data"].clone();
    cluster.kubectl(&[&["delete"], &map[..]].concat())?;
    let wanted = json!({"b": "edited", "c": "3", "d": "4"});
    holds(data == wanted, format_args!("the data is {data}, wanted is {wanted}"))
}

pub fn diff(cluster: &Cluster) -> anyhow::Result<()> {
    let example = std::fs::read_to_string(&cluster.example)?;
    let same = cluster.kubectl_with(&["diff", "-f", "-"], &example)?;
    holds(same.is_empty(), format_args!("a difference where there is none:\n{same}"))?;
    let changed = example.replace("TITLE: Guestbook", "TITLE: Visitors");
    let found =
        cluster.kubectl_with(&["diff", "-f", "-"], &changed).err().context("no difference is shown")?;
    let found = found.to_string();
    holds(
        found.contains("-  TITLE: Guestbook") && found.contains("+  TITLE: Visitors"),
        format_args!("the difference is told as: {found}"),
    )?;
    let title =
        cluster.kubectl(&["get", "configmap/frontend", "-n", NAMESPACE, "-o", "jsonpath={.data.TITLE}"])?;
    holds(title == "Guestbook", "diff has changed the object")
}

pub fn server_side_apply(cluster: &Cluster) -> anyhow::Result<()> {
    let apply = |manager: &str, value: &str, options: &[&str]| {
        let manager = format!("--field-manager={manager}");
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "owned", "namespace": NAMESPACE},
            "data": {"key": value},
        });
        let arguments = [&["apply", "--server-side", "-f", "-", manager.as_str()], options].concat();
        cluster.kubectl_with(&arguments, &object.to_string())
    };
    apply("one", "1", &[])?;
    let conflict =
        apply("two", "2", &[]).err().context("two managers own a field without a conflict")?.to_string();
    holds(
        conflict.contains("conflict with \"one\": .data.key"),
        format_args!("the conflict is told as: {conflict}"),
    )?;
    apply("two", "2", &["--force-conflicts"])?;
    let value =
        cluster.kubectl(&["get", "configmap/owned", "-n", NAMESPACE, "-o", "jsonpath={.data.key}"])?;
    cluster.kubectl(&["delete", "configmap/owned", "-n", NAMESPACE])?;
    holds(value == "2", format_args!("the value is {value}"))
}
