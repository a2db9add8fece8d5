use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{Name, RecordType};

use super::*;

fn request(name: &str) -> Request {
    Request {
        id: 1,
        query: Query::query(Name::from_ascii(name).expect("name"), RecordType::A),
        recursion_desired: true,
        checking_disabled: false,
        authentic_data: false,
        edns_payload: None,
        dnssec_ok: false,
    }
}

fn positive(ttl: u32) -> Reply {
    let name = Name::from_ascii("a.example.").expect("name");
    let record = Record::from_rdata(name, ttl, RData::A(A::new(192, 0, 2, 1)));
    Reply { answers: vec![record], ..Reply::error(ResponseCode::NoError) }
}

fn negative(minimum: u32, ttl: u32) -> Reply {
    let name = || Name::from_ascii("example.").expect("name");
    let soa = SOA::new(name(), name(), 1, 1, 1, 1, minimum);
    let record = Record::from_rdata(name(), ttl, RData::SOA(soa));
    Reply { authority: vec![record], ..Reply::error(ResponseCode::NXDomain) }
}

/// Puts at second 100 and looks after some seconds: is it there, and with which TTL?
fn check(reply: &Reply, after_s: u64, expected_ttl: Option<u32>) {
    let cache = Cache::default();
    let at = Duration::from_secs(100);
    cache.put(&request("a.example."), reply, at);
    // Capitals make no other question.
    let found = cache.get(&request("A.Example."), at + Duration::from_secs(after_s));
    let ttl = found.map(|reply| reply.answers.iter().chain(&reply.authority).next().map(|r| r.ttl));
    assert_eq!(ttl, expected_ttl.map(Some), "{reply:?} after {after_s}");
}

#[test]
fn answers_live_as_long_as_they_say_and_no_longer_than_half_a_minute() {
    check(&positive(10), 0, Some(10));
    check(&positive(10), 9, Some(1));
    check(&positive(10), 10, None);
    check(&positive(3600), 29, Some(3571));
    check(&positive(3600), 30, None);
    check(&positive(0), 0, None);
}

#[test]
fn a_negative_answer_lives_by_its_start_of_authority() {
    check(&negative(5, 3600), 4, Some(3596));
    check(&negative(5, 3600), 5, None);
    check(&negative(3600, 5), 5, None);
    check(&Reply::error(ResponseCode::NXDomain), 0, None);
}

#[test]
fn failures_are_not_kept() {
    check(&Reply { code: ResponseCode::ServFail, ..positive(10) }, 0, None);
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_in_use() {
    let cache = Cache::default();
    let now = Duration::ZERO;
    cache.put(&request("used.example."), &positive(10), now);
    for index in 0..GENERATION * 5 {
        cache.put(&request(&format!("n{index}.example.")), &positive(10), now);
        assert!(cache.get(&request("used.example."), now).is_some());
    }
    let generations = cache.generations.lock();
    assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
}
