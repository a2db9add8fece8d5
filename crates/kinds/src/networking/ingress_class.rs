//! `IngressClass`.

use ironclad_api::{FieldError, Object, Path, validation};
use ironclad_engine::strategy::{KindSpec, Preparation, Scope, Strategy};
use k8s_openapi::api::networking::v1 as api;

use super::{GROUP, reference};
use crate::columns::{NONE, age, name_of_default, text};
use crate::fields::{immutable, one_of};
use crate::spec::{default_to, object_at, spec, typed};

const DEFAULT_ANNOTATION: &str = "ingressclass.kubernetes.io/is-default-class";
const CLUSTER: &str = "Cluster";
const NAMESPACE: &str = "Namespace";
const MAX_CONTROLLER: usize = 250;

pub struct IngressClass {
    spec: KindSpec,
}

impl IngressClass {
    pub fn new() -> Self {
        let is_default = |class: &Object| class.annotation(DEFAULT_ANNOTATION) == Some("true");
        let controller = text("Controller", |class| class.str_at(&["spec", "controller"]).to_owned());
        Self {
            spec: KindSpec {
                columns: vec![name_of_default(is_default), controller, text("Parameters", parameters), age()],
                generation: true,
                ..spec(GROUP, "v1", "IngressClass", "ingressclasses", Scope::Cluster)
            },
        }
    }
}

impl Default for IngressClass {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for IngressClass {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn default(&self, class: &mut Object) {
        if let Some(parameters) = object_at(class.section_mut("spec"), "parameters") {
            default_to(parameters, "scope", CLUSTER);
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, _: &Preparation<'_>) -> Vec<FieldError> {
        let path = Path::new("spec");
        let at = path.child("controller");
        let changed = old.into_iter().flat_map(|old| immutable(&at, &["spec", "controller"], new, old));
        let mut errors: Vec<FieldError> = changed.collect();
        let controller = new.str_at(&["spec", "controller"]);
        if controller.len() > MAX_CONTROLLER {
            errors.push(FieldError::too_long(&at, MAX_CONTROLLER));
        }
        errors.extend(validation::path::domain_prefixed_path(&at, controller));
        let class: api::IngressClass = typed(new);
        let parameters = class.spec.and_then(|spec| spec.parameters);
        errors.extend(parameters.iter().flat_map(|given| validate(given, &path.child("parameters"))));
        errors
    }
}

/// `Kind.group/name`
fn parameters(class: &Object) -> String {
    let Some(parameters) = class.at(&["spec", "parameters"]).filter(|given| given.is_object()) else {
        return NONE.into();
    };
    let part = |field: &str| parameters[field].as_str();
    let group = part("apiGroup").map(|group| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}", part("kind").unwrap_or_default(), part("name").unwrap_or_default())
}

fn validate(given: &api::IngressClassParametersReference, path: &Path) -> Vec<FieldError> {
    let mut errors = reference(given.api_group.as_deref(), &given.kind, &given.name, path);
    let at = path.child("scope");
    let Some(scope) = given.scope.as_deref() else {
        errors.push(FieldError::required(&at, ""));
        return errors;
    };
    let namespace_path = path.child("namespace");
    errors.extend(one_of(&at, scope, &[CLUSTER, NAMESPACE]));
    match (scope, given.namespace.as_deref()) {
        (NAMESPACE, None) => {
            let detail = "`parameters.scope` is set to 'Namespace'";
            errors.push(FieldError::required(&namespace_path, detail));
        }
        (NAMESPACE, Some(namespace)) => {
            let faults = validation::dns1123_label(namespace);
            errors.extend(validation::invalid_each(&namespace_path, namespace, faults));
        }
        (CLUSTER, Some(_)) => {
            let detail = "`parameters.scope` is set to 'Cluster'";
            errors.push(FieldError::forbidden(&namespace_path, detail));
        }
        _ => {}
    }
    errors
}
