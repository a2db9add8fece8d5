//! Events about a pod, as upstream words them.

use std::borrow::Cow;

/// An event for the shell to record against the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    pub severity: Severity,
    pub reason: Cow<'static, str>,
    pub message: String,
    /// The part of the pod it is about, as `involvedObject.fieldPath` has it: `spec.containers{web}`.
    pub field_path: Option<String>,
}

/// `type` of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Normal,
    Warning,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        }
    }
}

impl PodEvent {
    pub fn normal(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Normal, reason: reason.into(), message: message.into(), field_path: None }
    }

    pub fn warning(reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, reason: reason.into(), message: message.into(), field_path: None }
    }

    /// The same event, about a part of the pod.
    pub fn about(mut self, field_path: String) -> Self {
        self.field_path = Some(field_path);
        self
    }
}
