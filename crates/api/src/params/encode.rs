//! Options as a client sends them: the reverse of reading them.

use serde_json::{Map, Value, json};

use super::{
    DeleteOptions, FieldValidation, GetOptions, ListOptions, PropagationPolicy, Query, ResourceVersionMatch,
    WriteOptions,
};

impl GetOptions {
    pub fn to_query(&self) -> Query {
        let revision = self.resource_version.map(|revision| ("resourceVersion", revision.to_string()));
        revision.into_iter().collect()
    }
}

impl ListOptions {
    pub fn to_query(&self, watch: bool) -> Query {
        let set = |name, holds: bool, value: String| holds.then_some((name, value));
        let matching = self.resource_version_match.map(|matching| match matching {
            ResourceVersionMatch::NotOlderThan => "NotOlderThan".to_owned(),
            ResourceVersionMatch::Exact => "Exact".to_owned(),
        });
        let labels = &self.label_selector;
        let fields = &self.field_selector;
        let pairs = [
            set("watch", watch, "true".to_owned()),
            set("labelSelector", !labels.is_everything(), labels.to_string()),
            set("fieldSelector", !fields.is_everything(), fields.to_string()),
            self.resource_version.map(|revision| ("resourceVersion", revision.to_string())),
            matching.map(|matching| ("resourceVersionMatch", matching)),
            set("limit", self.limit > 0, self.limit.to_string()),
            set("continue", !self.continue_token.is_empty(), self.continue_token.clone()),
            set("allowWatchBookmarks", self.allow_watch_bookmarks, "true".to_owned()),
            self.send_initial_events.map(|send| ("sendInitialEvents", send.to_string())),
            self.timeout_seconds.map(|seconds| ("timeoutSeconds", seconds.to_string())),
        ];
        pairs.into_iter().flatten().collect()
    }
}

impl WriteOptions {
    pub fn to_query(&self) -> Query {
        let validation = match self.field_validation {
            FieldValidation::Ignore => Some("Ignore"),
            FieldValidation::Warn => None,
            FieldValidation::Strict => Some("Strict"),
        };
        let pairs = [
            self.dry_run.then_some(("dryRun", "All")),
            Some(("fieldManager", self.field_manager.as_str())).filter(|(_, manager)| !manager.is_empty()),
            validation.map(|validation| ("fieldValidation", validation)),
            self.force.then_some(("force", "true")),
        ];
        pairs.into_iter().flatten().collect()
    }
}

impl WriteOptions {
    /// The object that admission sees; `kind` is `CreateOptions` or `UpdateOptions`.
    pub fn to_body(&self, kind: &str) -> Value {
        let mut body = json!({ "kind": kind, "apiVersion": "v1" });
        if self.dry_run {
            body["dryRun"] = json!(["All"]);
        }
        if !self.field_manager.is_empty() {
            body["fieldManager"] = json!(self.field_manager);
        }
        match self.field_validation {
            FieldValidation::Ignore => body["fieldValidation"] = json!("Ignore"),
            FieldValidation::Warn => {}
            FieldValidation::Strict => body["fieldValidation"] = json!("Strict"),
        }
        body
    }
}

impl DeleteOptions {
    /// The body of a delete, which alone can carry preconditions.
    pub fn to_body(&self) -> Value {
        let mut body = Map::from_iter([
            ("kind".to_owned(), json!("DeleteOptions")),
            ("apiVersion".to_owned(), json!("v1")),
        ]);
        let policy = self.propagation_policy.map(|policy| match policy {
            PropagationPolicy::Orphan => "Orphan",
            PropagationPolicy::Background => "Background",
            PropagationPolicy::Foreground => "Foreground",
        });
        let preconditions = [
            ("uid", self.preconditions.uid.as_deref()),
            ("resourceVersion", self.preconditions.resource_version.as_deref()),
        ];
        let preconditions: Map<String, Value> = preconditions
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect();
        let fields = [
            ("dryRun", self.dry_run.then(|| json!(["All"]))),
            ("gracePeriodSeconds", self.grace_period_seconds.map(Value::from)),
            ("propagationPolicy", policy.map(Value::from)),
            ("preconditions", (!preconditions.is_empty()).then_some(Value::Object(preconditions))),
        ];
        body.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        body.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Preconditions;
    use super::*;
    use crate::gvk::GroupResource;
    use crate::{fields, labels};

    #[test]
    fn what_is_sent_reads_back() {
        let list = ListOptions {
            label_selector: labels::Selector::parse("a in (b,c),!d").unwrap(),
            field_selector: fields::Selector::equals("spec.x", "a=b,c & d%"),
            resource_version: Some(0),
            resource_version_match: Some(ResourceVersionMatch::NotOlderThan),
            limit: 500,
            continue_token: "a+b/c==".into(),
            allow_watch_bookmarks: true,
            send_initial_events: Some(false),
            timeout_seconds: Some(9),
        };
        for list in [ListOptions::default(), list] {
            let query = Query::parse(&list.to_query(true).to_string());
            assert!(query.wants_watch());
            assert_eq!(ListOptions::from_query(&query, &GroupResource::new("", "pods")), Ok(list));
        }
        let write = WriteOptions {
            dry_run: true,
            field_manager: "é m".into(),
            field_validation: FieldValidation::Strict,
            force: true,
        };
        for write in [WriteOptions::default(), write] {
            let query = Query::parse(&write.to_query().to_string());
            assert_eq!(WriteOptions::from_query(&query, "PatchOptions"), Ok(write));
        }
        let delete = DeleteOptions {
            dry_run: true,
            grace_period_seconds: Some(0),
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Preconditions { uid: Some("u".into()), resource_version: Some("1".into()) },
        };
        for delete in [DeleteOptions::default(), delete] {
            assert_eq!(DeleteOptions::from_body(&delete.to_body()), Ok(delete));
        }
        let get = GetOptions { resource_version: Some(3) };
        assert_eq!(GetOptions::from_query(&get.to_query()), Ok(get));
    }
}
