//! The tasks of an agent, which end with it.

use std::future::Future;

use ironclad_env::{Env, Task};

pub(super) struct Tasks {
    env: Env,
    running: Vec<Task>,
}

impl Tasks {
    pub(super) fn new(env: Env) -> Self {
        Self { env, running: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(self.env.spawn(name, Box::pin(task)));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.running.iter().for_each(Task::abort);
    }
}
