use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

use super::*;

fn query(edns_payload: Option<u16>) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii("WeB.Default.svc.cluster.local.").expect("name");
    message.queries.push(Query::query(name, RecordType::A));
    message.edns = edns_payload.map(|payload| {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        edns
    });
    message.to_vec().expect("encoded")
}

fn request(edns_payload: Option<u16>) -> Request {
    match parse(&query(edns_payload)) {
        Parsed::Request(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn reply(answers: usize, additional: usize) -> Reply {
    let name = Name::from_ascii("web.default.svc.cluster.local.").expect("name");
    let record = Record::from_rdata(name, 5, RData::A(A::new(10, 0, 0, 1)));
    Reply {
        answers: vec![record.clone(); answers],
        additional: vec![record; additional],
        ..Reply::error(ResponseCode::NoError)
    }
}

/// How many answers and additional records arrive, and whether truncated.
fn check(edns: Option<u16>, transport: Transport, reply: &Reply, expected: (usize, usize, bool)) {
    let bytes = request(edns).encode(reply, true, transport);
    let message = Message::from_vec(&bytes).expect("decoded");
    let arrived = (message.answers.len(), message.additionals.len(), message.metadata.truncation);
    assert_eq!(arrived, expected, "{edns:?} {transport:?}: {} bytes", bytes.len());
    assert_eq!(message.edns.is_some(), edns.is_some());
    assert_eq!(message.queries[0].name().to_ascii(), "WeB.Default.svc.cluster.local.");
}

#[test]
fn responses_fit_what_the_client_takes() {
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    check(None, udp, &reply(3, 3), (3, 3, false));
    // 47 bytes of header and question, 16 for each answer.
    check(None, udp, &reply(20, 20), (20, 0, false));
    let bytes = request(None).encode(&reply(60, 0), true, udp);
    let message = Message::from_vec(&bytes).expect("decoded");
    assert!(bytes.len() <= 512 && message.metadata.truncation);
    assert!(message.answers.len() >= 20, "as many as fit: {}", message.answers.len());
    check(Some(1232), udp, &reply(60, 0), (60, 0, false));
    check(None, tcp, &reply(300, 300), (300, 300, false));
    // A size below the least and one beyond our own are taken as those.
    check(Some(1), udp, &reply(20, 0), (20, 0, false));
    let bytes = request(Some(65_000)).encode(&reply(300, 0), true, udp);
    assert!(bytes.len() <= 1232);
}

#[test]
fn one_answer_that_does_not_fit_is_none_with_the_truncation_bit() {
    let name = Name::from_ascii("a.").expect("name");
    let text = RData::TXT(TXT::new(vec!["x".repeat(255); 4]));
    let answers = vec![Record::from_rdata(name, 5, text)];
    check(None, Transport::Udp, &Reply { answers, ..reply(0, 0) }, (0, 0, true));
}

/// The code of the response to a packet, if it is one that is not worked on.
fn check_refused(change: impl Fn(&mut Message), expected: ResponseCode) {
    let mut message = Message::from_vec(&query(Some(1232))).expect("decoded");
    change(&mut message);
    match parse(&message.to_vec().expect("encoded")) {
        Parsed::Refused(bytes) => {
            let response = Message::from_vec(&bytes).expect("decoded");
            assert_eq!((response.metadata.id, response.metadata.message_type), (7, MessageType::Response));
            // By number: 16 is BADVERS and BADSIG.
            assert_eq!(u16::from(response.metadata.response_code), u16::from(expected));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_a_question_is_refused_by_name() {
    check_refused(|message| message.metadata.op_code = OpCode::Notify, ResponseCode::NotImp);
    check_refused(|message| message.queries.clear(), ResponseCode::FormErr);
    check_refused(|message| message.queries.push(message.queries[0].clone()), ResponseCode::FormErr);
    let chaos = |message: &mut Message| {
        message.queries[0].set_query_class(DNSClass::CH);
    };
    check_refused(chaos, ResponseCode::Refused);
    let future = |message: &mut Message| {
        message.edns.as_mut().expect("edns").set_version(1);
    };
    check_refused(future, ResponseCode::BADVERS);
}

#[test]
fn responses_and_crumbs_are_ignored() {
    let mut response = query(None);
    response[2] |= 0x80;
    assert!(matches!(parse(&response), Parsed::Ignored));
    for length in 0..12 {
        assert!(matches!(parse(&query(None)[..length]), Parsed::Ignored));
    }
    assert!(matches!(parse(&query(None)[..20]), Parsed::Refused(_)));
}

#[test]
fn only_the_answer_to_our_question_counts() {
    let asked = request(Some(1232));
    let answer = asked.encode(&reply(1, 0), false, Transport::Udp);
    assert!(parse_response(&answer, 7, &asked.query).is_some());
    assert!(parse_response(&answer, 8, &asked.query).is_none());
    let other = Query::query(Name::from_ascii("other.").expect("name"), RecordType::A);
    assert!(parse_response(&answer, 7, &other).is_none());
    assert!(parse_response(&query(None), 7, &asked.query).is_none());
}

proptest! {
    #[test]
    fn no_packet_makes_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(parse(&bytes));
        drop(parse_response(&bytes, 7, &request(None).query));
    }

    #[test]
    fn no_garbled_query_makes_a_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        edns in any::<Option<u16>>(),
    ) {
        let mut bytes = query(edns);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Parsed::Request(request) = parse(&bytes) {
            let limit = usize::from(edns.unwrap_or(512).clamp(512, 1232)).max(1232);
            let encoded = request.encode(&reply(100, 100), true, Transport::Udp);
            prop_assert!(encoded.len() <= limit);
        }
    }
}
