//! What containerd tells beside CRI. Before 1.7 it has no CRI events, but its own event service is on the same socket.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

use crate::CriError;
use crate::call::Call;
use crate::client::channel_to;

/// The ids of containers whose first process has ended, as it happens; until containerd goes away.
pub type Exits = BoxStream<'static, Result<String, CriError>>;

const METHOD: &str = "/containerd.services.events.v1.Events/Subscribe";
/// CRI's containers live in this namespace.
const FILTER: &str = r#"namespace==k8s.io,topic=="/tasks/exit""#;

// The messages, as far as they are read (containerd, `api/services/events/v1` and `api/events/task.proto`).

#[derive(Clone, PartialEq, prost::Message)]
struct SubscribeRequest {
    #[prost(string, repeated, tag = "1")]
    filters: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(message, optional, tag = "4")]
    event: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TaskExit {
    #[prost(string, tag = "1")]
    container_id: String,
    /// The process: a container's first one has the container's id.
    #[prost(string, tag = "2")]
    id: String,
}

/// Subscribes at the containerd behind `socket`; any other runtime answers [`CriError::Absent`]. Nothing from before
/// is told, so list afterwards.
pub async fn exits(socket: &Path) -> Result<Exits, CriError> {
    let path = socket.to_owned();
    // There is no deadline: it lasts as long as containerd does.
    let failed = move |status: &tonic::Status| {
        Call { name: "Subscribe", socket: &path, deadline: Duration::MAX }.failure(status)
    };
    let mut client = tonic::client::Grpc::new(channel_to(socket.to_owned()));
    let unusable = |error: tonic::transport::Error| failed(&tonic::Status::from_error(error.into()));
    client.ready().await.map_err(unusable)?;
    let request = tonic::Request::new(SubscribeRequest { filters: vec![FILTER.to_owned()] });
    let codec = ProstCodec::<SubscribeRequest, Envelope>::default();
    let answer = client.server_streaming(request, PathAndQuery::from_static(METHOD), codec).await;
    let events = answer.map_err(|status| failed(&status))?.into_inner();
    let ids = events.filter_map(move |event| {
        let id = match event {
            Ok(envelope) => ended(&envelope).map(Ok),
            Err(status) => Some(Err(failed(&status))),
        };
        std::future::ready(id)
    });
    Ok(ids.boxed())
}

/// The container that has ended, if it is one: commands run in containers end with the same event.
fn ended(envelope: &Envelope) -> Option<String> {
    let exit = TaskExit::decode(envelope.event.as_ref()?.value.as_slice()).ok()?;
    (exit.id == exit.container_id).then_some(exit.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_containers_first_process_is_its_end() {
        let check = |container_id: &str, id: &str, expected: Option<&str>| {
            let exit = TaskExit { container_id: container_id.into(), id: id.into() };
            let envelope = Envelope { event: Some(Any { value: exit.encode_to_vec() }) };
            assert_eq!(ended(&envelope).as_deref(), expected);
        };
        check("c", "c", Some("c"));
        check("c", "exec-1", None);
        assert_eq!(ended(&Envelope { event: None }), None);
    }
}
