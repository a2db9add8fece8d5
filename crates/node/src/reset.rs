//! Taking away what the agent leaves on the machine on purpose: pods and their network go on when it stops, so ending
//! them is a wish of its own. Every step is idempotent, and a step that fails does not keep the others from being
//! tried.

mod files;
mod iptables;

use std::path::PathBuf;

use ironclad_cri::{Cri, CriClient, Deadlines};
use ironclad_node_core::container::labels;
use ironclad_proxy::Proxy;
use ironclad_runtime::USUAL_SOCKETS;

use crate::cgroups::Cgroups;
use crate::config::{Names, Paths, RuntimeChoice};
use crate::network::{self, links, routes, sysctl};
use crate::volumes::mounts;
use crate::{dns, runtime};

/// What to take away. As the agent was configured, or it looks in the wrong places.
#[derive(Clone, Debug)]
pub struct Reset {
    pub paths: Paths,
    pub names: Names,
    pub runtime: RuntimeChoice,
    pub sandbox_image: String,
}

/// What became of it, in lines for the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub done: Vec<String>,
    pub failed: Vec<String>,
}

impl Report {
    fn note(&mut self, what: &str, result: Result<bool, impl std::fmt::Display>) {
        match result {
            Ok(true) => self.done.push(what.to_owned()),
            Ok(false) => {}
            Err(error) => self.failed.push(format!("{what}: {error}")),
        }
    }
}

impl Reset {
    /// Ends all pods and removes interfaces, tables, mounts, cgroups and files of the agent, and the containerd that is
    /// its own. The agent must have been stopped.
    pub async fn run(&self) -> Report {
        let mut report = Report::default();
        report.note("ended the DNS process", Ok::<_, std::io::Error>(dns::stop(&self.paths.dns())));
        self.end_pods(&mut report).await;
        self.end_own_runtime(&mut report).await;
        self.remove_tables(&mut report).await;
        report.note("removed the routes to other nodes' pods", routes::remove_all().await);
        for link in [&self.names.dns_link, &self.names.bridge] {
            report.note(&format!("removed the interface {link}"), links::remove(link).await);
        }
        for setting in sysctl::restore(&self.paths.run) {
            report.done.push(format!("restored {setting}"));
        }
        let this = self.clone();
        let removed = tokio::task::spawn_blocking(move || {
            this.remove_cgroups_and_files(&mut report);
            report
        });
        removed.await.unwrap_or_else(|error| Report { failed: vec![error.to_string()], ..Report::default() })
    }

    /// The pods in a runtime that is not ours, which goes on afterwards.
    async fn end_pods(&self, report: &mut Report) {
        let sockets: Vec<PathBuf> = match &self.runtime {
            RuntimeChoice::Own => return,
            RuntimeChoice::Socket(socket) => vec![socket.clone()],
            RuntimeChoice::Auto => USUAL_SOCKETS.iter().map(PathBuf::from).collect(),
        };
        let Some(found) = ironclad_runtime::find(sockets).await else { return };
        let cri = CriClient::new(&found.socket, Deadlines::default());
        let listed = match cri.list_pod_sandboxes(None).await {
            Ok(listed) => listed,
            Err(error) => return report.failed.push(format!("listing pods: {error}")),
        };
        for sandbox in listed.into_iter().filter(|sandbox| sandbox.labels.contains_key(labels::POD_UID)) {
            let name = sandbox.metadata.map(|m| format!("{}/{}", m.namespace, m.name)).unwrap_or_default();
            let ended = async {
                cri.stop_pod_sandbox(&sandbox.id).await?;
                cri.remove_pod_sandbox(&sandbox.id).await
            };
            report.note(&format!("ended the pod {name}"), ended.await.map(|()| true));
        }
        if let Some(folder) = found.cni_conf_dir {
            files::remove_file(&folder.join(network::FILE_NAME), report);
        }
    }

    async fn end_own_runtime(&self, report: &mut Report) {
        let containerd = runtime::own_containerd(&self.paths, &self.sandbox_image);
        let there = containerd.layout().data_dir().exists() || containerd.layout().run_dir().exists();
        report.note("ended containerd with all pods in it", containerd.wipe().await.map(|()| there));
    }

    async fn remove_tables(&self, report: &mut Report) {
        let removed = tokio::task::spawn_blocking(|| Proxy::open()?.teardown()).await;
        match removed {
            Ok(removed) => report.note("removed the nf_tables tables of services", removed.map(|()| true)),
            Err(error) => report.failed.push(error.to_string()),
        }
        report.note("removed the iptables chains of host ports", iptables::remove_host_ports().await);
    }

    fn remove_cgroups_and_files(&self, report: &mut Report) {
        let pods = self.paths.pods();
        report.note("unmounted the pods' volumes", mounts::unmount_below(&pods).map(|()| pods.exists()));
        let (cgroups, root) = (Cgroups::detect(), &self.names.cgroup);
        let there = cgroups.exists(root);
        report.note(&format!("removed the cgroup {root}"), cgroups.remove(root).map(|()| there));
        files::remove_folder(&self.paths.root, report);
        files::remove_folder(&self.paths.pod_logs, report);
        files::remove_folder(&self.paths.container_logs, report);
        files::remove_folder(&self.paths.cni_conf(), report);
        files::remove_folder(&self.paths.data.join("cni-leases"), report);
        files::remove_folder(&self.paths.dns(), report);
        files::remove_cni_results(&self.names.cni_network);
    }
}
