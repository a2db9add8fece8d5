//! Clients that still speak SPDY/3.1: stock kubectl, told not to use WebSockets, through the API server to an agent
//! that runs what it is asked to on this machine. Skipped where kubectl is not installed.

#[path = "../cluster/mod.rs"]
mod cluster;
mod session;

use std::process::{Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use cluster::pods::{agent, node, pod};
use cluster::{Cluster, LOCALHOST, start};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::json;
use session::{Sender, Stream};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc::UnboundedReceiver;

/// Nothing here takes longer, unless it hangs.
const SOON: Duration = Duration::from_secs(60);

/// The agent: agrees to the newest protocol that is offered, and does what the path says.
async fn answer(_: String, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let offered: Vec<String> = request
        .headers()
        .get_all("x-stream-protocol-version")
        .iter()
        .map(|value| value.to_str().expect("text").to_owned())
        .collect();
    let is_spdy = request.headers().get("upgrade").is_some_and(|value| value == "SPDY/3.1");
    let mut reply = Response::new(Full::default());
    let Some(protocol) = offered.first().filter(|_| is_spdy) else {
        *reply.status_mut() = StatusCode::BAD_REQUEST;
        *reply.body_mut() = Full::new(Bytes::from(format!("no SPDY: {offered:?}")));
        return reply;
    };
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in
        [("connection", "Upgrade"), ("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", protocol)]
    {
        reply.headers_mut().insert(name, value.parse().expect("a value"));
    }
    tokio::spawn(async move {
        let uri = request.uri().clone();
        let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
        let (sender, streams) = session::serve(TokioIo::new(upgraded));
        match uri.path().starts_with("/exec") {
            true => run(uri.query().unwrap_or_default(), sender, streams).await,
            false => forward(sender, streams).await,
        }
    });
    reply
}

/// Runs a command with the streams that are asked for.
async fn run(query: &str, sender: Sender, mut streams: UnboundedReceiver<Stream>) {
    let query = ironclad_api::params::Query::parse(query);
    let wanted: Vec<&str> = [("input", "stdin"), ("output", "stdout"), ("error", "stderr")]
        .into_iter()
        .filter(|(name, _)| query.flag(name) == Some(true))
        .map(|(_, kind)| kind)
        .chain(["error"])
        .collect();
    let mut opened: Vec<Stream> = Vec::new();
    while opened.len() < wanted.len() {
        opened.push(streams.recv().await.expect("a stream"));
    }
    let mut take = |kind: &str| {
        let at = opened.iter().position(|stream| stream.headers["streamtype"] == kind);
        at.map(|at| opened.remove(at))
    };
    let [input, output, errors] = ["stdin", "stdout", "stderr"].map(&mut take);
    let status = take("error").expect("an error stream");
    let words: Vec<&str> = query.all("command").collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("a process");
    let mut stdin = child.stdin.take().expect("piped");
    tokio::spawn(async move {
        let Some(mut input) = input else { return };
        while let Some(bytes) = input.data.recv().await {
            if stdin.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    tokio::join!(
        copy(child.stdout.take().expect("piped"), &sender, output),
        copy(child.stderr.take().expect("piped"), &sender, errors),
    );
    let code = child.wait().await.expect("an end").code().unwrap_or(-1);
    let told = match code {
        0 => json!({"metadata": {}, "status": "Success"}),
        code => json!({"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
    };
    sender.data(status.id, told.to_string().as_bytes(), true);
}

async fn copy(mut from: impl AsyncRead + Unpin, sender: &Sender, stream: Option<Stream>) {
    let Some(stream) = stream else { return };
    let mut block = vec![0; 32 * 1024];
    while let Ok(read @ 1..) = from.read(&mut block).await {
        sender.data(stream.id, &block[..read], false);
    }
    sender.data(stream.id, b"", true);
}

/// Each connection is a pair of streams: one for an error, one for data.
async fn forward(sender: Sender, mut streams: UnboundedReceiver<Stream>) {
    let mut errors = std::collections::BTreeMap::new();
    while let Some(stream) = streams.recv().await {
        let request = stream.headers["requestid"].clone();
        if stream.headers["streamtype"] == "error" {
            errors.insert(request, stream.id);
            continue;
        }
        let (sender, error) = (sender.clone(), errors.remove(&request).expect("the other stream"));
        tokio::spawn(async move {
            let port: u16 = stream.headers["port"].parse().expect("a port");
            let Ok(mut connection) = TcpStream::connect((LOCALHOST, port)).await else {
                sender.data(error, format!("nobody listens at {port}").as_bytes(), true);
                sender.data(stream.id, b"", true);
                return;
            };
            let (from, mut to) = connection.split();
            let Stream { id, headers, mut data } = stream;
            let (_, ended) = tokio::sync::mpsc::unbounded_channel();
            let outward = copy(from, &sender, Some(Stream { id, headers, data: ended }));
            let inward = async {
                while let Some(bytes) = data.recv().await {
                    let _ = to.write_all(&bytes).await;
                }
                let _ = to.shutdown().await;
            };
            tokio::join!(outward, inward);
            sender.data(error, b"", true);
        });
    }
}

fn kubectl(cluster: &Cluster, arguments: &[&str]) -> Command {
    let mut command = Command::new("kubectl");
    command
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig())
        .args(arguments)
        .env("HOME", cluster.folder.path())
        .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false")
        .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn exec(cluster: &Cluster, command: &[&str], input: &[u8]) -> Output {
    let arguments = [&["exec", "-i", "web", "--"], command].concat();
    let mut child = kubectl(cluster, &arguments).spawn().expect("kubectl");
    let mut stdin = child.stdin.take().expect("piped");
    let writing = async {
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let both = async { tokio::join!(writing, child.wait_with_output()).1 };
    tokio::time::timeout(SOON, both).await.expect("an end").expect("an end")
}

async fn site() -> Option<Cluster> {
    if std::process::Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        eprintln!("skipped: kubectl is not installed");
        return None;
    }
    let cluster = start().await;
    let port = agent(&cluster, answer).await;
    node(&cluster, LOCALHOST, port).await;
    pod(&cluster, "web", "node-1", &["main"], "10.0.0.7", 80).await;
    Some(cluster)
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_runs_commands_over_spdy() {
    let Some(cluster) = site().await else { return };
    let c = &cluster;
    // More than any buffer on the way, both ways.
    let big: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 253) as u8).collect();
    let back = exec(c, &["cat"], &big).await;
    assert!(back.status.success() && back.stdout == big, "{}: {} bytes", back.status, back.stdout.len());
    let failed = exec(c, &["sh", "-c", "cat >&2; echo out; exit 7"], b"err").await;
    let (out, err) = (String::from_utf8_lossy(&failed.stdout), String::from_utf8_lossy(&failed.stderr));
    assert_eq!((failed.status.code(), &*out), (Some(7), "out\n"), "{err}");
    assert!(err.starts_with("err") && err.contains("command terminated with exit code 7"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_forwards_ports_over_spdy() {
    let Some(cluster) = site().await else { return };
    // Says everything back, and a word behind the end.
    let listener = TcpListener::bind((LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.write_all(b"bye").await;
            });
        }
    });
    let mut running = kubectl(&cluster, &["port-forward", "pod/web", &format!(":{port}")])
        .stdin(Stdio::null())
        .spawn()
        .expect("kubectl");
    let mut lines = BufReader::new(running.stdout.take().expect("piped")).lines();
    let here: u16 = loop {
        let line = tokio::time::timeout(SOON, lines.next_line()).await.expect("a line").expect("a line");
        let line = line.expect("the line that names the port");
        if let Some(rest) = line.strip_prefix("Forwarding from 127.0.0.1:") {
            break rest.split(' ').next().expect("a word").parse().expect("a port");
        }
    };
    let each = |number: u8| async move {
        let mut stream = TcpStream::connect((LOCALHOST, here)).await.expect("a connection");
        let sent = vec![number; 200_000];
        let (mut from, mut to) = stream.split();
        let sending = async {
            to.write_all(&sent).await.expect("sent");
            to.shutdown().await.expect("ended");
        };
        let mut got = Vec::new();
        let reading = tokio::time::timeout(SOON, from.read_to_end(&mut got));
        tokio::join!(sending, reading).1.expect("an end").expect("an end");
        assert!(got == [&sent[..], b"bye"].concat(), "{number}: {} bytes came back", got.len());
    };
    futures::future::join_all((0..6).map(each)).await;
    each(7).await;
    let _ = running.kill().await;
}
