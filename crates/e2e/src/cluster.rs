//! The cluster under test: the binary's commands and kubectl.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::Arguments;
use crate::machine::Snapshot;
use crate::wait::until;

/// Where the example is.
pub const NAMESPACE: &str = "guestbook";
pub const NODE_PORT: u16 = 30080;
/// How long anything on one machine may take that is no more than a few containers.
pub const SOON: Duration = Duration::from_secs(60);

const DATA: &str = "/var/lib/ironclad";

pub struct Cluster {
    pub ironclad: PathBuf,
    pub images: Vec<PathBuf>,
    pub example: PathBuf,
    pub kubeconfig: PathBuf,
    /// The machine before anything was started.
    pub before: Snapshot,
}

impl Cluster {
    pub fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let ironclad = arguments.ironclad.canonicalize();
        let ironclad = ironclad.with_context(|| format!("{} is not built", arguments.ironclad.display()))?;
        let data = Path::new(DATA);
        ensure!(
            !data.exists(),
            "{DATA} exists: this machine has a cluster; take it away with: ironclad reset"
        );
        let example = Path::new("examples/guestbook.yaml").canonicalize();
        Ok(Self {
            ironclad,
            images: archives(&arguments.images)?,
            example: example.context("run this from the root of the checkout")?,
            kubeconfig: data.join("admin.kubeconfig"),
            before: Snapshot::take()?,
        })
    }

    // === commands ===

    /// Runs `ironclad ARGUMENTS` and returns what it printed.
    pub fn ironclad(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.ironclad);
        run(command.args(arguments).env_remove("KUBECONFIG"), None)
    }

    /// Runs `kubectl ARGUMENTS` and returns what it printed; an error holds what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(&mut self.kubectl_command(arguments), None)
    }

    /// The same with something on its standard input.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        run(&mut self.kubectl_command(arguments), Some(input))
    }

    /// One object or list as JSON.
    pub fn get(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let text = self.kubectl(&[&["get", "-o", "json"], arguments].concat())?;
        serde_json::from_str(&text).context("kubectl printed no JSON")
    }

    /// kubectl as a process that runs on. Its output is piped.
    pub fn kubectl_running(&self, arguments: &[&str]) -> anyhow::Result<Running> {
        let mut command = self.kubectl_command(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Ok(Running(child.context("kubectl cannot be run")?))
    }

    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command
    }

    // === the example ===

    /// The front end's pods that are to stay.
    pub fn front_ends(&self) -> anyhow::Result<Vec<Value>> {
        self.pods("app=frontend")
    }

    /// The pods of the example with this label that are not being deleted.
    pub fn pods(&self, selector: &str) -> anyhow::Result<Vec<Value>> {
        let list = self.get(&["pods", "-n", NAMESPACE, "-l", selector])?;
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        Ok(pods.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect())
    }

    pub fn a_front_end(&self) -> anyhow::Result<String> {
        let pods = self.front_ends()?;
        let ready = pods.iter().find(|pod| is_ready(pod)).context("no front end is ready")?;
        Ok(name(ready))
    }

    /// Waits until a deployment of the example is all new and available.
    pub fn rolled_out(&self, deployment: &str) -> anyhow::Result<()> {
        let target = format!("deployment/{deployment}");
        self.kubectl(&["rollout", "status", "-n", NAMESPACE, &target, "--timeout=120s"]).map(drop)
    }

    /// The addresses that node ports are reached by, one of every node.
    pub fn node_addresses(&self) -> anyhow::Result<Vec<String>> {
        let nodes = self.get(&["nodes"])?;
        let address = |node: &Value| {
            let addresses = node["status"]["addresses"].as_array().cloned().unwrap_or_default();
            let internal = addresses.iter().find(|address| address["type"] == "InternalIP");
            let internal = internal.and_then(|address| address["address"].as_str());
            internal.map(str::to_owned).context("the node has no InternalIP")
        };
        nodes["items"].as_array().into_iter().flatten().map(address).collect()
    }

    pub fn front_door(&self) -> anyhow::Result<std::net::SocketAddr> {
        let addresses = self.node_addresses()?;
        let ip = addresses.first().context("there is no node")?.parse().context("the node's address")?;
        Ok(std::net::SocketAddr::new(ip, NODE_PORT))
    }

    /// Every container of the example as `POD/CONTAINER ID RESTARTS`: the same list means that nothing was
    /// restarted or replaced.
    pub fn containers(&self) -> anyhow::Result<Vec<String>> {
        let list = self.get(&["pods", "-n", NAMESPACE])?;
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        let mut containers: Vec<String> = pods.iter().flat_map(containers_of).collect();
        containers.sort();
        Ok(containers)
    }

    /// Waits until the node is ready.
    pub fn node_ready(&self) -> anyhow::Result<()> {
        until(SOON, "the node is Ready", || {
            let nodes = self.get(&["nodes"])?;
            let node = &nodes["items"][0];
            if is_ready(node) { Ok(()) } else { bail!("it is not: {}", node["status"]["conditions"]) }
        })
    }
}

