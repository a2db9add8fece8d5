//! A pod, or the template of one, as the checks look at it.

use serde_json::{Map, Value};

/// Checks read the tree itself: nothing is decoded for them, and what has the wrong type counts as absent
/// (validation has refused it before).
#[derive(Clone, Copy)]
pub struct Pod<'a> {
    metadata: &'a Value,
    spec: &'a Value,
}

/// A container of any kind: init, main or ephemeral.
#[derive(Clone, Copy)]
pub struct Container<'a>(pub &'a Value);

impl<'a> Pod<'a> {
    /// `holder` has `metadata` and `spec`: a pod or a template.
    pub fn new(holder: &'a Map<String, Value>) -> Self {
        let part = |name: &str| holder.get(name).unwrap_or(&Value::Null);
        Self { metadata: part("metadata"), spec: part("spec") }
    }

    pub fn spec(&self, field: &str) -> &'a Value {
        &self.spec[field]
    }

    /// The pod's `securityContext`.
    pub fn context(&self) -> &'a Value {
        &self.spec["securityContext"]
    }

    pub fn annotations(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.metadata["annotations"].as_object().into_iter().flatten();
        all.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    pub fn annotation(&self, key: &str) -> Option<&'a str> {
        self.metadata["annotations"][key].as_str()
    }

    /// In upstream's order of telling: init containers, containers, ephemeral containers.
    pub fn containers(&self) -> impl Iterator<Item = Container<'a>> {
        let spec = self.spec;
        let lists = ["initContainers", "containers", "ephemeralContainers"].into_iter();
        lists.flat_map(move |list| spec[list].as_array().into_iter().flatten()).map(Container)
    }

    pub fn volumes(&self) -> impl Iterator<Item = &'a Value> {
        self.spec["volumes"].as_array().into_iter().flatten()
    }

    pub fn is_windows(&self) -> bool {
        self.spec["os"]["name"] == "windows"
    }

    /// Root inside is nobody outside (KEP-127).
    pub fn has_own_users(&self) -> bool {
        self.spec["hostUsers"] == Value::Bool(false)
    }
}

impl<'a> Container<'a> {
    pub fn name(&self) -> &'a str {
        text(&self.0["name"])
    }

    pub fn context(&self) -> &'a Value {
        &self.0["securityContext"]
    }
}

/// A string; empty if it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
