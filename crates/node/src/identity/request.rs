//! Asking for a certificate: a CertificateSigningRequest, and waiting for what comes of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::{GroupVersionResource, Object, ObjectKey, Status};
use ironclad_client::{Client, Request, Target};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_pki::certificate::Certificate;
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::issue::Template;
use ironclad_pki::key::PrivateKey;
use ironclad_pki::signers::Signer;
use serde_json::{Value, json};

use super::IdentityError;
use super::file::Pair;

/// How long somebody may take to approve it, as upstream has it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Between two looks at the request.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(5);

fn requests() -> GroupVersionResource {
    GroupVersionResource::new("certificates.k8s.io", "v1", "certificatesigningrequests")
}

/// A certificate by `signer` for a key that is made now.
pub(super) async fn obtain(
    env: &Env,
    client: &dyn Client,
    signer: Signer,
    template: &Template,
) -> Result<Pair, IdentityError> {
    let key = PrivateKey::generate()?;
    let pem = CertificateRequest::make(template, &key)?;
    let create = Request::create(Target::collection(requests(), ""), object(&pem, signer, template));
    let created = client.call(create).await;
    let created = created.map_err(|status| api("requesting a certificate", status))?;
    let name = created.name().to_owned();
    let issued = env.timeout(PATIENCE, wait(env, client, &name)).await;
    let chain = issued.ok_or_else(|| IdentityError::NotApproved { name: name.clone() })??;
    match chain.first() {
        Some(leaf) if leaf.public_key == *key.public_key() => Ok(Pair { chain, key }),
        _ => Err(IdentityError::OtherKey { name }),
    }
}

fn api(doing: &'static str, status: Status) -> IdentityError {
    IdentityError::Api { doing, status }
}

fn object(pem: &str, signer: Signer, template: &Template) -> Object {
    let usages: Vec<&str> = template.usages.iter().map(|usage| usage.name()).collect();
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-"},
        "spec": {"request": STANDARD.encode(pem), "signerName": signer.name(), "usages": usages},
    });
    Object::from_value(request).unwrap_or_default()
}

async fn wait(env: &Env, client: &dyn Client, name: &str) -> Result<Vec<Certificate>, IdentityError> {
    let mut pause = FIRST_LOOK;
    loop {
        env.sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
        let target = Target::object(requests(), &ObjectKey::cluster(name));
        match client.call(Request::get(target)).await {
            Ok(request) => match outcome(&request) {
                Outcome::Pending => {}
                Outcome::Issued(chain) => return Ok(chain),
                Outcome::Refused(why) => {
                    return Err(IdentityError::Refused { name: name.to_owned(), why });
                }
            },
            // The server may be away for a while.
            Err(status) if status.code >= 500 || status.code == 429 => {}
            Err(status) => return Err(api("waiting for the certificate", status)),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Pending,
    Issued(Vec<Certificate>),
    Refused(String),
}

fn outcome(request: &Object) -> Outcome {
    let pem = STANDARD.decode(request.str_at(&["status", "certificate"])).unwrap_or_default();
    if !pem.is_empty() {
        return match Certificate::all_from_pem(&pem) {
            Ok(chain) => Outcome::Issued(chain),
            Err(error) => Outcome::Refused(error.to_string()),
        };
    }
    let conditions = request.at(&["status", "conditions"]).and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    match conditions.find(|condition| matches!(condition["type"].as_str(), Some("Denied" | "Failed"))) {
        Some(refusal) => {
            let text = |field: &str| refusal[field].as_str().unwrap_or_default();
            Outcome::Refused(format!("{} {}: {}", text("type"), text("reason"), text("message")))
        }
        None => Outcome::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_pending_until_somebody_decides() {
        let check = |status: Value, expected: Outcome| {
            let request = Object::from_value(json!({ "status": status })).expect("an object");
            assert_eq!(outcome(&request), expected, "{status}");
        };
        let condition = |kind: &str| json!([{"type": kind, "reason": "R", "message": "m"}]);
        check(Value::Null, Outcome::Pending);
        check(json!({"conditions": condition("Approved")}), Outcome::Pending);
        check(json!({"conditions": condition("Denied")}), Outcome::Refused("Denied R: m".into()));
        check(json!({"conditions": condition("Failed")}), Outcome::Refused("Failed R: m".into()));
        let damaged = Outcome::Refused("no PEM block of type CERTIFICATE found".into());
        check(json!({"certificate": "eA=="}), damaged);
    }

    #[test]
    fn a_request_names_its_signer_and_the_usages_that_it_takes() {
        let request = object("PEM", Signer::KubeletServing, &Template::node_serving("n", vec![], vec![]));
        assert_eq!(request.str_at(&["spec", "signerName"]), "kubernetes.io/kubelet-serving");
        assert_eq!(request.at(&["spec", "usages"]), Some(&json!(["digital signature", "server auth"])));
    }
}
