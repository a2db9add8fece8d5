//! kubectl's streams as clients before Kubernetes 1.31 speak them: SPDY/3.1 instead of WebSockets.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};

use crate::cluster::{Cluster, Lines, NAMESPACE, Running, SOON, is_ready, run};
use crate::http;
use crate::wait::{holds, until};

/// What makes kubectl speak SPDY.
const SPDY: [(&str, &str); 2] =
    [("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false"), ("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false")];

fn kubectl(cluster: &Cluster, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
    run(cluster.kubectl_command(arguments).envs(SPDY), input)
}

pub fn exec(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let within = |command: &[&str], input: Option<&str>| {
        kubectl(cluster, &[&["exec", "-i", &pod, "-n", NAMESPACE, "--"], command].concat(), input)
    };
    let echoed = within(&["cat"], Some("over and back\n"))?;
    holds(echoed == "over and back\n", format_args!("cat answered {echoed:?}"))?;
    let big = "0123456789abcdef".repeat(256 << 10);
    let counted = within(&["wc", "-c"], Some(&big))?;
    holds(counted.trim() == big.len().to_string(), format_args!("of {} bytes arrived {counted}", big.len()))?;
    let back = within(&["head", "-c", "4000000", "/dev/zero"], None)?.len();
    holds(back == 4_000_000, format_args!("of 4000000 bytes {back} came back"))?;
    let failed = within(&["sh", "-c", "echo out; echo err >&2; exit 7"], None);
    let failed = failed.err().context("exit 7 was no failure")?.to_string();
    holds(
        ["exit status: 7", "out", "err", "command terminated with exit code 7"]
            .iter()
            .all(|part| failed.contains(part)),
        format_args!("exit 7 became: {failed}"),
    )?;
    let missing = within(&["no-such-command"], None).err().context("a missing command ran")?.to_string();
    holds(missing.contains("no-such-command"), format_args!("a missing command became: {missing}"))
}

/// util-linux' script(1) gives kubectl a terminal, and stty its size.
pub fn exec_terminal(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let kubeconfig = cluster.kubeconfig.display();
    let size = "for i in 1 2 3 4 5 6 7 8 9; do stty size; sleep 0.2; done";
    let inner = format!(
        "stty rows 33 cols 77; kubectl --kubeconfig {kubeconfig} exec -it {pod} -n {NAMESPACE} -- \
         sh -c 'tty; {size}; exit 5'; echo code $?"
    );
    let mut script = Command::new("script");
    let text = run(script.args(["-qec", &inner, "/dev/null"]).envs(SPDY), Some(""))?;
    holds(
        ["/dev/pts/", "33 77", "code 5"].iter().all(|part| text.contains(part)),
        format_args!("no terminal of 33 rows and 77 columns, or no exit code 5: {text}"),
    )
}

pub fn attach(cluster: &Cluster) -> anyhow::Result<()> {
    const POD: &str = "attached";
    let front = cluster.front_ends()?;
    let image = front.first().and_then(|pod| pod.pointer("/spec/containers/0/image")?.as_str());
    let image = format!("--image={}", image.context("no front end")?);
    let script = "while read line; do echo got $line; done; echo bye";
    let create = ["run", POD, "-n", NAMESPACE, &image, "--restart=Never", "-i", "--attach=false"];
    cluster.kubectl(&[&create[..], &["--command", "--", "sh", "-c", script]].concat())?;
    let attached = until(SOON, "the pod is ready", || {
        let pod = cluster.get(&["pod", POD, "-n", NAMESPACE])?;
        if is_ready(&pod) { Ok(()) } else { Err(anyhow!("it is not: {}", pod["status"])) }
    })
    .and_then(|()| kubectl(cluster, &["attach", "-i", POD, "-n", NAMESPACE], Some("one\ntwo\n")));
    cluster.kubectl(&["delete", "pod", POD, "-n", NAMESPACE, "--grace-period=1"])?;
    let attached = attached?;
    holds(
        ["got one", "got two", "bye"].iter().all(|part| attached.contains(part)),
        format_args!("attach printed {attached}"),
    )
}

pub fn cp(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let folder = std::env::temp_dir().join("ironclad-e2e-cp-spdy");
    std::fs::create_dir_all(&folder)?;
    let (there, back) = (folder.join("there"), folder.join("back"));
    // Not text, and longer than any buffer on the way.
    let content: Vec<u8> =
        (0..3_000_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(&there, &content)?;
    let remote = format!("{NAMESPACE}/{pod}:/tmp/copied-by-spdy");
    kubectl(cluster, &["cp", &there.display().to_string(), &remote], None)?;
    kubectl(cluster, &["cp", &remote, &back.display().to_string()], None)?;
    let same = std::fs::read(&back)? == content;
    std::fs::remove_dir_all(&folder)?;
    holds(same, "what came back is not what was sent")
}

/// `kubectl port-forward` as it runs, and where it listens.
fn forward(cluster: &Cluster, target: &str, port: &str) -> anyhow::Result<(Running, Lines, SocketAddr)> {
    let mut command = cluster.kubectl_command(&["port-forward", target, port, "-n", NAMESPACE]);
    let child = command.envs(SPDY).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = Running(child.context("kubectl cannot be run")?);
    let lines = running.lines();
    let mut port = None;
    lines.until(SOON, "the line that names the port", |line| {
        let words = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
        port = words.and_then(|number| number.parse::<u16>().ok());
        port.is_some()
    })?;
    Ok((running, lines, SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_default()))))
}

pub fn port_forward(cluster: &Cluster) -> anyhow::Result<()> {
    let (_running, _lines, here) = forward(cluster, "service/frontend", ":80")?;
    // One after the other, then several at a time.
    for _ in 0..5 {
        let answer = until(SOON, "an answer through port-forward", || http::get(here, "/cgi-bin/version"))?;
        holds(answer.starts_with("frontend v1"), format_args!("answered {answer}"))?;
    }
    let all: Vec<_> =
        (0..8).map(|_| std::thread::spawn(move || http::get(here, "/cgi-bin/version"))).collect();
    for one in all {
        let answer = one.join().map_err(|_| anyhow!("a connection's thread panicked"))??;
        holds(answer.starts_with("frontend v1"), format_args!("answered {answer}"))?;
    }
    Ok(())
}

/// Nobody listens there: the error stream says so.
pub fn port_forward_to_nobody(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let (mut running, _lines, here) = forward(cluster, &format!("pod/{pod}"), ":9")?;
    let errors = running.errors();
    // How this ends does not matter: kubectl has accepted it before it knows.
    let _ = http::get(here, "/");
    errors.until(SOON, "the error of the forward", |line| line.contains("an error occurred forwarding"))
}
