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
/// A question that has not been answered for this long never will be.
const PATIENCE: Duration = Duration::from_secs(15);
/// A runtime that has been silent for this long is down (upstream's `baseRuntimeSyncThreshold`). Until then it may
/// be restarting, which its containers do not notice, and so nobody else should.
const SILENCE: Duration = Duration::from_secs(30);

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
        let mut silence = Silence { answered: since };
        loop {
            let answer = ask(&env, &*cri).await;
            let now = env.elapsed();
            let Some(troubles) = silence.judge(answer, now) else {
                env.sleep(SOON).await;
                continue;
            };
            let troubles = Arc::new(troubles);
            let changed = self.sender.send_if_modified(|old| {
                let changed = *old != troubles;
                *old = troubles.clone();
                changed
            });
            if changed {
                since = now;
            }
            let hopeful = !troubles.is_empty() && now.saturating_sub(since) < HOPE;
            env.sleep(if hopeful { SOON } else { EVERY }).await;
        }
    }
}

/// How long the runtime has said nothing.
struct Silence {
    answered: Duration,
}

impl Silence {
    /// What an answer tells of the runtime. `None`: nothing yet, it is to be asked again.
    fn judge(&mut self, answer: Result<Vec<String>, String>, now: Duration) -> Option<Vec<String>> {
        match answer {
            Ok(troubles) => {
                self.answered = now;
                Some(troubles)
            }
            Err(_) if now.saturating_sub(self.answered) < SILENCE => None,
            Err(why) => Some(vec![why]),
        }
    }
}

/// What the runtime says of itself; an error if it says nothing.
async fn ask(env: &Env, cri: &dyn Cri) -> Result<Vec<String>, String> {
    let status = match env.timeout(PATIENCE, cri.status(false)).await {
        Some(Ok(answer)) => answer.status.unwrap_or_default(),
        Some(Err(error)) => return Err(format!("container runtime is down: {error}")),
        None => return Err("container runtime is down".to_owned()),
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
    Ok(troubles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_down_only_after_half_a_minute_of_silence() {
        let down = || Err("down".to_owned());
        let fine = || Ok(Vec::new());
        let troubled = || Ok(vec!["no network".to_owned()]);
        let check = |what: &str, answers: Vec<(u64, Result<Vec<String>, String>)>, told: Option<&[&str]>| {
            let mut silence = Silence { answered: Duration::ZERO };
            let mut last = None;
            for (second, answer) in answers {
                last = silence.judge(answer, Duration::from_secs(second));
            }
            assert_eq!(last, told.map(|told| told.iter().map(|&text| text.to_owned()).collect()), "{what}");
        };
        check("it answers", vec![(0, fine())], Some(&[]));
        check("it has troubles", vec![(0, troubled())], Some(&["no network"]));
        check("it does not answer yet", vec![(0, down()), (29, down())], None);
        check("it never answers", vec![(0, down()), (30, down())], Some(&["down"]));
        check("it is restarted", vec![(0, fine()), (40, fine()), (41, down()), (69, down())], None);
        check("it stays away", vec![(40, fine()), (41, down()), (70, down())], Some(&["down"]));
        check("it is back", vec![(0, down()), (31, down()), (32, fine())], Some(&[]));
    }
}
