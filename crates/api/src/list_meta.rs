//! The metadata of lists (and of a Status): `metav1.ListMeta`.

use serde::{Deserialize, Serialize};

/// Fields are absent from the JSON when empty, as upstream writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListMeta {
    /// The revision at which the whole list was true.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Opaque to clients: where the next page begins. Empty on the last page.
    #[serde(rename = "continue", skip_serializing_if = "String::is_empty")]
    pub continue_token: String,
    /// How many items follow this page, when the server knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_item_count: Option<i64>,
    /// The shard of the list that was asked for, when one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_info: Option<serde_json::Value>,
}
