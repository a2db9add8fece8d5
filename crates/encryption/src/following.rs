//! The file changes while the server runs: keys are rotated without a restart.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use ironclad_env::BoxFuture;

use crate::{Configuration, ConfigurationError, Encryption};

/// How often the file is read. Upstream: every minute.
const LOOK: Duration = Duration::from_secs(10);

/// How long new services get to answer, at least.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

/// Why a changed file is not in use. The one before it stays in use.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(
        "health check for new transformers failed, polling error timed out waiting for the condition: {0}"
    )]
    Unwell(String),
}

/// Reads the file; `None` if it cannot be read now.
pub type Read = Box<dyn Fn() -> BoxFuture<'static, Option<Vec<u8>>> + Send + Sync>;

impl Encryption {
    /// Takes over what the file says whenever it has changed. `text` is what it said at the start.
    pub fn follow(self: &Arc<Self>, text: Vec<u8>, read: Read) {
        let encryption = Arc::downgrade(self);
        let env = self.env.clone();
        let following = async move {
            // Not the text: keys are in as few places as possible.
            let mut used = hash(&text);
            let mut refused = None;
            drop(text);
            loop {
                env.sleep(LOOK).await;
                let Some(encryption) = encryption.upgrade() else { return };
                let Some(text) = read().await.filter(|text| hash(text) != used) else { continue };
                match encryption.reload(&text).await {
                    Ok(()) => {
                        tracing::info!("the encryption configuration has changed and is in use");
                        used = hash(&text);
                    }
                    // Tried again, because a service may come; told once.
                    Err(error) if refused.as_ref() != Some(&hash(&text)) => {
                        tracing::error!(%error, "the changed encryption configuration is not used");
                        refused = Some(hash(&text));
                    }
                    Err(_) => {}
                }
            }
        };
        self.env.spawn("encryption-config", Box::pin(following));
    }

    /// Seals and opens with another configuration from now on, if its services are well.
    pub async fn reload(&self, text: &[u8]) -> Result<(), ReloadError> {
        let configuration = Configuration::parse(text)?;
        self.wait_for(&configuration).await.map_err(ReloadError::Unwell)?;
        configuration.tend(&self.env);
        // Who still seals with the old configuration holds it; its services are left when the last one is done.
        self.configuration.store(Arc::new(configuration));
        Ok(())
    }

    async fn wait_for(&self, configuration: &Configuration) -> Result<(), String> {
        let calls: Duration = configuration.services.iter().map(|service| service.timeout()).sum();
        let end = self.env.elapsed() + PATIENCE.max(2 * calls);
        loop {
            configuration.look(&self.env).await;
            match configuration.health() {
                Err(_) if self.env.elapsed() < end => self.env.sleep(AGAIN).await,
                health => return health,
            }
        }
    }
}

fn hash(text: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, text).as_ref().to_vec()
}
