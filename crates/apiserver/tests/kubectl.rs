//! The stock client against the server. Skipped where kubectl is not installed.

mod cluster;

use std::process::Stdio;

use cluster::{Cluster, start};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

fn command(cluster: &Cluster, line: &str) -> Command {
    let mut command = Command::new("kubectl");
    command
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig())
        .arg("--cache-dir")
        .arg(cluster.folder.path().join("cache"))
        .args(line.split(' '))
        .env("HOME", cluster.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs kubectl with `input`; its exit code, output and errors.
async fn run(cluster: &Cluster, line: &str, input: &str) -> (i32, String, String) {
    let mut child = command(cluster, line).spawn().expect("kubectl");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).await.expect("written");
    drop(stdin);
    let output = child.wait_with_output().await.expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

async fn check(cluster: &Cluster, line: &str, input: &str, want: &str) {
    let (code, out, err) = run(cluster, line, input).await;
    assert!(code == 0 && out.contains(want), "kubectl {line}\nwanted: {want}\ncode {code}\n{out}\n{err}");
}

async fn refused(cluster: &Cluster, line: &str, input: &str, want: &str) {
    let (code, out, err) = run(cluster, line, input).await;
    assert!(code != 0 && err.contains(want), "kubectl {line}\nwanted: {want}\ncode {code}\n{out}\n{err}");
}

const MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, labels: {app: web}}\ndata: {a: '1', b: '2'}\n";
const MAP_2: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, labels: {app: web}}\ndata: {a: '3'}\n";
const WIDGET: &str =
    "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 3, replicas: 1}\n";

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_works() {
    let c = &start().await;
    if std::process::Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skipped: kubectl is not installed");
        return;
    }
    check(c, "version", "", "Server Version: v1.36.").await;
    check(c, "api-resources", "", "widgets").await;
    check(c, "api-resources -o wide", "", "create,delete,deletecollection,get,list,patch,update,watch   all")
        .await;
    check(c, "api-versions", "", "example.com/v1").await;
    check(c, "create namespace n", "", "namespace/n created").await;
    check(c, "get ns", "", "kube-system   Active").await;

    // Apply, client side: create, change, nothing to do.
    check(c, "-n n apply -f -", MAP, "configmap/m created").await;
    check(c, "-n n apply -f -", MAP_2, "configmap/m configured").await;
    check(c, "-n n apply -f -", MAP_2, "configmap/m unchanged").await;
    check(c, "-n n get cm m -o jsonpath={.data}", "", r#"{"a":"3"}"#).await;
    check(c, "-n n get configmaps -l app=web", "", "NAME   DATA   AGE").await;
    check(c, "-n n get cm m -o yaml", "", "kubectl.kubernetes.io/last-applied-configuration").await;
    check(c, "get cm -A --field-selector metadata.name=m", "", "n           m      1").await;
    check(c, "-n n describe cm m", "", "BinaryData").await;

    // Apply, server side: ownership and conflicts.
    check(c, "-n n apply --server-side -f -", WIDGET, "widget.example.com/w serverside-applied").await;
    let other = WIDGET.replace("size: 3", "size: 4");
    refused(
        c,
        "-n n apply --server-side --field-manager=other -f -",
        &other,
        "conflict with \"kubectl\": .spec.size",
    )
    .await;
    check(
        c,
        "-n n apply --server-side --field-manager=other --force-conflicts -f -",
        &other,
        "serverside-applied",
    )
    .await;
    check(c, "-n n get widgets.example.com w --show-managed-fields -o yaml", "", "manager: other").await;
    check(c, "-n n get wd", "", "NAME   COLOR\nw      red").await;

    // Patches of all four kinds, scale, labels.
    check(c, r#"-n n patch wd w --type=merge -p {"spec":{"color":"blue"}}"#, "", "patched").await;
    check(
        c,
        r#"-n n patch wd w --type=json -p [{"op":"replace","path":"/spec/size","value":9}]"#,
        "",
        "patched",
    )
    .await;
    check(c, r#"-n n patch cm m -p {"data":{"z":"26"}}"#, "", "configmap/m patched").await;
    check(
        c,
        r#"-n n patch wd w --subresource=status --type=merge -p {"status":{"replicas":2}}"#,
        "",
        "patched",
    )
    .await;
    check(c, "-n n scale wd w --replicas=5", "", "scaled").await;
    check(
        c,
        "-n n get wd w -o jsonpath={.spec.color}-{.spec.size}-{.spec.replicas}-{.status.replicas}",
        "",
        "blue-9-5-2",
    )
    .await;
    check(c, "-n n label cm m tier=back", "", "labeled").await;
    check(c, "-n n annotate cm m note=x", "", "annotated").await;
    refused(
        c,
        r#"-n n patch wd w --type=strategic -p {}"#,
        "",
        "is not supported by example.com/v1, Kind=Widget",
    )
    .await;

    // Explain, diff, dry runs and validation.
    check(c, "explain cm.data", "", "FIELD: data").await;
    check(c, "explain widgets.spec.size", "", "How large it is.").await;
    let (code, out, err) = run(c, "-n n diff -f -", MAP).await;
    assert!(code == 1 && out.contains("-  a: \"3\"") && out.contains("+  a: \"1\""), "{code} {out} {err}");
    check(c, "-n n create cm dry --from-literal=a=b --dry-run=server -o name", "", "configmap/dry").await;
    refused(c, "-n n get cm dry", "", "Error from server (NotFound): configmaps \"dry\" not found").await;
    let unknown = MAP.replace("\ndata:", "\ndota:");
    refused(c, "-n n apply -f -", &unknown, "unknown field \"dota\"").await;
    check(c, "-n n apply --validate=warn -f -", &unknown, "configmap/m configured").await;

    // Who may what, waiting, deleting.
    check(c, "auth can-i create configmaps", "", "yes").await;
    let (code, out, _) = run(c, "auth can-i create configmaps --as=jane", "").await;
    assert_eq!((code, out.as_str()), (1, "no\n"));
    refused(
        c,
        "-n n get cm --as=jane",
        "",
        "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\"",
    )
    .await;
    check(c, "-n n delete cm m --wait=true", "", "configmap \"m\" deleted").await;
    check(c, "-n n delete wd --all", "", "widget.example.com \"w\" deleted").await;
    check(c, "get --raw /readyz?verbose", "", "readyz check passed").await;
    check(c, "get --raw /metrics", "", "apiserver_request_total").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_watches() {
    let c = &start().await;
    if std::process::Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skipped: kubectl is not installed");
        return;
    }
    let mut child = command(c, "get cm -w --output-watch-events").spawn().expect("kubectl");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    check(c, "create cm a --from-literal=x=y", "", "created").await;
    check(c, "delete cm a", "", "deleted").await;
    let mut next = async || {
        let line = tokio::time::timeout(std::time::Duration::from_secs(10), lines.next_line()).await;
        let line = line.expect("in time").expect("readable").unwrap_or_default();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(next().await, ["EVENT", "NAME"]);
    assert_eq!(next().await, ["ADDED", "a"]);
    assert_eq!(next().await, ["DELETED", "a"]);
    child.kill().await.expect("ended");
}
