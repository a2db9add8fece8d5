//! One question asked, and what came of it.

use bytes::Bytes;
use ironclad_api::Status;
use ironclad_api::goprint::quote;
use ironclad_api::status::Outcome;
use ironclad_engine::gate::{AdmissionRequest, Context};
use ironclad_env::EnvironmentExt;
use ironclad_webhook::{Caller, Deadline};

use super::hook::Hook;
use super::review::{self, Answer, Unreadable};
use crate::matching::Invocation;
use crate::versions::Versioned;

/// Why a write is not let through.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The webhook said no, or a rule that it cannot change did.
    Denied(Status),
    /// It could not be asked; its failure policy says what that means.
    Failed(String),
}

/// A question that is ready to be sent.
pub(super) struct Question {
    uid: String,
    version: &'static str,
    body: Bytes,
}

impl Question {
    /// The objects are in the version of the invocation.
    pub fn new(
        hook: &Hook,
        request: &AdmissionRequest<'_>,
        invocation: &Invocation,
        objects: &Versioned,
        caller: &Caller,
    ) -> Result<Self, Refusal> {
        if request.dry_run {
            check_dry_run(hook)?;
        }
        let version = review::version(&hook.review_versions)
            .map_err(|why| hook.failed(format!("could not create admission objects: {why}")))?;
        let uid = caller.env().uuid();
        let question = review::question(version, &uid, request, invocation, objects);
        Ok(Self { body: Bytes::from(question.to_string()), uid, version })
    }

    /// The answer of a webhook that lets the write pass.
    pub async fn ask(
        &self,
        hook: &Hook,
        context: &Context,
        caller: &Caller,
        mutating: bool,
    ) -> Result<Answer, Refusal> {
        let endpoint = hook.endpoint.as_ref();
        let endpoint = endpoint.ok_or_else(|| {
            hook.failed("could not get REST client: webhook configuration must have either service or URL")
        })?;
        let deadline = Deadline::Told { seconds: hook.timeout_seconds };
        let body = caller.post(endpoint, self.body.clone(), deadline).await;
        let body = body.map_err(|error| hook.failed(format!("failed to call webhook: {error}")))?;
        let answer = review::answer(&body, self.version, &self.uid, mutating).map_err(|why| match why {
            Unreadable::NoReview(why) => hook.failed(format!("failed to call webhook: {why}")),
            Unreadable::Wrong(why) => hook.failed(format!("received invalid webhook response: {why}")),
        })?;
        tell(hook, context, &answer);
        match answer.allowed {
            true => Ok(answer),
            false => Err(Refusal::Denied(denial(&hook.name, answer.status))),
        }
    }
}

impl Hook {
    pub fn failed(&self, why: impl std::fmt::Display) -> Refusal {
        Refusal::Failed(format!("failed calling webhook {}: {why}", quote(&self.name)))
    }
}

/// A dry run must leave no trace outside either.
fn check_dry_run(hook: &Hook) -> Result<(), Refusal> {
    match hook.side_effects.as_deref() {
        Some("None" | "NoneOnDryRun") => Ok(()),
        Some(_) => {
            let why = format!("admission webhook {} does not support dry run", quote(&hook.name));
            Err(Refusal::Denied(Status::bad_request(why)))
        }
        None => Err(hook.failed("Webhook SideEffects is nil")),
    }
}

/// Passes on what the webhook says beside its verdict.
fn tell(hook: &Hook, context: &Context, answer: &Answer) {
    let mut audit = context.audit.lock();
    for (key, value) in &answer.audit_annotations {
        audit.entry(format!("{}/{key}", hook.name)).or_insert_with(|| value.clone());
    }
    drop(audit);
    answer.warnings.iter().for_each(|text| context.warn(text.clone()));
}

/// The webhook's own Status, made one of failure.
fn denial(name: &str, status: Option<Status>) -> Status {
    let mut status = status.unwrap_or_else(|| Status { code: 0, ..Status::unclassified("") });
    status.code = status.code.max(400);
    status.outcome = Outcome::Failure;
    let denied = format!("admission webhook {} denied the request", quote(name));
    status.message = match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => format!("{denied} without explanation"),
        ("", reason) => format!("{denied}: {reason}"),
        (message, _) => format!("{denied}: {message}"),
    };
    status
}
