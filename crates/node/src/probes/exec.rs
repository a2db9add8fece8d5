//! Commands in containers.

use std::time::Duration;

use ironclad_cri::{Cri, CriError};
use ironclad_node_core::effect::{Answer, Failure, FailureKind};

use super::MAX_OUTPUT;

/// Runs a command to its end, or to its timeout: then it is killed.
pub(crate) async fn exec(
    cri: &dyn Cri,
    container_id: &str,
    command: &[String],
    timeout: Option<Duration>,
) -> Result<Answer, Failure> {
    let timeout_s = timeout.map_or(0, |timeout| timeout.as_secs().max(1) as i64);
    match cri.exec_sync(container_id, command, timeout_s).await {
        Ok(answer) => {
            let mut output = answer.stdout;
            output.extend_from_slice(&answer.stderr);
            output.truncate(MAX_OUTPUT);
            Ok(Answer::Exec { exit_code: answer.exit_code, output })
        }
        Err(error) => Err(Failure { kind: kind(&error), message: error.rpc_text() }),
    }
}

fn kind(error: &CriError) -> FailureKind {
    match error {
        CriError::DeadlineExceeded { .. } => FailureKind::Timeout,
        error if error.is_not_found() => FailureKind::NotFound,
        _ => FailureKind::Other,
    }
}
