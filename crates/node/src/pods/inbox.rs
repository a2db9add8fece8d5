//! What waits to be told to a machine. Newer facts replace older ones, so that it cannot grow: besides one of
//! each kind it holds answers, of which there are as many as actions under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ironclad_node_core::effect::{Answer, Eviction, Failure, Token};
use ironclad_node_core::{Input, PodFacts};
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The letter box of one worker.
#[derive(Default)]
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    arrived: Notify,
}

#[derive(Default)]
struct Letters {
    pod: Option<Arc<Pod>>,
    gone: bool,
    facts: Option<(Duration, PodFacts)>,
    answers: VecDeque<(Token, Result<Answer, Failure>)>,
    evict: Option<Eviction>,
    sources_changed: bool,
}

impl Inbox {
    pub(crate) fn pod(&self, pod: Arc<Pod>) {
        self.put(|letters| letters.pod = Some(pod));
    }

    pub(crate) fn gone(&self) {
        self.put(|letters| letters.gone = true);
    }

    pub(crate) fn facts(&self, taken: Duration, facts: PodFacts) {
        self.put(|letters| letters.facts = Some((taken, facts)));
    }

    pub(crate) fn answer(&self, token: Token, result: Result<Answer, Failure>) {
        self.put(|letters| letters.answers.push_back((token, result)));
    }

    pub(crate) fn evict(&self, eviction: Eviction) {
        self.put(|letters| letters.evict = Some(eviction));
    }

    pub(crate) fn sources_changed(&self) {
        self.put(|letters| letters.sources_changed = true);
    }

    fn put(&self, write: impl FnOnce(&mut Letters)) {
        write(&mut self.letters.lock());
        self.arrived.notify_one();
    }

    /// Everything that has arrived: the API's word first, then answers in order, then what the runtime said.
    pub(crate) fn take(&self) -> Vec<Input> {
        let letters = std::mem::take(&mut *self.letters.lock());
        let mut inputs = Vec::new();
        inputs.extend(letters.pod.map(Input::Pod));
        inputs.extend(letters.gone.then_some(Input::Gone));
        inputs.extend(letters.evict.map(Input::Evict));
        inputs.extend(letters.answers.into_iter().map(|(token, result)| Input::Answer { token, result }));
        inputs.extend(letters.facts.map(|(taken, facts)| Input::Facts { taken, facts }));
        inputs.extend(letters.sources_changed.then_some(Input::SourcesChanged));
        inputs
    }

    /// Returns once something has arrived since the last [`Self::take`].
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_facts_replace_older_ones_and_answers_keep_their_order() {
        let inbox = Inbox::default();
        for second in 0..3 {
            inbox.facts(Duration::from_secs(second), PodFacts::default());
            inbox.answer(Token(second), Ok(Answer::Done));
        }
        inbox.gone();
        let inputs = inbox.take();
        assert!(matches!(inputs[0], Input::Gone));
        let tokens: Vec<u64> = inputs
            .iter()
            .filter_map(|i| if let Input::Answer { token, .. } = i { Some(token.0) } else { None })
            .collect();
        assert_eq!(tokens, [0, 1, 2]);
        assert!(matches!(&inputs[4], Input::Facts { taken, .. } if taken.as_secs() == 2));
        assert!(inbox.take().is_empty());
    }
}
