//! What the end of a probe's action means (`k8s.io/kubernetes/pkg/probe`).

use ironclad_api::goprint;

use crate::effect::{Action, Answer, Failure, FailureKind, GrpcHealth};

/// One run of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Success,
    /// A success that deserves a word.
    Warning(String),
    Failure(String),
    /// The probe could not be run; it counts neither way.
    Error(String),
}

/// Judges how the action of a probe ended.
pub fn judge(action: &Action, result: &Result<Answer, Failure>) -> Verdict {
    match (action, result) {
        (Action::Exec { .. }, Ok(Answer::Exec { exit_code: 0, .. })) => Verdict::Success,
        (Action::Exec { .. }, Ok(Answer::Exec { output, .. })) => {
            Verdict::Failure(String::from_utf8_lossy(output).into_owned())
        }
        (Action::Exec { .. }, Err(failure)) => exec_failure(action, failure),
        (Action::Http(_), Ok(Answer::Http { status, body, foreign_redirect })) => {
            http(*status, body, *foreign_redirect)
        }
        (Action::Http(get), Err(failure)) => {
            let why = match failure.kind {
                FailureKind::Timeout => {
                    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                }
                _ => failure.message.as_str(),
            };
            Verdict::Failure(format!("Get {}: {why}", goprint::quote(&get.url())))
        }
        (Action::Tcp { .. }, Ok(_)) => Verdict::Success,
        (Action::Tcp { host, port, .. }, Err(failure)) => Verdict::Failure(match failure.kind {
            FailureKind::Timeout => format!("dial tcp {}: i/o timeout", address(host, *port)),
            _ => failure.message.clone(),
        }),
        (Action::Grpc { host, port, timeout, .. }, Ok(Answer::Grpc(health))) => {
            grpc(&address(host, *port), timeout.as_secs(), health)
        }
        (_, Err(failure)) => Verdict::Failure(failure.message.clone()),
        (_, Ok(_)) => Verdict::Error("the probe was answered with something else".to_owned()),
    }
}

fn exec_failure(action: &Action, failure: &Failure) -> Verdict {
    match (action, failure.kind) {
        (Action::Exec { command, timeout, .. }, FailureKind::Timeout) => Verdict::Failure(format!(
            "command timed out: {} timed out after {}s",
            goprint::quote(&command.join(" ")),
            timeout.map_or(0, |t| t.as_secs()),
        )),
        _ => Verdict::Error(failure.message.clone()),
    }
}

fn http(status: u16, body: &[u8], foreign_redirect: bool) -> Verdict {
    match status {
        300..400 if foreign_redirect => Verdict::Warning(format!(
            "Probe terminated redirects, Response body: {}",
            String::from_utf8_lossy(body)
        )),
        200..400 => Verdict::Success,
        _ => Verdict::Failure(format!("HTTP probe failed with statuscode: {status}")),
    }
}

fn grpc(address: &str, timeout_s: u64, health: &GrpcHealth) -> Verdict {
    Verdict::Failure(match health {
        GrpcHealth::Serving => return Verdict::Success,
        GrpcHealth::NotServing(status) => {
            format!("service unhealthy (responded with {})", goprint::quote(status))
        }
        GrpcHealth::Unimplemented(message) => format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {message}"
        ),
        GrpcHealth::ConnectTimeout(message) => format!(
            "timeout: failed to connect service {} within {timeout_s}s: {message}",
            goprint::quote(address)
        ),
        GrpcHealth::CallTimeout => format!("timeout: health rpc did not complete within {timeout_s}s"),
        GrpcHealth::Error(message) => format!("error: health rpc probe failed: {message}"),
    })
}

/// `host:port`, IPv6 in brackets.
fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::HttpGet;
    use std::time::Duration;

    fn check(action: &Action, result: Result<Answer, Failure>, expected: Verdict) {
        assert_eq!(judge(action, &result), expected, "{action:?} {result:?}");
    }

    fn failed(kind: FailureKind, message: &str) -> Result<Answer, Failure> {
        Err(Failure { kind, message: message.to_owned() })
    }

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn http_answers_are_judged_by_their_status() {
        let get = Action::Http(Box::new(HttpGet {
            scheme: "http".into(),
            host: "10.0.0.1".into(),
            port: 80,
            path: "/x".into(),
            headers: vec![],
            timeout: Some(S),
            same_host_only: true,
        }));
        let answer =
            |status, foreign_redirect| Ok(Answer::Http { status, body: b"body".to_vec(), foreign_redirect });
        check(&get, answer(200, false), Verdict::Success);
        check(&get, answer(399, false), Verdict::Success);
        check(&get, answer(400, false), Verdict::Failure("HTTP probe failed with statuscode: 400".into()));
        check(&get, answer(500, false), Verdict::Failure("HTTP probe failed with statuscode: 500".into()));
        check(
            &get,
            answer(302, true),
            Verdict::Warning("Probe terminated redirects, Response body: body".into()),
        );
        check(
            &get,
            failed(FailureKind::Other, "dial tcp 10.0.0.1:80: connect: connection refused"),
            Verdict::Failure(
                "Get \"http://10.0.0.1:80/x\": dial tcp 10.0.0.1:80: connect: connection refused".into(),
            ),
        );
    }

    #[test]
    fn exec_answers_are_judged_by_their_exit_code() {
        let exec = Action::Exec { container_id: "c".into(), command: vec!["a".into()], timeout: Some(S) };
        check(&exec, Ok(Answer::Exec { exit_code: 0, output: vec![] }), Verdict::Success);
        check(
            &exec,
            Ok(Answer::Exec { exit_code: 1, output: b"no such file\n".to_vec() }),
            Verdict::Failure("no such file\n".into()),
        );
        check(&exec, failed(FailureKind::Other, "runtime gone"), Verdict::Error("runtime gone".into()));
    }

    #[test]
    fn grpc_answers_are_judged_by_the_health_they_report() {
        let grpc = Action::Grpc { host: "10.0.0.1".into(), port: 5000, service: String::new(), timeout: S };
        check(&grpc, Ok(Answer::Grpc(GrpcHealth::Serving)), Verdict::Success);
        check(
            &grpc,
            Ok(Answer::Grpc(GrpcHealth::NotServing("NOT_SERVING".into()))),
            Verdict::Failure("service unhealthy (responded with \"NOT_SERVING\")".into()),
        );
        check(
            &grpc,
            Ok(Answer::Grpc(GrpcHealth::ConnectTimeout("context deadline exceeded".into()))),
            Verdict::Failure(
                "timeout: failed to connect service \"10.0.0.1:5000\" within 1s: context deadline exceeded"
                    .into(),
            ),
        );
    }
}
