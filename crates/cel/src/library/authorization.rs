//! `authorizer.group('apps').resource('deployments').check('create').allowed()`.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-authorizer-library>

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use ironclad_api::validation::name;

use super::Library;
use crate::error::Error;
use crate::eval::Answer;
use crate::types::Type;
use crate::value::{Foreign, Value};

const AUTHORIZER: &str = "kubernetes.authorization.Authorizer";
const PATH: &str = "kubernetes.authorization.PathCheck";
const GROUP: &str = "kubernetes.authorization.GroupCheck";
const RESOURCE: &str = "kubernetes.authorization.ResourceCheck";
const DECISION: &str = "kubernetes.authorization.Decision";

/// Answers whether the user of a request, or a service account, may do something.
pub trait Authorizer: Debug + Send + Sync {
    fn authorize(&self, check: &Check) -> Decision;
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Namespace and name. `None` for the user of the request.
    pub service_account: Option<(String, String)>,
    pub verb: String,
    pub target: Target,
}

/// What it is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A path that is no resource.
    Path(String),
    Resource(ResourceTarget),
}

/// A resource, with empty strings for what is left open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceTarget {
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    pub field_selector: String,
    pub label_selector: String,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub reason: String,
    pub error: Option<String>,
}

/// Who asks, and what has been said so far of what is asked.
#[derive(Clone, Debug)]
struct Question {
    authorizer: Arc<dyn Authorizer>,
    service_account: Option<(String, String)>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Authorizer,
    Path(String),
    Group(String),
    Resource(ResourceTarget),
}

impl Foreign for Question {
    fn type_name(&self) -> &'static str {
        match self.stage {
            Stage::Authorizer => AUTHORIZER,
            Stage::Path(_) => PATH,
            Stage::Group(_) => GROUP,
            Stage::Resource(_) => RESOURCE,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, _: &dyn Foreign) -> bool {
        false
    }
}

impl Foreign for Decision {
    fn type_name(&self) -> &'static str {
        DECISION
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, _: &dyn Foreign) -> bool {
        false
    }
}

impl Type {
    /// The type of the variable `authorizer`.
    pub fn authorizer() -> Self {
        Type::message(AUTHORIZER)
    }

    /// The type of the variable `authorizer.requestResource`.
    pub fn resource_check() -> Self {
        Type::message(RESOURCE)
    }
}

impl Value<'_> {
    /// The value of the variable `authorizer`.
    pub fn authorizer(authorizer: Arc<dyn Authorizer>) -> Self {
        Value::foreign(Question { authorizer, service_account: None, stage: Stage::Authorizer })
    }

    /// The value of the variable `authorizer.requestResource`.
    pub fn resource_check(authorizer: Arc<dyn Authorizer>, target: ResourceTarget) -> Self {
        Value::foreign(Question { authorizer, service_account: None, stage: Stage::Resource(target) })
    }
}

