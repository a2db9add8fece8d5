//! `/stats/summary`, and the figures it is made of.

use std::path::Path;

use ironclad_api::time;
use ironclad_node_core::cgroup::CgroupVersion;
use ironclad_node_core::container::labels;
use ironclad_node_core::spec;
use serde_json::{Value, json};

use super::Shared;
use super::reply::{self, Reply};
use crate::cgroups::{Cgroups, field};
use crate::machine::{Disk, Memory};
use crate::pods::Page;

/// CPU and memory in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// CPU time since the beginning, nanoseconds.
    pub cpu_ns: u64,
    pub usage_bytes: u64,
    /// Without what the kernel could drop at once.
    pub working_set_bytes: u64,
    pub rss_bytes: u64,
}

/// One container's.
pub(super) struct OfContainer {
    pub namespace: String,
    pub pod: String,
    pub uid: String,
    pub container: String,
    pub usage: Usage,
}

pub(super) fn node(shared: &Shared) -> Usage {
    let memory = Memory::read();
    let used = memory.total_bytes.saturating_sub(memory.available_bytes);
    let counted = of_cgroup(&shared.cgroups, "/");
    Usage { usage_bytes: used, working_set_bytes: used, ..counted }
}

pub(super) fn pod(shared: &Shared, page: &Page) -> Usage {
    of_cgroup(&shared.cgroups, &shared.settings.cgroups.pod_path(&page.pod))
}

/// The running containers' figures, as the runtime has them.
pub(super) async fn containers(shared: &Shared) -> Vec<OfContainer> {
    let listed = shared.cri.list_container_stats(None).await.unwrap_or_default();
    let found = listed.into_iter().filter_map(|stats| {
        let attributes = stats.attributes?;
        let label = |key: &str| attributes.labels.get(key).cloned();
        let memory = stats.memory.unwrap_or_default();
        let value = |figure: Option<ironclad_cri::v1::UInt64Value>| figure.map_or(0, |figure| figure.value);
        let usage = Usage {
            cpu_ns: value(stats.cpu.unwrap_or_default().usage_core_nano_seconds),
            usage_bytes: value(memory.usage_bytes),
            working_set_bytes: value(memory.working_set_bytes),
            rss_bytes: value(memory.rss_bytes),
        };
        Some(OfContainer {
            namespace: label(labels::POD_NAMESPACE)?,
            pod: label(labels::POD_NAME)?,
            uid: label(labels::POD_UID)?,
            container: label(labels::CONTAINER_NAME)?,
            usage,
        })
    });
    found.collect()
}

fn of_cgroup(cgroups: &Cgroups, path: &str) -> Usage {
    let read = |controller: &str, file: &str| {
        let folder = cgroups.figures(controller, path)?;
        std::fs::read_to_string(folder.join(file)).ok()
    };
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse().ok()).unwrap_or(0_u64);
    match cgroups.version() {
        CgroupVersion::V1 => {
            let stat = read("memory", "memory.stat").unwrap_or_default();
            Usage {
                cpu_ns: number(read("cpuacct", "cpuacct.usage")),
                usage_bytes: number(read("memory", "memory.usage_in_bytes")),
                working_set_bytes: cgroups.working_set(path),
                rss_bytes: field(&stat, "total_rss"),
            }
        }
        CgroupVersion::V2 => {
            let stat = read("memory", "memory.stat").unwrap_or_default();
            Usage {
                cpu_ns: field(&read("cpu", "cpu.stat").unwrap_or_default(), "usage_usec") * 1000,
                usage_bytes: number(read("memory", "memory.current")),
                working_set_bytes: cgroups.working_set(path),
                rss_bytes: field(&stat, "anon"),
            }
        }
    }
}

/// The summary (kubelet's `stats/v1alpha1`).
pub(super) async fn summary(shared: &Shared) -> Reply {
    let now = time::format(shared.env.now());
    let containers = containers(shared).await;
    let booted = shared.machine.booted_at.map(time::format);
    let root = Disk::of(Path::new(&shared.settings.root_dir));
    let memory = Memory::read();
    let mut node = usage(&node(shared), &now);
    node["nodeName"] = shared.settings.node_name.as_str().into();
    node["startTime"] = json!(booted);
    node["memory"]["availableBytes"] = memory.available_bytes.into();
    node["fs"] = disk(&root, &now);
    node["runtime"] = json!({"imageFs": disk(&root, &now), "containerFs": disk(&root, &now)});
    let pages = shared.book.pages();
    let pods: Vec<Value> = pages
        .iter()
        .filter(|page| page.is_taken())
        .map(|page| of_pod(shared, page, &containers, &now))
        .collect();
    reply::json(&json!({"node": node, "pods": pods}))
}

fn of_pod(shared: &Shared, page: &Page, containers: &[OfContainer], now: &str) -> Value {
    let own = containers.iter().filter(|found| found.uid == page.uid());
    let listed: Vec<Value> = own
        .map(|found| {
            let started = page.facts.newest(&found.container).and_then(|fact| fact.started_at);
            let mut value = usage(&found.usage, now);
            value["name"] = found.container.as_str().into();
            value["startTime"] = json!(started.map(time::format));
            value
        })
        .collect();
    let mut value = usage(&pod(shared, page), now);
    value["podRef"] = json!({
        "name": spec::name(&page.pod), "namespace": spec::namespace(&page.pod), "uid": page.uid(),
    });
    value["startTime"] = json!(page.status.start_time);
    value["containers"] = listed.into();
    value
}

fn usage(usage: &Usage, now: &str) -> Value {
    json!({
        "cpu": {"time": now, "usageCoreNanoSeconds": usage.cpu_ns},
        "memory": {
            "time": now,
            "usageBytes": usage.usage_bytes,
            "workingSetBytes": usage.working_set_bytes,
            "rssBytes": usage.rss_bytes,
        },
    })
}

fn disk(disk: &Disk, now: &str) -> Value {
    json!({
        "time": now,
        "availableBytes": disk.available_bytes,
        "capacityBytes": disk.capacity_bytes,
        "usedBytes": disk.used_bytes(),
        "inodesFree": disk.inodes_free,
        "inodes": disk.inodes,
        "inodesUsed": disk.inodes.saturating_sub(disk.inodes_free),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_files_have_a_figure_per_line() {
        let text = "cache 1\ntotal_rss 42\ntotal_inactive_file 7\n";
        assert_eq!((field(text, "total_rss"), field(text, "none"), field("", "x")), (42, 0, 0));
    }
}
