//! Whether the runtime and its network are fit to run pods.

use std::sync::Arc;
use std::time::Duration;

use ironclad_cri::Cri;
use ironclad_env::{Env, EnvironmentExt};
use tokio::sync::watch;

/// Between two questions while all is well (upstream asks as often).
const EVERY: Duration = Duration::from_secs(5);
/// While something is missing that may come at any moment.
const SOON: Duration = Duration::from_millis(100);
/// For how long `SOON` applies after a change for the worse, or the start.
const HOPE: Duration = Duration::from_secs(30);
/// A runtime that does not answer for this long does not run.
const PATIENCE: Duration = Duration::from_secs(15);

/// What stands in the way, in upstream's words; nothing, when the node is ready.
pub(crate) type Troubles = Arc<Vec<String>>;

/// The question, asked again and again.
pub(crate) struct Health {
    sender: watch::Sender<Troubles>,
}

impl Health {
    pub(crate) fn new() -> (Self, watch::Receiver<Troubles>) {
        let unknown = vec!["container runtime status check may not have completed yet".to_owned()];
        let (sender, receiver) = watch::channel(Arc::new(unknown));
        (Self { sender }, receiver)
    }

    pub(crate) async fn run(self, env: Env, cri: Arc<dyn Cri>) {
        let mut since = env.elapsed();
        loop {
            let troubles = Arc::new(ask(&env, &*cri).await);
            let changed = self.sender.send_if_modified(|old| {
                let changed = *old != troubles;
                *old = troubles.clone();
                changed
            });
            if changed {
                since = env.elapsed();
            }
            let hopeful = !troubles.is_empty() && env.elapsed().saturating_sub(since) < HOPE;
            env.sleep(if hopeful { SOON } else { EVERY }).await;
        }
    }
}

async fn ask(env: &Env, cri: &dyn Cri) -> Vec<String> {
    let status = match env.timeout(PATIENCE, cri.status(false)).await {
        Some(Ok(answer)) => answer.status.unwrap_or_default(),
        Some(Err(error)) => return vec![format!("container runtime is down: {error}")],
        None => return vec!["container runtime is down".to_owned()],
    };
    let mut troubles = Vec::new();
    for (kind, words) in [
        ("RuntimeReady", "container runtime not ready"),
        ("NetworkReady", "container runtime network not ready"),
    ] {
        let condition = status.conditions.iter().find(|condition| condition.r#type == kind);
        match condition {
            Some(condition) if condition.status => {}
            Some(c) => {
                troubles.push(format!("{words}: {kind}=false reason:{} message:{}", c.reason, c.message))
            }
            None => troubles.push(format!("{words}: {kind}=false reason: message:")),
        }
    }
    troubles
}
