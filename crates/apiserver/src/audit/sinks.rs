//! Where the events go: a file, a server elsewhere, or both.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_env::Env;

use super::webhook::{self, Outbox};
use super::{Log, Policy, Settings};

/// What is logged, and where to.
#[derive(Clone, Default)]
pub struct Plan {
    pub policy: Policy,
    pub file: Option<Settings>,
    pub webhook: Option<webhook::Settings>,
}

/// The sinks of a running server.
#[derive(Clone)]
pub struct Sinks {
    pub policy: Arc<Policy>,
    file: Option<Log>,
    webhook: Option<Outbox>,
}

impl Sinks {
    /// `None` if nothing is to be logged anywhere. The error is that of opening the file.
    pub fn open(env: &Env, plan: Plan) -> io::Result<Option<Self>> {
        if plan.file.is_none() && plan.webhook.is_none() {
            return Ok(None);
        }
        let file = plan.file.map(Log::open).transpose()?;
        let webhook = plan.webhook.map(|settings| Outbox::start(env.clone(), settings));
        Ok(Some(Self { policy: Arc::new(plan.policy), file, webhook }))
    }

    /// A line, newline included. Waits while the file's queue is full.
    pub async fn write(&self, line: Vec<u8>) {
        self.post(&line);
        if let Some(file) = &self.file {
            file.write(line).await;
        }
    }

    /// For where nothing can wait: a line that finds no room is counted as lost.
    pub fn write_now(&self, line: Vec<u8>) {
        self.post(&line);
        if let Some(file) = &self.file {
            file.write_now(line);
        }
    }

    fn post(&self, line: &[u8]) {
        if let Some(webhook) = &self.webhook {
            webhook.put(Bytes::copy_from_slice(line.trim_ascii_end()));
        }
    }

    /// Sends what waits to be sent. The file's lines are written by a thread of their own.
    pub async fn finish(&self, limit: Duration) {
        if let Some(webhook) = &self.webhook {
            webhook.finish(limit).await;
        }
    }
}