fn archives(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| {
        format!("{} is not there; build the images: cargo xtask images", folder.display())
    })?;
    let mut archives: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    archives.retain(|path| path.extension().is_some_and(|extension| extension == "tar"));
    archives.sort();
    ensure!(!archives.is_empty(), "{} holds no images; build them: cargo xtask images", folder.display());
    Ok(archives)
}

pub fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// Whether an object's Ready condition is True and it is to stay.
pub fn is_ready(object: &Value) -> bool {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    object["metadata"]["deletionTimestamp"].is_null()
        && conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn containers_of(pod: &Value) -> Vec<String> {
    let statuses = ["initContainerStatuses", "containerStatuses"]
        .iter()
        .flat_map(|field| pod["status"][field].as_array().into_iter().flatten());
    let line = |status: &Value| {
        format!("{}/{} {} {}", name(pod), status["name"], status["containerID"], status["restartCount"])
    };
    statuses.map(line).collect()
}

/// A process that is ended when it is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Its standard output, line by line as it comes.
    pub fn lines(&mut self) -> Lines {
        Lines::of(self.0.stdout.take())
    }

    /// Its standard error, line by line as it comes.
    pub fn errors(&mut self) -> Lines {
        Lines::of(self.0.stderr.take())
    }

    /// Waits until it ends, in good order.
    pub fn succeeds(mut self, limit: Duration) -> anyhow::Result<()> {
        until(limit, "it ends", || match self.0.try_wait()? {
            Some(status) => Ok(status),
            None => bail!("it runs on"),
        })
        .and_then(|status| if status.success() { Ok(()) } else { bail!("it ended with {status}") })
    }
}

/// The lines that a process prints.
pub struct Lines(mpsc::Receiver<String>);

impl Lines {
    fn of(output: Option<impl Read + Send + 'static>) -> Self {
        let (sender, receiver) = mpsc::channel();
        if let Some(output) = output {
            std::thread::spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                // Ends with the process, or when nobody reads any more.
                lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
            });
        }
        Self(receiver)
    }

    /// Reads on until a line passes.
    pub fn until(
        &self,
        limit: Duration,
        what: &str,
        mut passes: impl FnMut(&str) -> bool,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        let mut seen = Vec::new();
        loop {
            match self.0.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if passes(&line) => return Ok(()),
                Ok(line) => seen.push(line),
                Err(_) => bail!("{what} did not come within {limit:?}; what came:\n{}", seen.join("\n")),
            }
        }
    }
}

/// Runs a command to its end and returns its standard output.
pub fn run(command: &mut Command, input: Option<&str>) -> anyhow::Result<String> {
    let shown = format!("{command:?}").replace('"', "");
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {shown}"))?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        use std::io::Write;
        pipe.write_all(input.as_bytes()).with_context(|| format!("writing to {shown}"))?;
    }
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if !status.success() {
        bail!("{shown}: {status}\n{}\n{}", stdout.trim(), stderr.trim());
    }
    Ok(stdout.into_owned())
}
