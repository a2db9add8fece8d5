//! CertificateApproval: approves only who has `approve` on the request's signer.

use std::sync::Arc;

use ironclad_api::Status;
use ironclad_engine::gate::{AdmissionRequest, Authorizer};
use ironclad_env::BoxFuture;

use super::{authorize, updates};
use crate::{Cluster, WaitingPlugin};

pub(crate) struct Approval {
    authorizer: Arc<dyn Authorizer>,
}

impl Approval {
    pub(crate) fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer }
    }
}

impl WaitingPlugin for Approval {
    fn name(&self) -> &'static str {
        "CertificateApproval"
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest<'_>,
        _: &'a Cluster<'_>,
    ) -> BoxFuture<'a, Result<(), Status>> {
        Box::pin(async move {
            match updates(request, "approval") {
                true => authorize(&*self.authorizer, request, "approve").await,
                false => Ok(()),
            }
        })
    }
}
