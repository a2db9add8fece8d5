//! What is told of one request: gathered on its way, written when it reaches its stages. One that ends before its
//! answer does, because its client has gone, is told of all the same: what it asked for may have been done.

use std::sync::Arc;

use ironclad_api::status::{Outcome, Status};
use ironclad_env::Env;

use super::{Level, Record, Sinks, Stage, Tap, Verdict, object_of};
use crate::request_info::RequestInfo;

/// As upstream has it of an answer that nobody has seen.
const CLOSED_EARLY: &str = "Connection closed early";

pub struct Account {
    pub info: RequestInfo,
    pub record: Record,
    /// How much of it is written.
    pub verdict: Verdict,
    /// What its client has sent.
    pub tap: Tap,
    sinks: Option<Arc<Sinks>>,
    env: Env,
    /// Whether its last stage has been written.
    is_closed: bool,
}

impl Account {
    pub fn new(env: Env, sinks: Option<Arc<Sinks>>, info: RequestInfo, record: Record) -> Self {
        Self { info, record, verdict: Verdict::default(), tap: Tap::default(), sinks, env, is_closed: false }
    }

    /// It is known who asks, and how much of that is written. False as of [`Self::reached`]; then there is no more.
    pub async fn begun(&mut self) -> bool {
        let Some(sinks) = self.sinks.clone() else { return true };
        sinks.figures.begun(self.verdict.level);
        let goes_on = self.reached(Stage::RequestReceived).await;
        if !goes_on {
            sinks.figures.rejected();
            self.is_closed = true;
        }
        goes_on
    }

    /// Writes a stage, if the policy wants it. False if the request must not go on, because that cannot be kept.
    pub async fn reached(&mut self, stage: Stage) -> bool {
        let Some(sinks) = self.wanted(stage) else { return true };
        let (whole, posted) = self.lines(&sinks, stage);
        sinks.write(whole, posted).await
    }

    /// The last stage; there is no other after it.
    pub async fn ended(&mut self, stage: Stage) {
        self.reached(stage).await;
        self.is_closed = true;
    }

    /// Keeps what was sent, where the policy wants it.
    pub fn keep_request(&mut self) {
        if self.verdict.level >= Level::Request && self.info.resource.is_some() {
            let sent = self.tap.take();
            self.record.request_object = object_of(&sent, self.verdict.omit_managed_fields);
        }
    }

    fn wanted(&self, stage: Stage) -> Option<Arc<Sinks>> {
        let is_wanted = !self.is_closed && self.verdict.writes(stage, self.record.code);
        self.sinks.clone().filter(|_| is_wanted)
    }

    /// The line for the file, and the event for the webhook.
    fn lines(&mut self, sinks: &Sinks, stage: Stage) -> (Vec<u8>, Option<Vec<u8>>) {
        let (level, now) = (self.verdict.level, self.env.now());
        let whole = self.record.line(&self.info, level, stage, now);
        let posted = sinks.event(&whole, || self.record.short_line(&self.info, level, stage, now));
        (whole, posted)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.is_closed {
            return;
        }
        if self.record.code == 0 {
            let early = Status { outcome: Outcome::Success, code: 200, ..Status::unclassified(CLOSED_EARLY) };
            self.record.code = early.code;
            self.record.status = Some(early);
            self.keep_request();
        }
        let Some(sinks) = self.wanted(Stage::ResponseComplete) else { return };
        let (whole, posted) = self.lines(&sinks, Stage::ResponseComplete);
        sinks.write_now(whole, posted);
    }
}
