//! `authorization.k8s.io/v1`: SubjectAccessReview, its Local and Self forms, and
//! SelfSubjectRulesReview.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use ironclad_api::field::{BadValue, aggregate_texts};
use ironclad_api::{FieldError, GroupKind, Object, Path, Status};
use ironclad_engine::Context;
use ironclad_engine::gate::{Attributes, Authorizer, Decision, RuleResolver, Rules, User};
use ironclad_engine::strategy::Scope;
use ironclad_env::BoxFuture;
use k8s_openapi::api::authorization::v1::{NonResourceAttributes, SubjectAccessReviewSpec};
use serde_json::{Value, json};

use super::{Answer, Review, selectors};
use crate::go_form;

const GROUP: &str = "authorization.k8s.io";

pub fn subject(authorizer: Arc<dyn Authorizer>) -> Review {
    let answer = Access { authorizer, of: Of::Subject };
    Review::new(GROUP, "SubjectAccessReview", "subjectaccessreviews", Scope::Cluster, answer)
}

pub fn local_subject(authorizer: Arc<dyn Authorizer>) -> Review {
    let answer = Access { authorizer, of: Of::LocalSubject };
    Review::new(GROUP, "LocalSubjectAccessReview", "localsubjectaccessreviews", Scope::Namespaced, answer)
}

pub fn self_subject(authorizer: Arc<dyn Authorizer>) -> Review {
    let answer = Access { authorizer, of: Of::Caller };
    Review::new(GROUP, "SelfSubjectAccessReview", "selfsubjectaccessreviews", Scope::Cluster, answer)
}

pub fn self_rules(rules: Arc<dyn RuleResolver>) -> Review {
    Review::new(
        GROUP,
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        Scope::Cluster,
        SelfRules { rules },
    )
}

/// Whom a review asks about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Anybody, anywhere.
    Subject,
    /// Anybody, in the review's own namespace.
    LocalSubject,
    /// Who asks.
    Caller,
}

struct Access {
    authorizer: Arc<dyn Authorizer>,
    of: Of,
}

impl Answer for Access {
    fn answer<'a>(
        &'a self,
        context: &'a Context,
        namespace: &'a str,
        mut review: Object,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(async move {
            let spec = review.0.get("spec").cloned().unwrap_or_default();
            let spec: SubjectAccessReviewSpec = serde_json::from_value(spec).unwrap_or_default();
            let errors = self.validate(&review, &spec);
            if !errors.is_empty() {
                // As upstream, whose internal objects do not know their kind.
                let kind = GroupKind::new(GROUP, "");
                return Err(Status::invalid(&kind, "", &errors));
            }
            if self.of == Of::LocalSubject && review.namespace() != namespace {
                let text = format!("spec.resourceAttributes.namespace must match namespace: {namespace}");
                return Err(Status::bad_request(text));
            }
            let user = match self.of {
                Of::Caller => context.user.clone(),
                Of::Subject | Of::LocalSubject => Arc::new(user_of(&spec)),
            };
            let (attributes, unreadable) = attributes(user, &spec);
            let decision = self.authorizer.authorize(&attributes).await;
            review.0.insert("status".into(), status_of(decision, unreadable));
            Ok(review)
        })
    }
}

impl Access {
    fn validate(&self, review: &Object, spec: &SubjectAccessReviewSpec) -> Vec<FieldError> {
        let path = Path::new("spec");
        let invalid = |field: &str, value: BadValue, detail: &str| {
            FieldError::invalid(&path.child(field), value, detail)
        };
        let mut errors = Vec::new();
        match (&spec.resource_attributes, &spec.non_resource_attributes) {
            (Some(_), Some(_)) => {
                let detail = "cannot be specified in combination with resourceAttributes";
                errors.push(invalid("nonResourceAttributes", shown(spec), detail));
            }
            (None, None) => {
                let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
                errors.push(invalid("resourceAttributes", BadValue::Json(Value::Null), detail));
            }
            _ => {}
        }
        let nobody = spec.user.as_deref().unwrap_or_default().is_empty()
            && spec.groups.as_ref().is_none_or(|groups| groups.is_empty());
        if self.of != Of::Caller && nobody {
            errors.push(invalid("user", "".into(), "at least one of user or group must be specified"));
        }
        errors.extend(spec.resource_attributes.iter().flat_map(selectors::validate));
        errors.extend(self.validate_metadata(review));
        if self.of == Of::LocalSubject {
            errors.extend(validate_local(review, spec));
        }
        errors
    }

    fn validate_metadata(&self, review: &Object) -> Option<FieldError> {
        let local = self.of == Of::LocalSubject;
        let mut metadata = review.metadata().cloned().unwrap_or_default();
        metadata.retain(|field, value| {
            field != "managedFields" && !(local && field == "namespace") && !value.is_null()
        });
        let detail = if local { "must be empty except for namespace" } else { "must be empty" };
        (!metadata.is_empty()).then(|| {
            FieldError::invalid(&Path::new("metadata"), go_form::compact("ObjectMeta", &metadata), detail)
        })
    }
}

