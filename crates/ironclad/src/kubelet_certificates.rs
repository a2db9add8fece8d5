//! Which requests for kubelets' certificates are approved by themselves, and the CA that signs.

use std::sync::Arc;

use futures::FutureExt;
use ironclad_controllers::certificates::{Authority, Requestor, Reviewer};
use ironclad_engine::User;
use ironclad_engine::gate::{Attributes, Authorizer, Decision};
use ironclad_pki::ca::CertificateAuthority;

use crate::components::Identities;

/// Asks the server's authorizer. An authorizer elsewhere (a webhook) would have to be waited for;
/// its answer is no, so that these rights are granted by RBAC.
pub struct Kubelets(pub Arc<dyn Authorizer>);

impl Reviewer for Kubelets {
    fn may_create(&self, requestor: &Requestor, subresource: &str) -> bool {
        let Requestor { name, uid, groups, extra } = requestor.clone();
        let attributes = Attributes {
            user: Arc::new(User { name, uid, groups, extra }),
            verb: "create".into(),
            group: "certificates.k8s.io".into(),
            version: "*".into(),
            resource: "certificatesigningrequests".into(),
            subresource: subresource.to_owned(),
            ..Attributes::default()
        };
        let decision = self.0.authorize(&attributes).now_or_never();
        matches!(decision, Some(Decision::Allow { .. }))
    }
}

impl Authority for Identities {
    fn ca(&self) -> &CertificateAuthority {
        &self.bundle.cluster_ca.ca
    }
}
