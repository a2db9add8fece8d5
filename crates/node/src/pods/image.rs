//! Images: looked for, and fetched with the pod's pull secrets.

use std::sync::Arc;

use ironclad_api::ObjectKey;
use ironclad_cri::v1::{AuthConfig, Image, ImageSpec};
use ironclad_node_core::effect::{Answer, Failure, Pulled};
use ironclad_node_core::facts::ImageFact;
use ironclad_node_core::sandbox::SandboxConfig;
use ironclad_node_core::spec;
use k8s_openapi::api::core::v1::{Pod, Secret};
use tokio::sync::Semaphore;

use super::hands::{NodeHands, cri_failure, other};
use crate::api;
use crate::messages;

mod keyring;

/// Images that are fetched at the same time.
const PULLS: usize = 4;

/// Turns for fetching.
pub(crate) struct Images {
    pulls: Arc<Semaphore>,
}

impl Default for Images {
    fn default() -> Self {
        Self { pulls: Arc::new(Semaphore::new(PULLS)) }
    }
}

impl NodeHands {
    pub(super) async fn find_image(&self, image: &str) -> Result<Answer, Failure> {
        let found = self.image_status(image).await?;
        Ok(Answer::Image(found.map(|found| fact(&found))))
    }

    async fn image_status(&self, image: &str) -> Result<Option<Image>, Failure> {
        let spec = ImageSpec { image: image.to_owned(), ..Default::default() };
        let answer = self.cri.image_status(spec, false).await.map_err(|error| cri_failure(&error))?;
        Ok(answer.image)
    }

    pub(super) async fn pull_image(
        &self,
        pod: &Pod,
        image: &str,
        sandbox: &SandboxConfig,
    ) -> Result<Answer, Failure> {
        let _turn = self.turn(&self.images.pulls).await;
        let begun = self.env.elapsed();
        let credentials = keyring::for_image(&self.pull_secrets(pod).await, image);
        let reference = self.pull(image, sandbox, credentials).await?;
        let took = self.env.elapsed().saturating_sub(begun);
        let found = match self.image_status(&reference).await? {
            Some(found) => found,
            None => return Err(other(format!("image {image} is not there after it was pulled"))),
        };
        Ok(Answer::Pulled(Pulled { image: fact(&found), took }))
    }

    /// Tries each credential, or none if there is none. The last error counts.
    async fn pull(
        &self,
        image: &str,
        sandbox: &SandboxConfig,
        credentials: Vec<AuthConfig>,
    ) -> Result<String, Failure> {
        let mut attempts: Vec<Option<AuthConfig>> = credentials.into_iter().map(Some).collect();
        if attempts.is_empty() {
            attempts.push(None);
        }
        let mut failure = other("no attempt was made");
        for auth in attempts {
            let spec = ImageSpec { image: image.to_owned(), ..Default::default() };
            match self.cri.pull_image(spec, auth, Some(messages::sandbox_config(sandbox))).await {
                Ok(reference) => return Ok(reference),
                Err(error) => failure = cri_failure(&error),
            }
        }
        Err(failure)
    }

    /// The secrets that the pod names, as far as they can be read: an image may need none of them.
    async fn pull_secrets(&self, pod: &Pod) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for reference in spec::of(pod).image_pull_secrets.iter().flatten() {
            let key = ObjectKey::new(spec::namespace(pod), reference.name.clone());
            match self.api.get(api::secrets(), &key).await {
                Ok(secret) => secrets.push(secret),
                Err(error) => tracing::debug!(%key, %error, "pull secret not read"),
            }
        }
        secrets
    }
}

fn fact(image: &Image) -> ImageFact {
    ImageFact {
        image_ref: image.id.clone(),
        uid: image.uid.map(|uid| uid.value),
        username: image.username.clone(),
        size_bytes: image.size,
    }
}
