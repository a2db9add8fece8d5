//! CertificateSigning: issues certificates, and says that signing failed, only who has `sign`
//! on the request's signer.

use std::sync::Arc;

use ironclad_api::{Object, Status};
use ironclad_engine::gate::{AdmissionRequest, Authorizer};
use ironclad_env::BoxFuture;
use serde_json::Value;

use super::{authorize, updates};
use crate::{Cluster, WaitingPlugin};

pub(crate) struct Signing {
    authorizer: Arc<dyn Authorizer>,
}

impl Signing {
    pub(crate) fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer }
    }
}

impl WaitingPlugin for Signing {
    fn name(&self) -> &'static str {
        "CertificateSigning"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        _: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(async move {
            match updates(request, "status") && is_changed(request) {
                true => authorize(&*self.authorizer, request, "sign").await,
                false => Ok(()),
            }
        })
    }
}

/// Whether the certificate or a condition is another; an empty list of conditions is none.
fn is_changed(request: &AdmissionRequest<'_>) -> bool {
    let (Some(old), Some(new)) = (request.old, request.object.as_deref()) else { return true };
    fn conditions(object: &Object) -> &[Value] {
        let list = object.at(&["status", "conditions"]).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    }
    let certificate = ["status", "certificate"];
    old.str_at(&certificate) != new.str_at(&certificate) || conditions(old) != conditions(new)
}
