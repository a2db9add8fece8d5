//! The options of each verb, as query parameters and in-process callers give them.
//!
//! Reading them checks each value by itself; which of them contradict each other is for
//! the verb to say.

mod encode;
mod pod;
mod query;
mod read;
mod table;
mod write;

pub use pod::{LogOptions, PortForwardOptions, ProxyOptions, StreamOptions};
pub use query::Query;
pub use table::{IncludeObject, TableOptions};

/// How unknown and duplicate fields of a body are treated. Upstream's default is `Warn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropagationPolicy {
    Orphan,
    Background,
    Foreground,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceVersionMatch {
    NotOlderThan,
    Exact,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetOptions {
    pub resource_version: Option<u64>,
}

/// List, watch and deletecollection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOptions {
    pub label_selector: crate::labels::Selector,
    pub field_selector: crate::fields::Selector,
    /// `None` when the parameter is absent or empty: the most recent.
    pub resource_version: Option<u64>,
    pub resource_version_match: Option<ResourceVersionMatch>,
    /// 0 means no limit.
    pub limit: usize,
    /// The opaque token of the page before; empty for the first page.
    pub continue_token: String,
    pub allow_watch_bookmarks: bool,
    pub send_initial_events: Option<bool>,
    pub timeout_seconds: Option<u64>,
}

/// Create, update, patch and apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    pub dry_run: bool,
    /// Empty when the client gave none; the user agent's first word stands in then.
    pub field_manager: String,
    pub field_validation: FieldValidation,
    /// Server-side apply only.
    pub force: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    pub dry_run: bool,
    pub grace_period_seconds: Option<i64>,
    pub propagation_policy: Option<PropagationPolicy>,
    pub preconditions: Preconditions,
}
