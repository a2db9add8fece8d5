//! Hearing from containerd when a container has ended, so that it need not be asked all the time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use ironclad_cri::{CriError, containerd};
use ironclad_env::Env;

use crate::pods::Manager;

/// After the runtime went away, or did not offer it.
const RETRY: Duration = Duration::from_secs(1);
/// Exits that came together are one look.
const AT_ONCE: usize = 256;
/// CRI learns of an exit by the same event, and may not have taken it in yet: it is listed after each of these.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(5), Duration::from_millis(45), Duration::from_millis(250)];

/// Has the manager list at every exit, for ever. Returns if the runtime offers no such thing.
pub(crate) async fn watch_exits(env: Env, socket: PathBuf, manager: Arc<Manager>) {
    loop {
        match containerd::exits(&socket).await {
            Ok(exits) => {
                let mut exits = exits.ready_chunks(AT_ONCE);
                manager.set_told_of_exits(true);
                manager.nudge();
                while exits.next().await.is_some_and(|batch| batch.iter().all(Result::is_ok)) {
                    for pause in LOOKS {
                        env.sleep(pause).await;
                        manager.nudge();
                    }
                }
                manager.set_told_of_exits(false);
            }
            Err(CriError::Absent { .. }) => return,
            Err(error) => tracing::debug!(%error, "no news of containers' ends"),
        }
        env.sleep(RETRY).await;
    }
}
