//! kubectl's verbs that stream to and from a container.

use std::process::Command;

use anyhow::Context;

use crate::cluster::{Cluster, NAMESPACE, SOON, run};
use crate::http;
use crate::wait::{holds, until};

pub fn logs(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let say = |word: &str| {
        let script = format!("echo {word} >/proc/1/fd/1");
        cluster.kubectl(&["exec", &pod, "-n", NAMESPACE, "--", "sh", "-c", &script])
    };
    let log = |options: &[&str]| cluster.kubectl(&[&["logs", &pod, "-n", NAMESPACE], options].concat());
    let mut following = cluster.kubectl_running(&["logs", "-f", &pod, "-n", NAMESPACE, "--since=1s"])?;
    let lines = following.lines();
    say("first-word")?;
    lines.until(SOON, "the first word in logs -f", |line| line == "first-word")?;
    say("second-word")?;
    lines.until(SOON, "the second word in logs -f", |line| line == "second-word")?;
    let tail = log(&["--tail=50", "--timestamps"])?;
    let stamped =
        tail.lines().find(|line| line.ends_with(" first-word")).context("logs --tail lacks the word")?;
    holds(
        stamped.starts_with("20") && stamped.contains('T') && stamped.contains("Z "),
        format_args!("no timestamp: {stamped}"),
    )?;
    holds(log(&["--tail=1"])?.lines().count() == 1, "logs --tail=1 prints more than a line")?;
    holds(log(&["--since=10m"])?.contains("first-word"), "logs --since=10m lacks the word")
}

pub fn exec(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let echoed =
        cluster.kubectl_with(&["exec", "-i", &pod, "-n", NAMESPACE, "--", "cat"], "over and back\n")?;
    holds(echoed == "over and back\n", format_args!("cat answered {echoed:?}"))?;
    let big = "0123456789abcdef".repeat(64 << 10);
    let counted = cluster.kubectl_with(&["exec", "-i", &pod, "-n", NAMESPACE, "--", "wc", "-c"], &big)?;
    holds(counted.trim() == big.len().to_string(), format_args!("of {} bytes arrived {counted}", big.len()))?;
    let failed =
        cluster.kubectl(&["exec", &pod, "-n", NAMESPACE, "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    let failed = failed.err().context("exit 7 was no failure")?.to_string();
    holds(
        ["exit status: 7", "out", "err", "command terminated with exit code 7"]
            .iter()
            .all(|part| failed.contains(part)),
        format_args!("exit 7 became: {failed}"),
    )
}

/// util-linux' script(1) gives kubectl a terminal.
pub fn exec_terminal(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let kubeconfig = cluster.kubeconfig.display();
    let inner =
        format!("kubectl --kubeconfig {kubeconfig} exec -it {pod} -n {NAMESPACE} -- sh -c 'tty; stty size'");
    let text = run(Command::new("script").args(["-qec", &inner, "/dev/null"]), Some(""))?;
    holds(text.contains("/dev/pts/"), format_args!("there is no terminal: {text}"))
}

pub fn cp(cluster: &Cluster) -> anyhow::Result<()> {
    let pod = cluster.a_front_end()?;
    let folder = std::env::temp_dir().join("ironclad-e2e-cp");
    std::fs::create_dir_all(&folder)?;
    let (there, back) = (folder.join("there"), folder.join("back"));
    // Not text, and longer than any buffer on the way.
    let content: Vec<u8> =
        (0..3_000_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(&there, &content)?;
    let remote = format!("{NAMESPACE}/{pod}:/tmp/copied");
    cluster.kubectl(&["cp", &there.display().to_string(), &remote])?;
    cluster.kubectl(&["cp", &remote, &back.display().to_string()])?;
    let same = std::fs::read(&back)? == content;
    std::fs::remove_dir_all(&folder)?;
    holds(same, "what came back is not what was sent")
}

pub fn port_forward(cluster: &Cluster) -> anyhow::Result<()> {
    let mut forward =
        cluster.kubectl_running(&["port-forward", "service/frontend", ":80", "-n", NAMESPACE])?;
    let lines = forward.lines();
    let mut port = None;
    lines.until(SOON, "the line that names the port", |line| {
        let words = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
        port = words.and_then(|number| number.parse::<u16>().ok());
        port.is_some()
    })?;
    let here = std::net::SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_default()));
    for _ in 0..5 {
        let answer = until(SOON, "an answer through port-forward", || http::get(here, "/cgi-bin/version"))?;
        holds(answer.starts_with("frontend v1"), format_args!("answered {answer}"))?;
    }
    Ok(())
}
