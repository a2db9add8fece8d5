//! Messages: queries in, responses out, in the sizes that clients can take.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::DNSClass;

use crate::records::Reply;

/// What fits through a network without fragments (DNS flag day 2020), which is
/// what we ask of upstream and the most we send over UDP.
pub(crate) const UDP_PAYLOAD: u16 = 1232;
/// What every client takes (RFC 1035).
const LEAST_PAYLOAD: u16 = 512;
/// Bytes of a message's header, of which the first two are its id.
const HEADER_LEN: usize = 12;

/// How a query came, which bounds the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// A question that can be worked on.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: u16,
    pub(crate) query: Query,
    pub(crate) recursion_desired: bool,
    pub(crate) checking_disabled: bool,
    pub(crate) authentic_data: bool,
    /// The client speaks EDNS and takes responses of this size.
    pub(crate) edns_payload: Option<u16>,
    pub(crate) dnssec_ok: bool,
}

/// What a packet turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    Request(Box<Request>),
    /// Not a question that we take; this is the response.
    Refused(Vec<u8>),
    /// Not to be answered at all: a response, or not even a header.
    Ignored,
}

pub(crate) fn parse(packet: &[u8]) -> Parsed {
    let Some(header) = packet.first_chunk::<HEADER_LEN>() else { return Parsed::Ignored };
    let [high, low, flags, ..] = *header;
    let is_response = flags & 0x80 != 0;
    if is_response {
        // Answering those would let two servers talk to each other for ever.
        return Parsed::Ignored;
    }
    let id = u16::from_be_bytes([high, low]);
    match Message::from_vec(packet) {
        Ok(message) => request(message),
        Err(_) => refused(id, OpCode::Query, ResponseCode::FormErr),
    }
}

fn request(mut message: Message) -> Parsed {
    let (id, op_code) = (message.metadata.id, message.metadata.op_code);
    if op_code != OpCode::Query {
        return refused(id, op_code, ResponseCode::NotImp);
    }
    let (Some(query), true) = (message.queries.pop(), message.queries.is_empty()) else {
        return refused(id, op_code, ResponseCode::FormErr);
    };
    let request = Request {
        id,
        recursion_desired: message.metadata.recursion_desired,
        checking_disabled: message.metadata.checking_disabled,
        authentic_data: message.metadata.authentic_data,
        edns_payload: message.edns.as_ref().map(Edns::max_payload),
        dnssec_ok: message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
        query,
    };
    if message.edns.as_ref().is_some_and(|edns| edns.version() != 0) {
        let reply = Reply::error(ResponseCode::BADVERS);
        return Parsed::Refused(request.encode(&reply, false, Transport::Udp));
    }
    if request.query.query_class() != DNSClass::IN {
        let reply = Reply::error(ResponseCode::Refused);
        return Parsed::Refused(request.encode(&reply, false, Transport::Udp));
    }
    Parsed::Request(Box::new(request))
}

fn refused(id: u16, op_code: OpCode, code: ResponseCode) -> Parsed {
    match Message::error_msg(id, op_code, code).to_vec() {
        Ok(bytes) => Parsed::Refused(bytes),
        Err(_) => Parsed::Ignored,
    }
}

impl Request {
    /// The response's bytes, cut to what the client takes: first the additional
    /// records go, then answers, and then the truncation bit says so.
    pub(crate) fn encode(&self, reply: &Reply, authoritative: bool, transport: Transport) -> Vec<u8> {
        let limit = self.limit(transport);
        let mut message = self.response(reply, authoritative);
        let mut bytes = encoded(&message);
        if bytes.len() > limit {
            message.additionals.clear();
            bytes = encoded(&message);
        }
        while bytes.len() > limit {
            message.metadata.truncation = true;
            message.authorities.clear();
            let keep = message.answers.len() * limit / bytes.len();
            message.answers.truncate(keep.min(message.answers.len().saturating_sub(1)));
            bytes = encoded(&message);
            if message.answers.is_empty() {
                break;
            }
        }
        bytes
    }

    fn limit(&self, transport: Transport) -> usize {
        match transport {
            Transport::Tcp => usize::from(u16::MAX),
            Transport::Udp => {
                let asked = self.edns_payload.unwrap_or(LEAST_PAYLOAD);
                usize::from(asked.clamp(LEAST_PAYLOAD, UDP_PAYLOAD))
            }
        }
    }

    fn response(&self, reply: &Reply, authoritative: bool) -> Message {
        let mut message = Message::new(self.id, MessageType::Response, OpCode::Query);
        message.metadata.authoritative = authoritative;
        message.metadata.recursion_desired = self.recursion_desired;
        message.metadata.recursion_available = true;
        message.metadata.checking_disabled = self.checking_disabled;
        message.metadata.truncation = reply.truncated;
        message.metadata.response_code = reply.code;
        message.queries.push(self.query.clone());
        message.answers.clone_from(&reply.answers);
        message.authorities.clone_from(&reply.authority);
        message.additionals.clone_from(&reply.additional);
        if self.edns_payload.is_some() {
            message.edns = Some(edns(self.dnssec_ok));
        }
        message
    }

    /// The same question as we put it to upstream.
    pub(crate) fn upstream_query(&self, id: u16) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = self.checking_disabled;
        message.metadata.authentic_data = self.authentic_data;
        message.queries.push(self.query.clone());
        message.edns = Some(edns(self.dnssec_ok));
        encoded(&message)
    }
}

fn edns(dnssec_ok: bool) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    edns.set_version(0);
    edns.set_dnssec_ok(dnssec_ok);
    edns
}

/// What cannot be encoded becomes a packet that clients ignore; that takes
/// records that never came out of a decoder or a checked name.
fn encoded(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap_or_default()
}

/// Reads upstream's response to our query of that id. `None` if it is none.
pub(crate) fn parse_response(packet: &[u8], id: u16, query: &Query) -> Option<Reply> {
    let message = Message::from_vec(packet).ok()?;
    let fits = message.metadata.id == id
        && message.metadata.message_type == MessageType::Response
        && message.queries.iter().any(|asked| asked == query);
    let truncated = message.metadata.truncation;
    let code = message.metadata.response_code;
    let Message { answers, authorities: authority, additionals: additional, .. } = message;
    fits.then_some(Reply { code, answers, authority, additional, truncated })
}

#[cfg(test)]
#[path = "wire_test.rs"]
mod tests;
