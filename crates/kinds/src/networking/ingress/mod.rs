//! `Ingress`.

mod columns;
mod rules;

use ironclad_api::{FieldError, Object, Path, Status, goprint, validation};
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, Strategy, Subresource};
use k8s_openapi::api::networking::v1 as api;
use serde_json::json;

use super::GROUP;
use crate::fields::items;
use crate::spec::{names, spec, typed};

/// Where the class stood before it was a field.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

pub struct Ingress {
    spec: KindSpec,
}

impl Ingress {
    pub fn new() -> Self {
        Self {
            spec: KindSpec {
                short_names: names(["ing"]),
                columns: columns::all(),
                subresources: vec![Subresource::status()],
                generation: true,
                ..spec(GROUP, "v1", "Ingress", "ingresses", Scope::Namespaced)
            },
        }
    }
}

impl Default for Ingress {
    fn default() -> Self {
        Self::new()
    }
}

impl Strategy for Ingress {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, _: &Preparation<'_>) -> Result<(), Status> {
        if old.is_none() {
            new.0.insert("status".into(), json!({ "loadBalancer": {} }));
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        let (ingress, stored): (api::Ingress, Option<api::Ingress>) = (typed(new), old.map(typed));
        if preparation.part == Part::Status {
            return rules::status(&ingress, stored.as_ref());
        }
        let mut errors = rules::spec(&ingress, stored.as_ref());
        if old.is_none() {
            errors.extend(contradicting_class(new, &ingress));
        }
        errors
    }

    fn warnings(&self, new: &Object, old: Option<&Object>) -> Vec<String> {
        let ingress: api::Ingress = typed(new);
        match old {
            None => old_class(new, &ingress).into_iter().collect(),
            // The address of a status; an update of the rest says the same, and no more.
            Some(old) if old.0.get("status") != new.0.get("status") => address_warnings(&ingress),
            Some(_) => Vec::new(),
        }
    }
}

fn class(ingress: &api::Ingress) -> Option<&str> {
    ingress.spec.as_ref()?.ingress_class_name.as_deref()
}

fn contradicting_class(object: &Object, ingress: &api::Ingress) -> Option<FieldError> {
    let (annotation, class) = (object.annotation(CLASS_ANNOTATION)?, class(ingress)?);
    let path = Path::new("annotations").child(CLASS_ANNOTATION);
    let detail = "must match `ingressClassName` when both are specified";
    (annotation != class).then(|| FieldError::invalid(&path, annotation, detail))
}

fn old_class(object: &Object, ingress: &api::Ingress) -> Option<String> {
    object.annotation(CLASS_ANNOTATION)?;
    let annotation = goprint::quote(CLASS_ANNOTATION);
    class(ingress)
        .is_none()
        .then(|| format!("annotation {annotation} is deprecated, please use 'spec.ingressClassName' instead"))
}

fn address_warnings(ingress: &api::Ingress) -> Vec<String> {
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let addresses = addresses(ingress).iter().enumerate();
    let warnings = addresses.filter_map(|(index, address)| {
        let ip = address.ip.as_deref().filter(|ip| !ip.is_empty())?;
        validation::ip::ip_warning(&path.index(index), ip)
    });
    warnings.collect()
}

fn addresses(ingress: &api::Ingress) -> &[api::IngressLoadBalancerIngress] {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    balancer.map(|balancer| items(&balancer.ingress)).unwrap_or_default()
}