fn shown(spec: &SubjectAccessReviewSpec) -> BadValue {
    go_form::compact("*NonResourceAttributes", &spec.non_resource_attributes)
}

fn validate_local(review: &Object, spec: &SubjectAccessReviewSpec) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(attributes) = &spec.resource_attributes {
        let namespace = attributes.namespace.as_deref().unwrap_or_default();
        if namespace != review.namespace() {
            let path = Path::new("spec.resourceAttributes.namespace");
            errors.push(FieldError::invalid(&path, namespace, "must match metadata.namespace"));
        }
    }
    if spec.non_resource_attributes.is_some() {
        let path = Path::new("spec.nonResourceAttributes");
        errors.push(FieldError::invalid(&path, shown(spec), "disallowed on this kind of request"));
    }
    errors
}

fn user_of(spec: &SubjectAccessReviewSpec) -> User {
    User {
        name: spec.user.clone().unwrap_or_default(),
        uid: spec.uid.clone().unwrap_or_default(),
        groups: spec.groups.clone().unwrap_or_default(),
        extra: spec.extra.clone().unwrap_or_default().into_iter().collect(),
    }
}

/// What is asked, and which of its selectors could not be read.
fn attributes(user: Arc<User>, spec: &SubjectAccessReviewSpec) -> (Attributes, Vec<String>) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match (&spec.resource_attributes, &spec.non_resource_attributes) {
        (Some(asked), _) => {
            let version = asked.version.clone().filter(|version| !version.is_empty());
            let field_selector = selectors::fields(asked.field_selector.as_ref());
            let label_selector = selectors::labels(asked.label_selector.as_ref());
            let unreadable = [field_selector.fault("fieldSelector"), label_selector.fault("labelSelector")];
            let attributes = Attributes {
                user,
                verb: text(&asked.verb),
                group: text(&asked.group),
                version: version.unwrap_or_else(|| "*".into()),
                resource: text(&asked.resource),
                subresource: text(&asked.subresource),
                namespace: text(&asked.namespace),
                name: text(&asked.name),
                path: String::new(),
                field_selector: field_selector.selector,
                label_selector: label_selector.selector,
            };
            (attributes, unreadable.into_iter().flatten().collect())
        }
        (None, Some(NonResourceAttributes { path, verb })) => {
            let attributes = Attributes { user, verb: text(verb), path: text(path), ..Attributes::default() };
            (attributes, Vec::new())
        }
        (None, None) => (Attributes { user, ..Attributes::default() }, Vec::new()),
    }
}

/// `unreadable` follows what the authorizer could not tell.
fn status_of(decision: Decision, unreadable: Vec<String>) -> Value {
    let reason = decision.reason().to_owned();
    let (allowed, denied, error) = match decision {
        Decision::Allow { .. } => (true, false, None),
        Decision::Deny { .. } => (false, true, None),
        Decision::NoOpinion { .. } => (false, false, None),
        Decision::Failed { denied, error, .. } => (false, denied, Some(error)),
    };
    let mut status = json!({ "allowed": allowed });
    if denied {
        status["denied"] = true.into();
    }
    if !reason.is_empty() {
        status["reason"] = reason.into();
    }
    let errors: Vec<String> = error.into_iter().chain(unreadable).collect();
    if !errors.is_empty() {
        status["evaluationError"] = errors.join("; ").into();
    }
    status
}

struct SelfRules {
    rules: Arc<dyn RuleResolver>,
}

impl Answer for SelfRules {
    fn answer<'a>(
        &'a self,
        context: &'a Context,
        _namespace: &'a str,
        mut review: Object,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        let namespace = review.str_at(&["spec", "namespace"]).to_owned();
        if namespace.is_empty() {
            return Box::pin(std::future::ready(Err(Status::bad_request("no namespace on request"))));
        }
        let rules = self.rules.rules(&context.user, &namespace);
        // Nothing of what was sent comes back.
        review.0.insert("metadata".into(), json!({}));
        review.0.insert("spec".into(), json!({}));
        review.0.insert("status".into(), rules_status(rules));
        Box::pin(std::future::ready(Ok(review)))
    }
}

fn rules_status(rules: Rules) -> Value {
    let resources = rules.resource_rules.into_iter().map(|rule| {
        let mut item = json!({ "verbs": rule.verbs });
        let lists = [
            ("apiGroups", rule.api_groups),
            ("resources", rule.resources),
            ("resourceNames", rule.resource_names),
        ];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            item[field] = list.into();
        }
        item
    });
    let paths = rules
        .non_resource_rules
        .into_iter()
        .map(|rule| json!({ "verbs": rule.verbs, "nonResourceURLs": rule.paths }));
    let mut status = json!({
        "resourceRules": resources.collect::<Vec<_>>(),
        "nonResourceRules": paths.collect::<Vec<_>>(),
        "incomplete": rules.incomplete,
    });
    if let Some(errors) = aggregate_texts(rules.errors) {
        status["evaluationError"] = errors.into();
    }
    status
}
