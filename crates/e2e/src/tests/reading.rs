//! kubectl's verbs that only read.

use anyhow::Context;

use crate::cluster::{Cluster, NAMESPACE, SOON};
use crate::wait::holds;

pub fn get(cluster: &Cluster) -> anyhow::Result<()> {
    let check = |what: &[&str], columns: &[&str]| -> anyhow::Result<()> {
        let table = cluster.kubectl(&[&["get", "-n", NAMESPACE], what].concat())?;
        let header: Vec<&str> = table.lines().next().unwrap_or_default().split("  ").map(str::trim).collect();
        let header: Vec<&str> = header.into_iter().filter(|column| !column.is_empty()).collect();
        holds(header == columns, format_args!("get {what:?} prints {header:?}, upstream {columns:?}"))
    };
    check(&["pods"], &["NAME", "READY", "STATUS", "RESTARTS", "AGE"])?;
    check(
        &["pods", "-o", "wide"],
        &["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"],
    )?;
    check(&["deployments"], &["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"])?;
    check(&["replicasets"], &["NAME", "DESIRED", "CURRENT", "READY", "AGE"])?;
    check(&["services"], &["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"])?;
    check(&["jobs"], &["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"])?;
    check(&["endpointslices"], &["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"])?;
    check(&["secrets"], &["NAME", "TYPE", "DATA", "AGE"])?;
    check(&["configmaps"], &["NAME", "DATA", "AGE"])?;
    check(&["nodes"], &["NAME", "STATUS", "ROLES", "AGE", "VERSION"])?;
    let all = cluster.kubectl(&["get", "all", "-n", NAMESPACE])?;
    holds(all.contains("deployment.apps/frontend"), format_args!("get all lacks the deployment:\n{all}"))
}

pub fn watch(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let mut watch = cluster.kubectl_running(&["get", "pod", &pod, "-n", NAMESPACE, "-w", "-L", "watched"])?;
    let lines = watch.lines();
    lines.until(SOON, "the pod as it is", |line| line.starts_with(&pod))?;
    cluster.kubectl(&["label", "pod", &pod, "-n", NAMESPACE, "watched=yes"])?;
    let seen = lines.until(SOON, "the pod with its label", |line| line.trim_end().ends_with("yes"));
    cluster.kubectl(&["label", "pod", &pod, "-n", NAMESPACE, "watched-"])?;
    seen
}

pub fn describe(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let check = |what: &[&str], wanted: &[&str]| -> anyhow::Result<()> {
        let text = cluster.kubectl(&[&["describe", "-n", NAMESPACE], what].concat())?;
        let missing: Vec<&&str> = wanted.iter().filter(|part| !text.contains(**part)).collect();
        holds(missing.is_empty(), format_args!("describe {what:?} lacks {missing:?}:\n{text}"))
    };
    check(
        &["pod", &pod],
        &[
            "Controlled By:  ReplicaSet/frontend",
            "Readiness:",
            "QoS Class:",
            "Scheduled",
            "Pulled",
            "Created",
            "Started",
        ],
    )?;
    check(
        &["deployment", "frontend"],
        &["3 desired | 3 updated | 3 total | 3 available", "ScalingReplicaSet"],
    )?;
    check(&["service", "frontend"], &["NodePort:", "30080/TCP", "Endpoints:"])?;
    check(&["job", "migrate"], &["1 Succeeded", "Completed"])?;
    check(&["node"], &["Allocated resources:", "KubeletReady", "PodCIDR:"])
}

pub fn explain(cluster: &Cluster) -> anyhow::Result<()> {
    let strategy = cluster.kubectl(&["explain", "deployment.spec.strategy"])?;
    holds(
        strategy.contains("rollingUpdate") && strategy.contains("FIELDS:"),
        format_args!("explain deployment.spec.strategy: {strategy}"),
    )?;
    let pod = cluster.kubectl(&["explain", "pod.spec", "--recursive"])?;
    holds(pod.contains("topologySpreadConstraints"), "explain pod.spec --recursive lacks a field")
}

pub fn can_i(cluster: &Cluster) -> anyhow::Result<()> {
    let admin = cluster.kubectl(&["auth", "can-i", "delete", "nodes"])?;
    holds(admin.trim() == "yes", format_args!("the administrator may not delete nodes: {admin}"))?;
    let account = format!("--as=system:serviceaccount:{NAMESPACE}:default");
    let asked = cluster.kubectl(&["auth", "can-i", "list", "secrets", "-n", NAMESPACE, &account]);
    let refused = asked.err().context("a service account may list secrets")?.to_string();
    holds(refused.contains("no"), format_args!("kubectl failed otherwise: {refused}"))?;
    let me = cluster.kubectl(&["auth", "whoami"])?;
    holds(me.contains("kubernetes-admin") && me.contains("system:masters"), format_args!("auth whoami: {me}"))
}
