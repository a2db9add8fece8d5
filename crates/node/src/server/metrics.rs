//! `/metrics` and `/metrics/resource`, as text (Prometheus 0.0.4).

use std::fmt::Write;

use http::StatusCode;
use ironclad_node_core::spec;

use super::Shared;
use super::reply::{self, Reply};
use super::stats::{self, Usage};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Figures of the agent itself.
pub(super) fn own(shared: &Shared) -> Reply {
    let pages = shared.book.pages();
    let running: usize =
        pages.iter().map(|p| p.facts.containers.iter().filter(|c| c.running()).count()).sum();
    let active = pages.iter().filter(|page| page.is_taken()).count();
    let mut text = String::new();
    family(&mut text, "kubelet_running_pods", "gauge", "Number of pods that have a running pod sandbox");
    let _ = writeln!(text, "kubelet_running_pods {active}");
    family(&mut text, "kubelet_running_containers", "gauge", "Number of containers currently running");
    let _ = writeln!(text, "kubelet_running_containers{{container_state=\"running\"}} {running}");
    family(&mut text, "kubelet_node_name", "gauge", "The node's name. The count is always 1.");
    let _ = writeln!(text, "kubelet_node_name{{node=\"{}\"}} 1", shared.settings.node_name);
    reply::of(StatusCode::OK, TEXT, text)
}

/// CPU and memory of the node, its pods and containers, for autoscalers (KEP-1867).
pub(super) async fn resource(shared: &Shared) -> Reply {
    let mut text = String::new();
    let node = stats::node(shared);
    series(&mut text, "node", &[(String::new(), node)]);
    let containers = stats::containers(shared).await;
    let labelled = containers.into_iter().map(|found| {
        let labels = format!(
            "{{container=\"{}\",namespace=\"{}\",pod=\"{}\"}}",
            found.container, found.namespace, found.pod
        );
        (labels, found.usage)
    });
    series(&mut text, "container", &labelled.collect::<Vec<_>>());
    let pods = shared.book.pages().into_iter().filter(|page| page.is_taken()).map(|page| {
        let (namespace, pod) = (spec::namespace(&page.pod), spec::name(&page.pod));
        (format!("{{namespace=\"{namespace}\",pod=\"{pod}\"}}"), stats::pod(shared, &page))
    });
    series(&mut text, "pod", &pods.collect::<Vec<_>>());
    family(&mut text, "resource_scrape_error", "gauge", "1 if there was an error while getting metrics");
    text.push_str("resource_scrape_error 0\n");
    reply::of(StatusCode::OK, TEXT, text)
}

fn series(text: &mut String, of: &str, all: &[(String, Usage)]) {
    let (cpu, memory) = (format!("{of}_cpu_usage_seconds_total"), format!("{of}_memory_working_set_bytes"));
    family(text, &cpu, "counter", &format!("Cumulative cpu time consumed by the {of} in core-seconds"));
    for (labels, usage) in all {
        let _ = writeln!(text, "{cpu}{labels} {}", usage.cpu_ns as f64 / 1e9);
    }
    family(text, &memory, "gauge", &format!("Current working set of the {of} in bytes"));
    for (labels, usage) in all {
        let _ = writeln!(text, "{memory}{labels} {}", usage.working_set_bytes);
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
