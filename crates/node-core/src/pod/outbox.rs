//! The effects of a step, and what each action that is under way is for.

use std::collections::BTreeMap;

use crate::effect::{Action, Effect, Token};
use crate::event::PodEvent;
use crate::pod::jobs::Task;
use crate::probe;

/// What an action is for, and so who takes its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Task(Task),
    /// The current step in starting the container of that name.
    Start(String),
    /// The current step in stopping the container with that id.
    Stop(String),
    Probe(probe::Key),
    /// The resize of the container of that name.
    Resize(String),
}

/// What a step asks for. Actions under way are bounded by the pod: one per task, container and probe.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    effects: Vec<Effect>,
    last: u64,
    pending: BTreeMap<Token, Purpose>,
}

impl Outbox {
    pub(super) fn run(&mut self, purpose: Purpose, action: Action) -> Token {
        self.last += 1;
        let token = Token(self.last);
        self.pending.insert(token, purpose);
        self.effects.push(Effect::Run { token, action });
        token
    }

    /// Gives an action up; its answer will be ignored.
    pub(super) fn cancel(&mut self, token: Token) {
        if self.pending.remove(&token).is_some() {
            self.effects.push(Effect::Cancel(token));
        }
    }

    /// Lets an action go on whose answer no longer matters.
    pub(super) fn forget(&mut self, token: Token) {
        self.pending.remove(&token);
    }

    pub(super) fn event(&mut self, event: PodEvent) {
        self.effects.push(Effect::Event(event));
    }

    pub(super) fn removed(&mut self) {
        self.effects.push(Effect::Removed);
    }

    /// What the action was for; `None` if it was given up or is answered twice.
    pub(super) fn answered(&mut self, token: Token) -> Option<Purpose> {
        self.pending.remove(&token)
    }

    pub(super) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}
