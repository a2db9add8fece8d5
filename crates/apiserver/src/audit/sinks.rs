//! Where the events go: a file, a server elsewhere, or both.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ironclad_env::Env;

use super::figures::Figures;
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
pub struct Sinks {
    pub policy: Policy,
    pub figures: Figures,
    file: Option<Log>,
    webhook: Option<Outbox>,
}

impl Sinks {
    /// `None` if nothing is to be logged anywhere. The error is that of opening the file.
    pub fn open(env: &Env, plan: Plan, figures: Figures) -> io::Result<Option<Arc<Self>>> {
        if plan.file.is_none() && plan.webhook.is_none() {
            return Ok(None);
        }
        let file = plan.file.map(|settings| Log::open(settings, figures.lost("log"))).transpose()?;
        let start = |settings| Outbox::start(env.clone(), settings, figures.lost("webhook"));
        let webhook = plan.webhook.map(start);
        Ok(Some(Arc::new(Self { policy: plan.policy, figures, file, webhook })))
    }

    /// What the webhook is sent of a line: all of it, or `short`ly where that is too much for it.
    pub fn event(&self, line: &[u8], short: impl FnOnce() -> Vec<u8>) -> Option<Vec<u8>> {
        let webhook = self.webhook.as_ref()?;
        if webhook.takes(line) {
            return Some(line.trim_ascii_end().to_vec());
        }
        let short = short();
        if !webhook.takes(&short) {
            self.figures.lost("truncate").inc();
            return None;
        }
        Some(short.trim_ascii_end().to_vec())
    }

    /// A line, newline included, and the event for the webhook. Waits while the file's queue is full, and for the
    /// webhook where it is to. False if the webhook has to have it and has not.
    pub async fn write(&self, line: Vec<u8>, event: Option<Vec<u8>>) -> bool {
        self.figures.event();
        if let Some(file) = &self.file {
            file.write(line).await;
        }
        match (&self.webhook, event) {
            (Some(webhook), Some(event)) => webhook.post(event.into()).await,
            // It was too large.
            (Some(webhook), None) => !webhook.must_have_all(),
            (None, _) => true,
        }
    }

    /// For where nothing can wait: a line that finds no room is counted as lost.
    pub fn write_now(&self, line: Vec<u8>, event: Option<Vec<u8>>) {
        self.figures.event();
        if let Some(file) = &self.file {
            file.write_now(line);
        }
        if let (Some(webhook), Some(event)) = (&self.webhook, event) {
            webhook.post_later(Bytes::from(event));
        }
    }

    /// Sends what waits to be sent. The file's lines are written by a thread of their own.
    pub async fn finish(&self, limit: Duration) {
        if let Some(webhook) = &self.webhook {
            webhook.finish(limit).await;
        }
    }
}
