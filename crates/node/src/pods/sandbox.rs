//! Pod sandboxes.

use ironclad_api::ObjectKey;
use ironclad_node_core::effect::{Answer, Failure};
use ironclad_node_core::sandbox::SandboxConfig;
use k8s_openapi::api::node::v1::RuntimeClass;

use super::hands::{NodeHands, cri_failure, other};
use crate::api;
use crate::messages;

impl NodeHands {
    pub(super) async fn run_sandbox(&self, config: &SandboxConfig) -> Result<Answer, Failure> {
        let handler = self.runtime_handler(config).await?;
        let logs = config.log_directory.clone();
        tokio::fs::create_dir_all(&logs).await.map_err(|error| other(format!("{logs}: {error}")))?;
        let _turn = self.turn(&self.limits.runtime).await;
        let message = messages::sandbox_config(config);
        let id = self.cri.run_pod_sandbox(message, &handler).await.map_err(|error| cri_failure(&error))?;
        match self.inspector.sandbox(&id).await {
            Ok(Some(fact)) => Ok(Answer::Sandbox(fact)),
            Ok(None) => Err(other("the sandbox is gone at once")),
            Err(error) => Err(cri_failure(&error)),
        }
    }

    /// `handler` of the RuntimeClass that the pod names; empty for the default one.
    async fn runtime_handler(&self, config: &SandboxConfig) -> Result<String, Failure> {
        let Some(class) = &config.runtime_class else { return Ok(String::new()) };
        let key = ObjectKey::cluster(class.clone());
        let found: Result<RuntimeClass, _> = self.api.get(api::runtime_classes(), &key).await;
        found.map(|class| class.handler).map_err(other)
    }

    pub(super) async fn stop_sandbox(&self, id: &str) -> Result<Answer, Failure> {
        let _turn = self.turn(&self.limits.runtime).await;
        match self.cri.stop_pod_sandbox(id).await {
            Err(error) if !error.is_not_found() => Err(cri_failure(&error)),
            _ => Ok(Answer::Done),
        }
    }

    pub(super) async fn remove_sandbox(&self, id: &str) -> Result<Answer, Failure> {
        let _turn = self.turn(&self.limits.runtime).await;
        let stopped = self.cri.stop_pod_sandbox(id).await;
        let removed = match stopped {
            Ok(()) => self.cri.remove_pod_sandbox(id).await,
            failed => failed,
        };
        match removed {
            Err(error) if !error.is_not_found() => Err(cri_failure(&error)),
            _ => Ok(Answer::Done),
        }
    }
}
