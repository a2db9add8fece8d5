//! Names and types of the variables that expressions may use.

use std::sync::{Arc, LazyLock};

use crate::{Declared, Environment, Type};
use serde_json::json;

/// The variable that checks what the user may do to the request's own resource.
pub const REQUEST_RESOURCE: &str = "authorizer.requestResource";

/// Which of the optional variables there are.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub params: bool,
    pub authorizer: bool,
    /// The type of `variables`; `None` where nobody can define any.
    pub variables: Option<Arc<Declared>>,
    /// Whether `Object{}` and `JSONPatch{}` can be made.
    pub messages: bool,
    /// The type of `object` and `oldObject`, and of `params`: anything, where they are not known beforehand.
    pub object: Option<Arc<Declared>>,
    pub param: Option<Arc<Declared>>,
}

impl Scope {
    pub fn environment(&self) -> Environment {
        let known = |of: &Option<Arc<Declared>>| of.as_ref().map_or(Type::Dyn, Declared::cel_type);
        let mut environment = Environment::new()
            .variable("object", known(&self.object))
            .variable("oldObject", known(&self.object))
            .variable("namespaceObject", NAMESPACE.cel_type())
            .variable("request", REQUEST.cel_type());
        if self.params {
            environment = environment.variable("params", known(&self.param));
        }
        if self.authorizer {
            environment = environment.variable("authorizer", Type::authorizer());
            environment = environment.variable(REQUEST_RESOURCE, Type::resource_check());
        }
        if let Some(variables) = &self.variables {
            environment = environment.variable("variables", variables.cel_type());
        }
        if self.messages {
            environment = environment.messages();
        }
        environment
    }
}

fn text() -> Declared {
    Declared::string()
}

fn texts() -> Declared {
    Declared::list(text())
}

fn time() -> Declared {
    Declared::from_openapi(&json!({ "type": "string", "format": "date-time" }), "timestamp", false)
}

/// The type of `request`: an AdmissionRequest without uid and objects.
pub static REQUEST: LazyLock<Arc<Declared>> = LazyLock::new(|| {
    let kind = || {
        Declared::object(
            "kubernetes.GroupVersionKind",
            [("group", text()), ("version", text()), ("kind", text())],
        )
    };
    let resource = || {
        Declared::object(
            "kubernetes.GroupVersionResource",
            [("group", text()), ("version", text()), ("resource", text())],
        )
    };
    let user =
        [("username", text()), ("uid", text()), ("groups", texts()), ("extra", Declared::map(texts()))];
    Arc::new(Declared::object(
        "kubernetes.AdmissionRequest",
        [
            ("kind", kind()),
            ("resource", resource()),
            ("subResource", text()),
            ("requestKind", kind()),
            ("requestResource", resource()),
            ("requestSubResource", text()),
            ("name", text()),
            ("namespace", text()),
            ("operation", text()),
            ("userInfo", Declared::object("kubernetes.UserInfo", user)),
            ("dryRun", Declared::boolean()),
            ("options", Declared::dynamic()),
        ],
    ))
});

/// The type of `namespaceObject`: a Namespace without managed fields and owners.
pub static NAMESPACE: LazyLock<Arc<Declared>> = LazyLock::new(|| {
    let pairs = || Declared::map(text());
    let condition = [
        ("status", text()),
        ("type", text()),
        ("lastTransitionTime", time()),
        ("message", text()),
        ("reason", text()),
    ];
    let condition = Declared::object("kubernetes.NamespaceCondition", condition);
    let metadata = [
        ("name", text()),
        ("generateName", text()),
        ("namespace", text()),
        ("labels", pairs()),
        ("annotations", pairs()),
        ("UID", text()),
        ("creationTimestamp", time()),
        ("deletionGracePeriodSeconds", Declared::int()),
        ("deletionTimestamp", time()),
        ("generation", Declared::int()),
        ("resourceVersion", text()),
        ("finalizers", texts()),
    ];
    let status = [("conditions", Declared::list(condition)), ("phase", text())];
    Arc::new(Declared::object(
        "kubernetes.Namespace",
        [
            ("metadata", Declared::object("kubernetes.NamespaceMetadata", metadata)),
            ("spec", Declared::object("kubernetes.NamespaceSpec", [("finalizers", texts())])),
            ("status", Declared::object("kubernetes.NamespaceStatus", status)),
        ],
    ))
});
