//! Who may approve and sign CertificateSigningRequests, and what no request may ask for.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/>.

pub(super) mod approval;
pub(super) mod signing;
pub(super) mod subject_restriction;

use std::sync::Arc;

use ironclad_api::Status;
use ironclad_api::goprint::quote;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest, Attributes, Authorizer, Decision};

use super::{forbidden, is_about};

const GROUP: &str = "certificates.k8s.io";
const RESOURCE: &str = "certificatesigningrequests";

fn updates(request: &AdmissionRequest<'_>, subresource: &str) -> bool {
    request.operation == AdmissionOperation::Update && is_about(request, GROUP, RESOURCE, subresource)
}

/// Whether the user has a verb on the signer of the request as it was before.
async fn authorize(
    authorizer: &dyn Authorizer,
    request: &AdmissionRequest<'_>,
    verb: &'static str,
) -> Result<(), Status> {
    let signer = request.old.map(|old| old.str_at(&["spec", "signerName"])).unwrap_or_default();
    let domain = signer.split('/').next().unwrap_or_default();
    for name in [signer.to_owned(), format!("{domain}/*")] {
        let attributes = Attributes {
            user: Arc::clone(&request.context.user),
            verb: verb.into(),
            group: GROUP.into(),
            version: "*".into(),
            resource: "signers".into(),
            name,
            ..Attributes::default()
        };
        if let Decision::Allow { .. } = authorizer.authorize(&attributes).await {
            return Ok(());
        }
    }
    let signer = quote(signer);
    Err(forbidden(request, format!("user not permitted to {verb} requests with signerName {signer}")))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use ironclad_api::Object;
    use ironclad_client::testing::Objects;
    use ironclad_engine::gate::{Context, User};
    use ironclad_env::BoxFuture;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Ask, hold};

    /// Allows one verb on one signer, to everybody.
    struct Only(&'static str, &'static str);

    impl Authorizer for Only {
        fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
            let reason = String::new();
            let allowed = (attributes.verb.as_str(), attributes.name.as_str()) == (self.0, self.1);
            let decision = if allowed { Decision::Allow { reason } } else { Decision::NoOpinion { reason } };
            Box::pin(std::future::ready(decision))
        }
    }

    fn request(status: Value) -> Object {
        let spec = json!({"signerName": "example.com/signer"});
        let object = json!({"metadata": {"name": "r"}, "spec": spec, "status": status});
        Object::from_value(object).expect("an object")
    }

    fn check(allowed: (&'static str, &'static str), part: &str, new: Value, want: Option<&str>) {
        let authorizer = Arc::new(Only(allowed.0, allowed.1));
        let context = Context::new(Arc::new(User::default()), "");
        let ask = Ask {
            namespace: "",
            resource: (GROUP, RESOURCE),
            subresource: part,
            object: Some(request(new)),
            old: Some(request(json!({}))),
            operation: AdmissionOperation::Update,
        };
        let result = hold(&Objects::default(), &context, ask, |request, cache| {
            let env = ironclad_env::SimEnv::new(1).shared();
            let cluster = crate::Cluster { cache, env: &env };
            let (approval, signing) =
                (approval::Approval::new(authorizer.clone()), signing::Signing::new(authorizer.clone()));
            let plugins: [&dyn crate::WaitingPlugin; 2] = [&approval, &signing];
            plugins
                .into_iter()
                .try_for_each(|plugin| plugin.validate(request, &cluster).now_or_never().expect("ready"))
        });
        let forbidden =
            |why: &str| format!("certificatesigningrequests.certificates.k8s.io \"r\" is forbidden: {why}");
        assert_eq!(result.err().map(|status| status.message), want.map(forbidden));
    }

    #[test]
    fn signers_are_approved_and_signed_for_by_those_who_may() {
        let approved = || json!({"conditions": [{"type": "Approved"}]});
        let no_approval = r#"user not permitted to approve requests with signerName "example.com/signer""#;
        let no_signing = r#"user not permitted to sign requests with signerName "example.com/signer""#;
        check(("approve", "example.com/signer"), "approval", approved(), None);
        check(("approve", "example.com/*"), "approval", approved(), None);
        check(("approve", "example.org/*"), "approval", approved(), Some(no_approval));
        check(("sign", "example.com/signer"), "approval", approved(), Some(no_approval));
        check(("sign", "example.com/signer"), "status", json!({"certificate": "x"}), None);
        check(("approve", "example.com/signer"), "status", json!({"certificate": "x"}), Some(no_signing));
        check(("approve", "example.com/signer"), "status", approved(), Some(no_signing));
        check(("", ""), "status", json!({}), None);
        check(("", ""), "", json!({}), None);
    }
}
