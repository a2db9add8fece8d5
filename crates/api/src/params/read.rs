//! The options of get, list and watch.

use super::query::number_error;
use super::{GetOptions, ListOptions, Query, ResourceVersionMatch};
use crate::field::{FieldError, Path};
use crate::gvk::{GroupKind, GroupResource};
use crate::status::{Result, Status};
use crate::{fields, labels};

impl GetOptions {
    pub fn from_query(query: &Query) -> Result<Self> {
        // As upstream, whose cache knows no better code.
        Ok(Self {
            resource_version: revision(query).map_err(|error| Status::unclassified(error.to_string()))?,
        })
    }
}

impl ListOptions {
    /// For a list, a watch (`query.wants_watch()`) or a deletecollection of `resource`.
    pub fn from_query(query: &Query, resource: &GroupResource) -> Result<Self> {
        let watch = query.wants_watch();
        let label_selector = labels::Selector::parse(query.text("labelSelector"));
        let field_selector = fields::Selector::parse(query.text("fieldSelector"));
        let limit = query.integer("limit")?.unwrap_or(0);
        let timeout = query.integer("timeoutSeconds")?;
        Ok(Self {
            label_selector: label_selector.map_err(|error| Status::bad_request(error.to_string()))?,
            field_selector: field_selector.map_err(|error| Status::bad_request(error.to_string()))?,
            resource_version_match: matching(query, watch)?,
            resource_version: revision(query).map_err(|error| match watch {
                true => Status::invalid(&kind_named_by(resource), "", &[error]),
                false => bad_revision(&error),
            })?,
            // Less than nothing is as good as none.
            limit: usize::try_from(limit).unwrap_or(0),
            timeout_seconds: timeout.and_then(|seconds| u64::try_from(seconds).ok()),
            continue_token: query.text("continue").to_owned(),
            allow_watch_bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            send_initial_events: query.flag("sendInitialEvents"),
        })
    }
}

/// `None` for the newest.
fn revision(query: &Query) -> Result<Option<u64>, FieldError> {
    let text = query.text("resourceVersion");
    if text.is_empty() {
        return Ok(None);
    }
    // The standard parser would take a sign; this one spoils it.
    let digits = if text.starts_with('+') { "+" } else { text };
    let number = digits.parse::<u64>();
    number.map(Some).map_err(|error| {
        let detail = number_error("ParseUint", text, &error);
        FieldError::invalid(&Path::new("resourceVersion"), text, detail)
    })
}

fn bad_revision(error: &FieldError) -> Status {
    Status::bad_request(format!("invalid resource version: {error}"))
}

/// Upstream puts the resource's name where the kind's would stand.
fn kind_named_by(resource: &GroupResource) -> GroupKind {
    GroupKind { group: resource.group.clone(), kind: resource.resource.clone() }
}

fn matching(query: &Query, watch: bool) -> Result<Option<ResourceVersionMatch>> {
    let supported: &[&str] = if watch { &["NotOlderThan"] } else { &["Exact", "NotOlderThan", ""] };
    match query.text("resourceVersionMatch") {
        "" => Ok(None),
        "NotOlderThan" => Ok(Some(ResourceVersionMatch::NotOlderThan)),
        "Exact" => Ok(Some(ResourceVersionMatch::Exact)),
        other => {
            let path = Path::new("resourceVersionMatch");
            let error = FieldError::not_supported(&path, other, supported.iter().copied());
            Err(Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &[error]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(raw: &str) -> Result<ListOptions, (u16, String)> {
        let options = ListOptions::from_query(&Query::parse(raw), &GroupResource::new("", "pods"));
        options.map_err(|status| (status.code, status.message))
    }

    #[test]
    fn list_options_are_read() {
        let check = |raw: &str, want: ListOptions| assert_eq!(list(raw), Ok(want), "{raw}");
        check("", ListOptions::default());
        check(
            "labelSelector=a%3Db&fieldSelector=metadata.name%3Dx&limit=5&continue=abc&resourceVersion=0",
            ListOptions {
                label_selector: labels::Selector::parse("a=b").unwrap(),
                field_selector: fields::Selector::equals("metadata.name", "x"),
                limit: 5,
                continue_token: "abc".into(),
                resource_version: Some(0),
                ..ListOptions::default()
            },
        );
        check(
            "watch=1&allowWatchBookmarks=true&timeoutSeconds=30&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=",
            ListOptions {
                allow_watch_bookmarks: true,
                timeout_seconds: Some(30),
                send_initial_events: Some(true),
                resource_version_match: Some(ResourceVersionMatch::NotOlderThan),
                ..ListOptions::default()
            },
        );
        check("limit=-1&timeoutSeconds=-1", ListOptions::default());
    }

    #[test]
    fn bad_list_options_are_refused_in_upstreams_words() {
        let check =
            |raw: &str, code: u16, want: &str| assert_eq!(list(raw), Err((code, want.to_owned())), "{raw}");
        check("limit=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax");
        check("fieldSelector=x", 400, "invalid selector: 'x'; can't understand 'x'");
        check("labelSelector=,", 400, "found ',', expected: !, identifier, or 'end of string'");
        check(
            "resourceVersion=x",
            400,
            "invalid resource version: resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax",
        );
        check(
            "watch=1&resourceVersion=%2B1",
            422,
            "pods \"\" is invalid: resourceVersion: Invalid value: \"+1\": strconv.ParseUint: parsing \"+1\": invalid syntax",
        );
        check(
            "resourceVersionMatch=x",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: \"x\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
        );
    }

    #[test]
    fn a_get_may_name_a_revision() {
        let get =
            |raw: &str| GetOptions::from_query(&Query::parse(raw)).map(|options| options.resource_version);
        assert_eq!(get(""), Ok(None));
        assert_eq!(get("resourceVersion=7"), Ok(Some(7)));
        assert_eq!(get("resourceVersion=-7").map_err(|status| status.code), Err(500));
    }
}
