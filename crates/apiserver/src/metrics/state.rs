//! Figures that are looked up when somebody asks: how many objects there are, and which build this is.

use std::fmt::Write;
use std::sync::Arc;

use ironclad_api::Entry;
use ironclad_engine::{Kind, Kinds};

use crate::health::Check;
use crate::version::Version;

/// What is looked at.
pub struct State<'a> {
    pub kinds: &'a Kinds,
    pub version: &'a Version,
    /// The `APIService` objects.
    pub api_services: &'a [Arc<Entry>],
    /// What the store takes of its disk.
    pub stored_bytes: Option<u64>,
}

impl State<'_> {
    /// Appends them to the page.
    pub fn write(&self, page: &mut Vec<u8>) {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = build_info(&mut text, self.version);
        let _ = objects(&mut text, self.kinds);
        let _ = unavailable(&mut text, self.api_services);
        if let Some(bytes) = self.stored_bytes {
            let _ = stored(&mut text, bytes);
        }
        page.extend_from_slice(text.as_bytes());
    }
}

fn stored(text: &mut String, bytes: u64) -> std::fmt::Result {
    let name = "apiserver_storage_size_bytes";
    writeln!(text, "# HELP {name} Size of the storage database file physically allocated in bytes.")?;
    writeln!(text, "# TYPE {name} gauge")?;
    // The one store there is has the name of upstream's first one: dashboards ask for it.
    writeln!(text, "{name}{{storage_cluster_id=\"etcd-0\"}} {bytes}")
}

fn unavailable(text: &mut String, services: &[Arc<Entry>]) -> std::fmt::Result {
    let name = "aggregator_unavailable_apiservice";
    writeln!(
        text,
        "# HELP {name} Gauge of APIServices which are marked as unavailable broken down by APIService name."
    )?;
    writeln!(text, "# TYPE {name} gauge")?;
    for service in services {
        let object = service.object();
        let conditions = object.0.get("status").and_then(|status| status.get("conditions"));
        let available = conditions
            .and_then(|conditions| conditions.as_array())
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Available" && one["status"] == "True"));
        writeln!(text, "{name}{{name=\"{}\"}} {}", object.name(), u8::from(!available))?;
    }
    Ok(())
}

fn build_info(text: &mut String, version: &Version) -> std::fmt::Result {
    let name = "kubernetes_build_info";
    writeln!(
        text,
        "# HELP {name} A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree \
         state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running."
    )?;
    writeln!(text, "# TYPE {name} gauge")?;
    let labels = [
        ("build_date", &version.build_date),
        ("compiler", &version.compiler),
        ("git_commit", &version.git_commit),
        ("git_tree_state", &version.git_tree_state),
        ("git_version", &version.git_version),
        ("go_version", &version.go_version),
        ("major", &version.major),
        ("minor", &version.minor),
        ("platform", &version.platform),
    ];
    let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    writeln!(text, "{name}{{{}}} 1", labels.join(","))
}

fn objects(text: &mut String, kinds: &Kinds) -> std::fmt::Result {
    let mut stored: Vec<&Kind> =
        kinds.all().iter().map(|kind| &**kind).filter(|kind| kind.is_stored()).collect();
    stored.sort_by(|a, b| a.resource.cmp(&b.resource));
    let name = "apiserver_storage_objects";
    writeln!(text, "# HELP {name} Number of stored objects at the time of last check split by kind.")?;
    writeln!(text, "# TYPE {name} gauge")?;
    for kind in &stored {
        writeln!(text, "{name}{{resource=\"{}\"}} {}", kind.resource, kind.object_count())?;
    }
    let name = "apiserver_resource_objects";
    writeln!(text, "# HELP {name} Number of stored objects at the time of last check split by kind.")?;
    writeln!(text, "# TYPE {name} gauge")?;
    for kind in &stored {
        let (group, resource) = (&kind.resource.group, &kind.resource.resource);
        writeln!(text, "{name}{{group=\"{group}\",resource=\"{resource}\"}} {}", kind.object_count())?;
    }
    Ok(())
}

/// Appends what every health check says now, for each of the paths that it belongs to.
pub fn write_checks(page: &mut Vec<u8>, checks: &[Check]) {
    let name = "kubernetes_healthcheck";
    let mut text = format!(
        "# HELP {name} This metric records the result of a single healthcheck.\n# TYPE {name} gauge\n"
    );
    for check in checks {
        let value = u8::from((check.probe)().is_ok());
        let types =
            ["healthz", "livez", "readyz"].into_iter().filter(|kind| check.liveness || *kind == "readyz");
        for kind in types {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}{{name=\"{}\",type=\"{kind}\"}} {value}", check.name);
        }
    }
    page.extend_from_slice(text.as_bytes());
}
