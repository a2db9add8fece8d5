//! The driver of one pod's machine: inputs in, effects out.

use std::collections::HashMap;
use std::sync::Arc;

use ironclad_env::{Env, Task};
use ironclad_node_core::pod::PodMachine;
use ironclad_node_core::{Action, Effect, Input, Now, Token};

use super::book::{Book, Page};
use super::hands::Hands;
use super::inbox::Inbox;

/// The moment, on both clocks.
pub(crate) fn now(env: &Env) -> Now {
    Now { mono: env.elapsed(), wall: env.now() }
}

/// What a worker needs besides its machine.
pub(super) struct Worker {
    pub env: Env,
    pub hands: Arc<dyn Hands>,
    pub inbox: Arc<Inbox>,
    pub book: Arc<Book>,
    /// Actions under way, to be dropped when their answers are no longer wanted.
    pub running: HashMap<Token, Task>,
}

impl Worker {
    /// Drives the machine until nothing of its pod is left. `first` is told to it before anything else.
    pub(super) async fn run(mut self, mut machine: PodMachine, first: Input) {
        let mut inputs = vec![first];
        loop {
            for input in inputs {
                if let Input::Answer { token, .. } = &input {
                    self.running.remove(token);
                }
                let effects = machine.step(now(&self.env), input);
                if self.carry_out(&machine, effects) {
                    return;
                }
            }
            self.book.write(Page::of(&machine));
            inputs = self.wait(&machine).await;
        }
    }

    /// Returns with what has arrived, or a tick once the machine's deadline has passed.
    async fn wait(&self, machine: &PodMachine) -> Vec<Input> {
        let deadline = machine.deadline().map(|at| at.saturating_sub(self.env.elapsed()));
        match deadline {
            None => self.inbox.arrived().await,
            Some(left) => {
                let sleep = self.env.sleep(left);
                tokio::select! {
                    () = self.inbox.arrived() => {}
                    () = sleep => {}
                }
            }
        }
        let mut inputs = self.inbox.take();
        if inputs.is_empty() {
            inputs.push(Input::Tick);
        }
        inputs
    }

    /// Sets what a machine wants in motion. Says whether the machine is done.
    fn carry_out(&mut self, machine: &PodMachine, effects: Vec<Effect>) -> bool {
        let mut removed = false;
        for effect in effects {
            match effect {
                Effect::Run { token, action } => self.begin(machine, token, action),
                Effect::Cancel(token) => {
                    if let Some(task) = self.running.remove(&token) {
                        task.abort();
                    }
                }
                Effect::Event(event) => self.hands.event(machine.pod(), event),
                Effect::Removed => removed = true,
            }
        }
        removed
    }

    fn begin(&mut self, machine: &PodMachine, token: Token, action: Action) {
        let work = self.hands.carry_out(machine.pod().clone(), action);
        let inbox = self.inbox.clone();
        let task = async move { inbox.answer(token, work.await) };
        self.running.insert(token, self.env.spawn("pod-action", Box::pin(task)));
    }
}
