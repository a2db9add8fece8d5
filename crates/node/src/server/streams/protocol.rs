//! The WebSocket subprotocols of exec and attach. All carry messages that begin with the number of a channel; they differ
//! in how bytes are written and in how a command's end is told.
//! Source: Kubernetes' `cri-streaming/pkg/streaming/remotecommand`, `streaming/pkg/httpstream/wsstream`, KEP-4006.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use ironclad_api::Status;
use ironclad_api::status::Outcome;
use tokio_tungstenite::tungstenite::Message;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    /// Text messages: the channel as a digit, then base64.
    base64: bool,
    /// The end of a command is a Status in JSON; else it is the text of a failure, or nothing.
    pub(super) status: bool,
    /// The client can end one channel: 255 and its number.
    pub(super) half_close: bool,
}

/// A client that names none speaks the oldest.
const PROTOCOLS: [Protocol; 6] = [
    protocol("v5.channel.k8s.io", false, true, true),
    protocol("v4.channel.k8s.io", false, true, false),
    protocol("v4.base64.channel.k8s.io", true, true, false),
    protocol("channel.k8s.io", false, false, false),
    protocol("base64.channel.k8s.io", true, false, false),
    protocol("", false, false, false),
];

const fn protocol(name: &'static str, base64: bool, status: bool, half_close: bool) -> Protocol {
    Protocol { name, base64, status, half_close }
}

/// The first protocol of the client's list that is known here.
pub(super) fn choose(offered: &[String]) -> Option<Protocol> {
    let known = |name: &str| PROTOCOLS.into_iter().find(|protocol| protocol.name == name);
    match offered {
        [] => known(""),
        offered => offered.iter().find_map(|name| known(name)),
    }
}

impl Protocol {
    /// Channel and content of what a client sends; `None` for what says nothing.
    pub(super) fn decode(&self, message: Message) -> Option<(u8, Bytes)> {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            _ => return None,
        };
        let channel = *bytes.first()?;
        let content = bytes.slice(1..);
        match self.base64 {
            false => Some((channel, content)),
            true => Some((channel.checked_sub(b'0')?, STANDARD.decode(content).ok()?.into())),
        }
    }

    pub(super) fn encode(&self, channel: u8, content: &[u8]) -> Message {
        if self.base64 {
            let mut text = String::from(char::from(b'0' + channel));
            STANDARD.encode_string(content, &mut text);
            return Message::Text(text.into());
        }
        let mut message = BytesMut::with_capacity(content.len() + 1);
        message.put_u8(channel);
        message.extend_from_slice(content);
        Message::Binary(message.freeze())
    }
}

/// What the oldest protocols say of a command's end, of which the runtime has written a Status.
pub(super) fn failure(status: &[u8]) -> Option<String> {
    match serde_json::from_slice::<Status>(status) {
        Ok(status) if status.outcome == Outcome::Success => None,
        Ok(status) => Some(status.message),
        Err(_) => Some(String::from_utf8_lossy(status).into_owned()).filter(|text| !text.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_first_known_protocol_is_taken() {
        let check = |offered: &[&str], want: Option<&str>| {
            let offered: Vec<String> = offered.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(choose(&offered).map(|protocol| protocol.name), want, "{offered:?}");
        };
        check(&[], Some(""));
        check(&["channel.k8s.io"], Some("channel.k8s.io"));
        check(&["v6.channel.k8s.io", "v4.channel.k8s.io", "v5.channel.k8s.io"], Some("v4.channel.k8s.io"));
        check(&["v4.base64.channel.k8s.io"], Some("v4.base64.channel.k8s.io"));
        check(&["chat"], None);
    }

    #[test]
    fn bytes_pass_in_every_protocol() {
        let check = |name: &str, message: Message, want: Option<(u8, &[u8])>| {
            let protocol = choose(&[name.to_owned()]).expect("known");
            let got = protocol.decode(message.clone());
            assert_eq!(got.as_ref().map(|(channel, content)| (*channel, &content[..])), want, "{name}");
            if let Some((channel, content)) = got {
                assert_eq!(protocol.encode(channel, &content), message, "{name}");
            }
        };
        let binary = |bytes: &'static [u8]| Message::Binary(Bytes::from_static(bytes));
        check("channel.k8s.io", binary(b"\x00hi\xff"), Some((0, b"hi\xff")));
        check("v5.channel.k8s.io", binary(b"\x01"), Some((1, b"")));
        check("v5.channel.k8s.io", binary(b""), None);
        check("base64.channel.k8s.io", Message::Text("2aGk=".into()), Some((2, b"hi")));
        check("base64.channel.k8s.io", Message::Text("0".into()), Some((0, b"")));
        check("base64.channel.k8s.io", Message::Text("0?".into()), None);
        check("channel.k8s.io", Message::Ping(Bytes::new()), None);
    }

    #[test]
    fn only_failures_are_told_to_the_oldest_clients() {
        let check = |status: &str, want: Option<&str>| {
            assert_eq!(failure(status.as_bytes()).as_deref(), want, "{status}");
        };
        check(r#"{"metadata":{},"status":"Success"}"#, None);
        let failed = r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit status 3",
            "reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
        check(failed, Some("command terminated with non-zero exit code: exit status 3"));
        check("broken pipe", Some("broken pipe"));
        check("", None);
    }
}
