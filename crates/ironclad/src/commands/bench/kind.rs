//! What creates, gets, patches, lists and watches are about.

use ironclad_api::{GroupVersionKind, GroupVersionResource};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// About a kilobyte.
    #[default]
    Configmap,
    /// About four kilobytes, for a scheduler that is not there: no node runs them.
    Pod,
}

impl Kind {
    pub fn plural(self) -> &'static str {
        match self {
            Self::Configmap => "configmaps",
            Self::Pod => "pods",
        }
    }

    pub fn resource(self) -> GroupVersionResource {
        GroupVersionResource::new("", "v1", self.plural())
    }

    pub fn kind(self) -> GroupVersionKind {
        let kind = match self {
            Self::Configmap => "ConfigMap",
            Self::Pod => "Pod",
        };
        GroupVersionKind::new("", "v1", kind)
    }

    /// A list holds at least so many bytes of each.
    pub fn least(self) -> usize {
        match self {
            Self::Configmap => 700,
            Self::Pod => 2_000,
        }
    }

    pub fn make(self, name: String) -> Value {
        let metadata = json!({"name": name, "labels": {"app": "bench"}, "annotations": {"step": "0"}});
        match self {
            Self::Configmap => json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata,
                "data": {"payload": "x".repeat(700)},
            }),
            Self::Pod => json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": {
                    "schedulerName": "nobody",
                    "automountServiceAccountToken": false,
                    "containers": [container()],
                    "volumes": [{"name": "data", "emptyDir": {}}],
                },
            }),
        }
    }
}

fn container() -> Value {
    let variable = |number| json!({"name": format!("VARIABLE_{number}"), "value": "x".repeat(40)});
    json!({
        "name": "main",
        "image": "registry.example/app:1",
        "env": (0..12).map(variable).collect::<Vec<_>>(),
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
    })
}