pub(super) fn declare(library: &mut Library) {
    use Type::{Bool, String};
    let own = |name: &'static str| Type::message(name);
    library.method("path", "authorizer_path", [own(AUTHORIZER), String], own(PATH), |args| {
        let (question, path) = question_and_text(args)?;
        not_blank(path, "path")?;
        Ok(question.at(Stage::Path(path.to_owned())))
    });
    library.method("group", "authorizer_group", [own(AUTHORIZER), String], own(GROUP), |args| {
        let (question, group) = question_and_text(args)?;
        Ok(question.at(Stage::Group(group.to_owned())))
    });
    let account = [own(AUTHORIZER), String, String];
    library.method("serviceAccount", "authorizer_serviceaccount", account, own(AUTHORIZER), service_account);
    library.method("resource", "groupcheck_resource", [own(GROUP), String], own(RESOURCE), |args| {
        let (question, resource) = question_and_text(args)?;
        not_blank(resource, "resource")?;
        let Stage::Group(group) = &question.stage else { return Err(Error::no_such_overload()) };
        let (group, resource) = (group.clone(), resource.to_owned());
        Ok(question.at(Stage::Resource(ResourceTarget { group, resource, ..ResourceTarget::default() })))
    });
    /// Declares a method that sets one field of a resource check.
    macro_rules! setter {
        ($name:literal, $id:literal, $field:ident) => {
            library.method($name, $id, [own(RESOURCE), String], own(RESOURCE), |args| {
                let (question, text) = question_and_text(args)?;
                let Stage::Resource(target) = &question.stage else { return Err(Error::no_such_overload()) };
                let target = ResourceTarget { $field: text.to_owned(), ..target.clone() };
                Ok(question.at(Stage::Resource(target)))
            });
        };
    }
    setter!("subresource", "resourcecheck_subresource", subresource);
    setter!("namespace", "resourcecheck_namespace", namespace);
    setter!("name", "resourcecheck_name", name);
    setter!("fieldSelector", "authorizer_fieldselector", field_selector);
    setter!("labelSelector", "authorizer_labelselector", label_selector);
    library.method("check", "pathcheck_check", [own(PATH), String], own(DECISION), check);
    library.method("check", "resourcecheck_check", [own(RESOURCE), String], own(DECISION), check);
    library.method("errored", "decision_errored", [own(DECISION)], Bool, |args| {
        Ok(Value::Bool(decision(args)?.error.is_some()))
    });
    library.method("error", "decision_error", [own(DECISION)], String, |args| {
        Ok(Value::string(decision(args)?.error.clone().unwrap_or_default()))
    });
    library.method("allowed", "decision_allowed", [own(DECISION)], Bool, |args| {
        Ok(Value::Bool(decision(args)?.allowed))
    });
    library.method("reason", "decision_reason", [own(DECISION)], String, |args| {
        Ok(Value::string(decision(args)?.reason.clone()))
    });
}

impl Question {
    fn at<'a>(&self, stage: Stage) -> Value<'a> {
        Value::foreign(Question { stage, ..self.clone() })
    }
}

fn question_and_text<'v>(args: &'v [Value<'_>]) -> Result<(&'v Question, &'v str), Error> {
    let question = args.first().and_then(Value::as_foreign).ok_or_else(Error::no_such_overload)?;
    let text = args.get(1).and_then(Value::as_str).ok_or_else(Error::no_such_overload)?;
    Ok((question, text))
}

fn not_blank(text: &str, what: &str) -> Result<(), Error> {
    if text.trim().is_empty() { Err(Error::new(format!("{what} must not be empty"))) } else { Ok(()) }
}

fn service_account<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let (question, namespace) = question_and_text(args)?;
    let account = args.get(2).and_then(Value::as_str).ok_or_else(Error::no_such_overload)?;
    if !name::subdomain(account, false).is_empty() {
        return Err(Error::new("Invalid service account name"));
    }
    if !name::label(namespace, false).is_empty() {
        return Err(Error::new("Invalid service account namespace"));
    }
    let service_account = Some((namespace.to_owned(), account.to_owned()));
    Ok(Value::foreign(Question { service_account, stage: Stage::Authorizer, ..question.clone() }))
}

fn check<'a>(args: &mut [Value<'a>]) -> Answer<'a> {
    let (question, verb) = question_and_text(args)?;
    let target = match &question.stage {
        Stage::Path(path) => Target::Path(path.clone()),
        Stage::Resource(resource) => Target::Resource(resource.clone()),
        _ => return Err(Error::no_such_overload()),
    };
    let check = Check { service_account: question.service_account.clone(), verb: verb.to_owned(), target };
    Ok(Value::foreign(question.authorizer.authorize(&check)))
}

fn decision<'v>(args: &'v [Value<'_>]) -> Result<&'v Decision, Error> {
    args.first().and_then(Value::as_foreign).ok_or_else(Error::no_such_overload)
}
