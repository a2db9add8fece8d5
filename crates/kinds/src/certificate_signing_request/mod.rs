//! `certificates.k8s.io/v1 CertificateSigningRequest`.
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/>

mod certificate;
mod conditions;
mod signer_name;
mod validate;

#[cfg(test)]
mod tests;

use ironclad_api::apply::FieldSet;
use ironclad_api::validation::Faults;
use ironclad_api::validation::name::NameRule;
use ironclad_api::{FieldError, Object, Status, time};
use ironclad_engine::gate::User;
use ironclad_engine::strategy::{KindSpec, Part, Preparation, Scope, SelectableField, Strategy, Subresource};
use serde_json::{Value, json};

use crate::columns::{NONE, age, name, text};
use crate::spec::{names, spec};

const APPROVAL: Part = Part::Named("approval");
const APPROVED: &str = "Approved";
const DENIED: &str = "Denied";
const FAILED: &str = "Failed";

pub struct CertificateSigningRequest {
    spec: KindSpec,
}

impl CertificateSigningRequest {
    pub fn new() -> Self {
        let (group, kind) = ("certificates.k8s.io", "CertificateSigningRequest");
        let signer = text("SignerName", |request| match request.str_at(&["spec", "signerName"]) {
            "" => NONE.to_owned(),
            signer => signer.to_owned(),
        });
        let requestor = text("Requestor", |request| request.str_at(&["spec", "username"]).to_owned());
        let duration = text("RequestedDuration", requested_duration);
        let condition = text("Condition", conditions::summary);
        Self {
            spec: KindSpec {
                short_names: names(["csr"]),
                columns: vec![name(), age(), signer, requestor, duration, condition],
                selectable: vec![SelectableField::at("spec.signerName")],
                subresources: vec![Subresource::part("approval", APPROVAL), Subresource::status()],
                ..spec(group, "v1", kind, "certificatesigningrequests", Scope::Cluster)
            },
        }
    }
}

impl Default for CertificateSigningRequest {
    fn default() -> Self {
        Self::new()
    }
}

fn requested_duration(request: &Object) -> String {
    let seconds = request.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64);
    seconds.map_or_else(|| NONE.to_owned(), time::human_duration)
}

impl Strategy for CertificateSigningRequest {
    fn spec(&self) -> &KindSpec {
        &self.spec
    }

    fn prepare(
        &self,
        new: &mut Object,
        old: Option<&Object>,
        preparation: &Preparation<'_>,
    ) -> Result<(), Status> {
        let Some(old) = old else {
            set_requestor(new, preparation.user);
            new.0.insert("status".into(), json!({}));
            return Ok(());
        };
        new.0.insert("spec".into(), old.0.get("spec").cloned().unwrap_or_else(|| json!({})));
        match preparation.part {
            Part::Status => {
                conditions::preserve(new, old, APPROVED);
                conditions::preserve(new, old, DENIED);
                conditions::stamp(new, old, preparation.now);
            }
            APPROVAL => {
                conditions::stamp(new, old, preparation.now);
                keep_all_but_conditions(new, old);
            }
            Part::Main | Part::Named(_) => {}
        }
        Ok(())
    }

    fn validate(&self, new: &Object, old: Option<&Object>, preparation: &Preparation<'_>) -> Vec<FieldError> {
        match old {
            None => validate::create(new),
            Some(old) => validate::update(new, old, preparation.part),
        }
    }

    fn reset_fields(&self, part: Part) -> FieldSet {
        match part {
            Part::Main => FieldSet::of_fields(&[&["spec"], &["status"]]),
            Part::Status => FieldSet::of_fields(&[&["spec"], &["status", "conditions"]]),
            Part::Named(_) => FieldSet::of_fields(&[&["spec"], &["status", "certificate"]]),
        }
    }

    fn name_rule(&self) -> NameRule {
        |_, _| Faults::new()
    }
}

/// The approval owns the conditions and nothing else.
fn keep_all_but_conditions(new: &mut Object, old: &Object) {
    let conditions = new.at(&["status", "conditions"]).cloned();
    new.0.insert("status".into(), old.0.get("status").cloned().unwrap_or_else(|| json!({})));
    let status = new.section_mut("status");
    match conditions {
        Some(conditions) => drop(status.insert("conditions".into(), conditions)),
        None => drop(status.remove("conditions")),
    }
}

/// Who asks is what the server knows, not what the request says.
fn set_requestor(request: &mut Object, user: &User) {
    let spec = request.section_mut("spec");
    for field in ["username", "uid", "groups", "extra"] {
        spec.remove(field);
    }
    let given = [
        ("username", !user.name.is_empty(), json!(user.name)),
        ("uid", !user.uid.is_empty(), json!(user.uid)),
        ("groups", !user.groups.is_empty(), json!(user.groups)),
        ("extra", !user.extra.is_empty(), json!(user.extra)),
    ];
    for (field, _, value) in given.into_iter().filter(|(_, given, _)| *given) {
        spec.insert(field.to_owned(), value);
    }
}
