//! CertificateSubjectRestriction: no client certificate of the API server's signer makes its
//! bearer a member of `system:masters`, whom nothing can be denied.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ironclad_api::Status;
use ironclad_engine::gate::{AdmissionOperation, AdmissionRequest};
use ironclad_pki::csr::CertificateRequest;
use ironclad_pki::signers::Signer;

use super::{GROUP, RESOURCE};
use crate::plugins::{forbidden, is_about};
use crate::{Cluster, Plugin};

const MASTERS: &str = "system:masters";

pub(crate) struct SubjectRestriction;

impl Plugin for SubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    fn validate(&self, request: &AdmissionRequest<'_>, _: &Cluster<'_>) -> Result<(), Status> {
        let signer = Signer::ApiServerClient.name();
        let creates =
            request.operation == AdmissionOperation::Create && is_about(request, GROUP, RESOURCE, "");
        let Some(object) = request
            .object
            .as_deref()
            .filter(|object| creates && object.str_at(&["spec", "signerName"]) == signer)
        else {
            return Ok(());
        };
        let pem = STANDARD.decode(object.str_at(&["spec", "request"])).unwrap_or_default();
        match CertificateRequest::from_pem(&pem) {
            Err(error) => Err(forbidden(request, format!("failed to parse CSR: {error}"))),
            Ok(parsed) if parsed.subject.organizations.iter().any(|group| group == MASTERS) => {
                let why = format!("use of {signer} signer with {MASTERS} group is not allowed");
                Err(forbidden(request, why))
            }
            Ok(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ironclad_api::Object;
    use ironclad_client::testing::Objects;
    use ironclad_engine::gate::{Context, User};
    use ironclad_pki::issue::Template;
    use ironclad_pki::key::PrivateKey;
    use ironclad_pki::subject::Subject;
    use serde_json::json;

    use super::*;
    use crate::testing::{Ask, validate};

    #[test]
    fn nobody_is_made_a_master() {
        let check = |groups: &[&str], signer: &str, want: Option<&str>| {
            let key = PrivateKey::generate().expect("a key");
            let template = Template::client(Subject::new("a", groups));
            let pem = CertificateRequest::make(&template, &key).expect("a request");
            let object = json!({
                "metadata": {"name": "r"},
                "spec": {"signerName": signer, "request": STANDARD.encode(pem)},
            });
            let ask = Ask::create("", (GROUP, RESOURCE), Object::from_value(object).expect("an object"));
            let context = Context::new(Arc::new(User::default()), "");
            let result = validate(&SubjectRestriction, &Objects::default(), &context, ask);
            assert_eq!(result.err().map(|status| status.message).as_deref(), want);
        };
        let client = "kubernetes.io/kube-apiserver-client";
        let why = "certificatesigningrequests.certificates.k8s.io \"r\" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed";
        check(&["a", "system:masters"], client, Some(why));
        check(&["a"], client, None);
        check(&["system:masters"], "example.com/signer", None);
    }
}
