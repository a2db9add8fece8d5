//! `admissionregistration.k8s.io/v1`: webhooks, policies in CEL, and what binds policies to parameters.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>,
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>

mod binding;
mod columns;
mod compiler;
mod defaults;
mod expressions;
mod policy;
mod rules;
mod shape;
mod status;
mod webhook;

#[cfg(test)]
mod tests;

pub use binding::PolicyBinding;
pub use policy::Policy;
pub use webhook::WebhookConfiguration;

use ironclad_api::Object;
use ironclad_engine::strategy::{KindSpec, Scope};

use crate::spec::{names, spec};

const GROUP: &str = "admissionregistration.k8s.io";
/// Names that end so are kept for configurations that a server reads from files.
const STATIC_SUFFIX: &str = ".static.k8s.io";

/// Which of the two phases of admission a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Mutating,
    Validating,
}

fn kind(kind: &'static str, resource: &'static str) -> KindSpec {
    KindSpec {
        categories: names(["api-extensions"]),
        generation: true,
        ..spec(GROUP, "v1", kind, resource, Scope::Cluster)
    }
}

fn warnings(object: &Object) -> Vec<String> {
    let warning = object.name().ends_with(STATIC_SUFFIX).then(|| {
        format!(
            "metadata.name: names ending with \"{STATIC_SUFFIX}\" are reserved for static manifest-based \
             configurations and cannot be managed via the API"
        )
    });
    warning.into_iter().collect()
}
