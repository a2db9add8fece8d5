//! From a packet to its response: the records that were published, then upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Record;

use crate::forward::Forwarder;
use crate::records::{Answer, Question, Records, Reply};
use crate::wire::{Parsed, Request, Transport, parse};

/// Aliases are followed no further than this: some lead to each other.
const MOST_ALIASES: usize = 8;

pub(crate) struct Responder {
    pub(crate) records: ArcSwap<Records>,
    pub(crate) forwarder: Forwarder,
    /// Turns with every answer, so that clients which take the first address
    /// spread over all of them.
    turn: AtomicUsize,
}

/// What can be said to a packet without waiting.
pub(crate) enum Response {
    Now(Vec<u8>),
    Nothing,
    /// Upstream has to be asked.
    Later(Box<Request>),
}

impl Responder {
    pub(crate) fn new(records: Records, forwarder: Forwarder) -> Self {
        let records = ArcSwap::from_pointee(records);
        Self { records, forwarder, turn: AtomicUsize::new(0) }
    }

    pub(crate) fn publish(&self, records: Arc<Records>) {
        self.records.store(records);
    }

    /// Answers from the records, if they are enough.
    pub(crate) fn respond(&self, packet: &[u8], transport: Transport) -> Response {
        let request = match parse(packet) {
            Parsed::Request(request) => request,
            Parsed::Refused(bytes) => return Response::Now(bytes),
            Parsed::Ignored => return Response::Nothing,
        };
        match self.records.load().answer(&question(&request)) {
            Answer::Own(mut reply) => {
                self.rotate(&mut reply.answers);
                Response::Now(request.encode(&reply, true, transport))
            }
            Answer::Alias { .. } | Answer::Elsewhere => Response::Later(request),
        }
    }

    /// Answers what `respond` could not.
    pub(crate) async fn resolve(&self, request: &Request, transport: Transport) -> Vec<u8> {
        let mut aliases = Vec::new();
        let mut asked = request.clone();
        let records = self.records.load_full();
        loop {
            match records.answer(&question(&asked)) {
                Answer::Alias { .. } if aliases.len() == MOST_ALIASES => {
                    let failed = Reply::error(ResponseCode::ServFail);
                    return finish(request, Vec::new(), failed, transport);
                }
                Answer::Alias { alias, target } => {
                    aliases.push(*alias);
                    asked.query.set_name(target);
                }
                Answer::Own(reply) => return finish(request, aliases, reply, transport),
                Answer::Elsewhere => break,
            }
        }
        let reply = self.forwarder.resolve(&asked, transport).await;
        finish(request, aliases, reply, transport)
    }

    fn rotate(&self, answers: &mut [Record]) {
        if answers.len() > 1 {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            answers.rotate_left(turn % answers.len());
        }
    }
}

/// The aliases that led to an answer stand in front of it.
fn finish(request: &Request, aliases: Vec<Record>, reply: Reply, transport: Transport) -> Vec<u8> {
    let authoritative = !aliases.is_empty();
    let answers = aliases.into_iter().chain(reply.answers).collect();
    request.encode(&Reply { answers, ..reply }, authoritative, transport)
}

fn question(request: &Request) -> Question {
    Question { name: request.query.name().clone(), kind: request.query.query_type() }
}
