//! What mutation remembers between its two rounds.
//!
//! When a webhook or policy has changed the object, everything is asked once more, so that
//! those before it see the change: plain plugins always, webhooks and policies only if they
//! asked for it (`reinvocationPolicy: IfNeeded`) and something changed after them.
//!
//! Source: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#reinvocation-policy>

use std::collections::{BTreeMap, BTreeSet};

use ironclad_api::Object;

/// The rounds of one request's mutation.
#[derive(Default)]
pub struct Pass {
    /// Set in the second round.
    pub second: bool,
    /// Somebody changed the object: a second round is due.
    pub again: bool,
    memories: BTreeMap<&'static str, Memory>,
}

/// What one plugin did in the first round.
#[derive(Default)]
pub struct Memory {
    /// The object as the plugin left it.
    left: Option<Object>,
    /// Those of its hooks that ran, and want to run again when somebody after them changes the object.
    ran: BTreeSet<String>,
    /// Those that run in the second round.
    due: BTreeSet<String>,
}

impl Pass {
    pub fn memory(&mut self, plugin: &'static str) -> &mut Memory {
        self.memories.entry(plugin).or_default()
    }
}

impl Memory {
    /// In the second round: whether others changed the object since, which makes all due.
    pub fn enter(&mut self, object: Option<&Object>) {
        if self.left.as_ref() != object {
            self.changed();
        }
    }

    pub fn leave(&mut self, object: Option<&Object>) {
        self.left = object.cloned();
    }

    /// The object changed: whoever ran before is due again.
    pub fn changed(&mut self) {
        self.due.append(&mut self.ran);
    }

    /// A hook with `IfNeeded` ran.
    pub fn ran(&mut self, hook: &str) {
        self.ran.insert(hook.to_owned());
    }

    pub fn is_due(&self, hook: &str) -> bool {
        self.due.contains(hook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_due_when_the_object_changes_after_it() {
        let mut pass = Pass::default();
        let memory = pass.memory("webhooks");
        memory.ran("first");
        memory.changed();
        memory.ran("second");
        memory.leave(None);
        memory.enter(None);
        assert_eq!((memory.is_due("first"), memory.is_due("second")), (true, false));
        memory.enter(Some(&Object::default()));
        assert!(memory.is_due("second"));
    }
}
