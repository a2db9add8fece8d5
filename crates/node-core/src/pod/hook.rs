//! Lifecycle hooks as actions.

use std::time::Duration;

use ironclad_api::goprint;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler, Pod};

use crate::effect::{Action, Answer, Failure};
use crate::probe::request;
use crate::spec;

/// What a hook does.
pub(super) enum Step {
    Action(Action),
    Sleep(Duration),
    /// It cannot be run; the text says why.
    Broken(String),
}

pub(super) fn step(
    handler: &LifecycleHandler,
    container: &Container,
    id: &str,
    pod_ip: Option<&str>,
) -> Step {
    if let Some(exec) = &handler.exec {
        let command = exec.command.clone().unwrap_or_default();
        return Step::Action(Action::Exec { container_id: id.to_owned(), command, timeout: None });
    }
    if let Some(get) = &handler.http_get {
        let own_host = get.host.as_deref().is_some_and(|host| !host.is_empty());
        if pod_ip.is_none() && !own_host {
            return Step::Broken("failed to find networking container".to_owned());
        }
        return match request::http(get, container, pod_ip.unwrap_or_default(), "lifecycle") {
            Ok(get) => Step::Action(Action::Http(Box::new(get))),
            Err(why) => Step::Broken(why),
        };
    }
    match &handler.sleep {
        Some(sleep) => Step::Sleep(Duration::from_secs(sleep.seconds.max(0) as u64)),
        None => Step::Broken("Cannot run handler: invalid handler".to_owned()),
    }
}

/// Whether a hook succeeded; the text of its failure is for the container's status, as upstream words it.
pub(super) fn outcome(
    pod: &Pod,
    container: &Container,
    handler: &LifecycleHandler,
    result: &Result<Answer, Failure>,
) -> Result<(), String> {
    let (error, output) = match result {
        Ok(Answer::Exec { exit_code: 0, .. } | Answer::Done | Answer::Http { .. }) => return Ok(()),
        Ok(Answer::Exec { exit_code, output }) => (
            format!("command '{}' exited with {exit_code}: {}", command(handler).join(" "), text(output)),
            text(output),
        ),
        Ok(_) => ("the hook was answered with something else".to_owned(), String::new()),
        Err(failure) => (failure.message.clone(), String::new()),
    };
    let (name, pod) = (goprint::quote(&container.name), goprint::quote(&spec::described(pod)));
    Err(match &handler.http_get {
        Some(get) => format!(
            "HTTP lifecycle hook ({}) for Container {name} in Pod {pod} failed - error: {error}",
            get.path.as_deref().unwrap_or_default()
        ),
        None => format!(
            "Exec lifecycle hook ([{}]) for Container {name} in Pod {pod} failed - error: {error}, message: {}",
            command(handler).join(" "),
            goprint::quote(&output)
        ),
    })
}

fn command(handler: &LifecycleHandler) -> &[String] {
    handler.exec.as_ref().and_then(|e| e.command.as_deref()).unwrap_or_default()
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}
