//! What happens to a request, from top to bottom:
//!
//! 1. it gets an audit id and a deadline, and its panics are contained ([`serve`]);
//! 2. URL to request info, credentials to a user, impersonation, a place among the
//!    requests that are worked on, authorization ([`admit`]);
//! 3. resources go to the engine, streams to their backends, other paths to their handlers;
//! 4. the reply gets its headers and is counted and written to the audit log ([`finish`]).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
use http::{Request, StatusCode, Version};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ironclad_api::GroupResource;
use ironclad_api::duration;
use ironclad_api::params::Query;
use ironclad_api::status::Status;
use ironclad_auth::authenticate::ANONYMOUS;
use ironclad_engine::engine::forbidden;
use ironclad_engine::{Context, Decision, User};
use ironclad_env::EnvironmentExt;
use ironclad_traces::Span;

use crate::aggregation;
use crate::audit::{self, Account, Level, Record, Stage, Verdict};
use crate::body::Share;
use crate::connect::upgrade::{Session, is_upgrade};
use crate::fairness::{Class, Seated, TooMany};
use crate::impersonate::impersonate;
use crate::listen::Connection;
use crate::metrics::{Authorized, Counted, Counts, Timing};
use crate::negotiate::{Accepted, accept, header};
use crate::reply::{self, Reply};
use crate::request_info::{RequestInfo, internal_error, unreadable};
use crate::resources;
use crate::routes;
use crate::server::Shared;
use crate::traces;
use crate::url::decode_path;
use crate::warnings;

/// Upstream's `--request-timeout`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// A client's audit id is cut at this length, as upstream.
const MAX_AUDIT_ID: usize = 64;

/// A request on its way, and what is learned of it.
struct Exchange {
    account: Account,
    query: Query,
    started: Duration,
    known_resource: bool,
    /// A patch that says what its manager wants of the object.
    applies: bool,
    /// How long it waited for its turn.
    waited: Duration,
    /// What is sent to the collector of traces, if this one is.
    span: Option<Span>,
    /// How errors are to be written.
    accepted: Accepted,
    context: Context,
    /// How long it may wait for its turn.
    queued_at_most: Duration,
    /// How long all of it may take, if it is no stream.
    allotted: Duration,
    /// Another server answers it.
    is_passed_on: bool,
    /// Keeps the connection in use.
    in_use: Arc<()>,
    class: Option<Class>,
    /// Of the connection, if it is upgraded.
    session: Session,
}

/// Answers one request. Never fails: every error is a reply.
pub async fn serve(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let mut exchange = match begin(&shared, &connection, &request) {
        Ok(exchange) => exchange,
        Err(reply) => return Ok(*reply),
    };
    let deadline = deadline(&exchange);
    // The rest of the time is for the work itself.
    let allotted = deadline.as_ref().ok().and_then(|limit| *limit).unwrap_or(REQUEST_TIMEOUT);
    exchange.queued_at_most = allotted / 4;
    exchange.allotted = allotted;
    let work = AssertUnwindSafe(answer(&shared, &connection, &mut exchange, request)).catch_unwind();
    let outcome = match deadline {
        Ok(None) => Some(work.await),
        Ok(Some(limit)) => shared.env.timeout(limit, work).await,
        Err(status) => {
            drop(work);
            Some(Ok(Err(status)))
        }
    };
    let (result, stage) = match outcome {
        Some(Ok(result)) => (result, Stage::ResponseComplete),
        Some(Err(_)) => (Err(panicked(&shared, &exchange)), Stage::Panic),
        None => (Err(timed_out(&shared, &exchange)), Stage::ResponseComplete),
    };
    Ok(finish(&shared, exchange, result, stage).await)
}

/// Reads the URL and opens the record of the request.
fn begin(
    shared: &Shared,
    connection: &Connection,
    request: &Request<Incoming>,
) -> Result<Exchange, Box<Reply>> {
    let started = shared.env.elapsed();
    connection.has_asked(started);
    let uri = request.uri();
    let written = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    let query = Query::parse(uri.query().unwrap_or_default());
    let path = decode_path(uri.path()).ok_or_else(|| Box::new(reply::text(400, "400 Bad Request\n")))?;
    let info = RequestInfo::new(request.method(), &path, &query)
        .map_err(|error| Box::new(reply::text(500, unreadable(written, &error) + "\n")))?;
    let headers = request.headers();
    let user_agent = header(headers, &USER_AGENT).to_owned();
    let record = Record {
        audit_id: audit_id(shared, header(headers, &AUDIT_ID)),
        uri: written.to_owned(),
        received: shared.env.now(),
        source_ips: source_ips(connection, header(headers, &HeaderName::from_static("x-forwarded-for"))),
        user_agent: audit::shortened(&user_agent),
        user: None,
        impersonated: None,
        annotations: BTreeMap::new(),
        code: 0,
        status: None,
        request_object: None,
        response_object: None,
    };
    let account = Account::new(shared.env.clone(), shared.audit.clone(), info, record);
    Ok(Exchange {
        accepted: accept::accept_error(headers, &query),
        context: Context::new(Arc::default(), user_agent),
        started,
        queued_at_most: REQUEST_TIMEOUT,
        allotted: REQUEST_TIMEOUT,
        is_passed_on: false,
        in_use: connection.stream(),
        class: None,
        session: Session::default(),
        known_resource: false,
        applies: header(headers, &CONTENT_TYPE) == "application/apply-patch+yaml",
        waited: Duration::ZERO,
        span: None,
        account,
        query,
    })
}

fn audit_id(shared: &Shared, given: &str) -> String {
    match given {
        "" => shared.env.uuid(),
        given => given.chars().take(MAX_AUDIT_ID).collect(),
    }
}

/// The client's address, after those that proxies before it claim.
fn source_ips(connection: &Connection, forwarded: &str) -> Vec<IpAddr> {
    const MOST: usize = 8;
    let claimed = forwarded.split(',').filter_map(|ip| ip.trim().parse().ok()).take(MOST);
    let mut all: Vec<IpAddr> = claimed.collect();
    let own = connection.address.ip().to_canonical();
    if all.last() != Some(&own) {
        all.push(own);
    }
    all
}

/// `None` for requests that may take as long as they like.
fn deadline(exchange: &Exchange) -> Result<Option<Duration>, Status> {
    if exchange.account.info.is_long_running() {
        return Ok(None);
    }
    let wish = match exchange.query.text("timeout") {
        "" => None,
        text => Some(duration::parse(text).map_err(|error| {
            Status::bad_request(format!("invalid timeout specified in the request URL - {error}"))
        })?),
    };
    let wish = wish.and_then(|wish| Duration::try_from(wish).ok()).filter(|wish| !wish.is_zero());
    Ok(Some(wish.map_or(REQUEST_TIMEOUT, |wish| wish.min(REQUEST_TIMEOUT))))
}

async fn answer(
    shared: &Shared,
    connection: &Connection,
    exchange: &mut Exchange,
    mut request: Request<Incoming>,
) -> Result<Reply, Status> {
    // For proxies, which tell it to what is behind them.
    request.extensions_mut().insert(connection.address);
    if is_upgrade(request.headers()) {
        request.extensions_mut().insert(exchange.session.clone());
    }
    let held = match admit(shared, connection, exchange, &mut request).await? {
        Ok(held) => held,
        Err(reply) => return Ok(reply),
    };
    let span = exchange.span.take();
    let reply = ironclad_traces::within(span.as_ref(), dispatch(shared, exchange, request)).await;
    exchange.span = span;
    let reply = reply?;
    let is_made = reply.body().size_hint().exact().is_none();
    let (parts, body) = reply.into_parts();
    let body = match &*exchange.account.info.verb {
        // A large list is made while it is written, and holds its seats as long.
        "list" if is_made => {
            let spent = shared.env.elapsed().saturating_sub(exchange.started);
            let left = exchange.allotted.saturating_sub(spent);
            shared.streams.supervise(reply::guarded(body, held), Some(left))
        }
        // A watch has cost what it costs when it has begun.
        "watch" if is_made => shared.streams.supervise(body, None),
        _ => body,
    };
    Ok(Reply::from_parts(parts, body))
}

impl Exchange {
    /// What it is counted under.
    fn counts(&self) -> Counts<'_> {
        Counts {
            info: &self.account.info,
            dry_run: self.query.first("dryRun"),
            applies: self.applies,
            known_resource: self.known_resource,
        }
    }
}

/// To whoever answers such requests.
async fn dispatch(
    shared: &Shared,
    exchange: &mut Exchange,
    request: Request<Incoming>,
) -> Result<Reply, Status> {
    let Exchange { account, query, context, is_passed_on, known_resource, .. } = exchange;
    let info = &account.info;
    if let Some(remote) = shared.aggregation.as_ref().and_then(|aggregation| aggregation.route(info)) {
        *is_passed_on = true;
        // Names that other servers made up must not become labels: requests there are counted without.
        return aggregation::pass(shared, &remote, info, &context.user, request).await;
    }
    match &info.resource {
        Some(resource) => {
            *known_resource = resources::is_served(&shared.engine.registry().kinds(), resource);
            resources::serve(shared, context, info, resource, query, request).await
        }
        None => routes::serve(shared, request.method(), &info.path, query, request.headers()).await,
    }
}

/// What a request holds while it is worked on.
struct Held {
    _counted: Option<Counted>,
    seats: Option<Seated>,
}

/// As upstream, which does not write a Status here.
fn too_many() -> Reply {
    let mut reply = reply::text(429, "Too many requests, please try again later.\n");
    reply::set(&mut reply, RETRY_AFTER, "1");
    reply
}

/// Who it is, whom they act as, whether there is room, whether they may. The inner error is an answer of its own form.
async fn admit(
    shared: &Shared,
    connection: &Connection,
    exchange: &mut Exchange,
    request: &mut Request<Incoming>,
) -> Result<Result<Held, Reply>, Status> {
    let is_h2 = request.version() == Version::HTTP_2;
    let path = exchange.account.info.path.as_str();
    let since = shared.env.elapsed();
    let identified = shared.identification.identify(&connection.peer, path, request.headers_mut()).await;
    let took = shared.env.elapsed().saturating_sub(since);
    match &identified {
        Ok(user) => shared.metrics.steps.authenticated(&user.name, took),
        Err(_) => shared.metrics.steps.not_authenticated(took),
    }
    let account = &mut exchange.account;
    let policy = shared.audit.as_ref().map(|sinks| &sinks.policy);
    let known = identified.as_deref().ok();
    account.verdict = policy.map(|policy| policy.verdict(&account.info, known)).unwrap_or_default();
    let user = identified.map_err(|reason| {
        tracing::debug!(address = %connection.address, reason, "a request was not authenticated");
        close_h2(connection, is_h2);
        Status::unauthorized()
    })?;
    // Whoever is nobody gets no cheap stream of requests over one connection (CVE-2023-44487).
    if user.name == ANONYMOUS {
        close_h2(connection, is_h2);
    }
    account.record.user = Some(user.clone());
    if let Some(tracer) = &shared.tracer {
        exchange.span = traces::begin(tracer, request, &account.info, &user, account.record.received);
    }
    if !account.begun().await {
        return Ok(Err(text_error(account, "failed to store audit event")));
    }
    if account.verdict.level >= Level::Request && account.info.resource.is_some() {
        request.extensions_mut().insert(account.tap.clone());
    }
    let asked = || account.info.attributes(user.clone());
    let impersonated = impersonate(&*shared.authorizer, asked, request.headers_mut()).await?;
    let acting = impersonated.as_ref().map(|impersonated| impersonated.user.clone());
    account.record.impersonated = impersonated;
    let user = acting.unwrap_or(user);
    exchange.context.user = user.clone();
    let held = match seat(shared, exchange, &user).await {
        Ok(held) => held,
        Err(TooMany) => return Ok(Err(too_many())),
    };
    if !exchange.account.info.is_read_only()
        && let Some(budget) = held.seats.as_ref().and_then(Seated::bodies)
    {
        let share = Share::new(budget.clone(), shared.env.clone(), exchange.queued_at_most);
        request.extensions_mut().insert(share);
    }
    Ok(authorize(shared, exchange, user).await?.map(|()| held))
}

/// Waits for the request's turn. Streams take none: they would keep it for ever.
async fn seat(shared: &Shared, exchange: &mut Exchange, user: &User) -> Result<Held, TooMany> {
    let Exchange { account, query, queued_at_most, .. } = exchange;
    let info = &account.info;
    if info.is_long_running() && info.verb != "watch" {
        return Ok(Held { _counted: None, seats: None });
    }
    let count = || objects_of(shared, info);
    let (since, waiting) = (shared.env.elapsed(), shared.metrics.in_queue(info.is_read_only()));
    let (class, seats) = shared.fairness.enter(info, query, user, count, *queued_at_most).await;
    drop(waiting);
    let counted = shared.metrics.in_flight(info.is_read_only());
    exchange.waited = shared.env.elapsed().saturating_sub(since);
    exchange.class = class;
    seats.map(|seats| Held { _counted: Some(counted), seats: Some(seats) })
}

/// How many objects there are of the request's resource.
fn objects_of(shared: &Shared, info: &RequestInfo) -> u64 {
    let Some(resource) = &info.resource else { return 0 };
    let resource = GroupResource::new(resource.group.clone(), resource.resource.clone());
    let kinds = shared.engine.registry().kinds();
    kinds.resource(&resource).map_or(0, |kind| kind.object_count() as u64)
}

fn close_h2(connection: &Connection, is_h2: bool) {
    if is_h2 {
        connection.close.cancel();
    }
}

/// As upstream, that nobody can tell whether somebody may is no Status.
async fn authorize(
    shared: &Shared,
    exchange: &mut Exchange,
    user: Arc<User>,
) -> Result<Result<(), Reply>, Status> {
    const DECISION: &str = "authorization.k8s.io/decision";
    const REASON: &str = "authorization.k8s.io/reason";
    let account = &mut exchange.account;
    let attributes = account.info.attributes(user);
    let annotations = &mut account.record.annotations;
    let since = shared.env.elapsed();
    let decision = shared.authorizer.authorize(&attributes).await;
    let took = shared.env.elapsed().saturating_sub(since);
    shared.metrics.steps.authorized(Authorized::from(&decision), took);
    let (decision, reason) = match decision {
        Decision::Allow { reason } => ("allow", reason),
        Decision::Deny { reason } | Decision::NoOpinion { reason } => ("forbid", reason),
        Decision::Failed { error, .. } => {
            annotations.insert(REASON.to_owned(), "internal error".to_owned());
            return Ok(Err(text_error(account, &error)));
        }
    };
    annotations.insert(DECISION.to_owned(), decision.to_owned());
    annotations.insert(REASON.to_owned(), reason.clone());
    if decision == "allow" { Ok(Ok(())) } else { Err(forbidden(&attributes, &reason)) }
}

fn text_error(account: &Account, error: &str) -> Reply {
    reply::text(500, internal_error(&account.record.uri, error) + "\n")
}

fn panicked(shared: &Shared, exchange: &Exchange) -> Status {
    shared.metrics.panics.inc();
    shared.metrics.terminated(&exchange.counts(), StatusCode::INTERNAL_SERVER_ERROR);
    let Account { info, record, .. } = &exchange.account;
    tracing::error!(verb = %info.verb, uri = record.uri, audit_id = record.audit_id, "a request panicked");
    Status::internal_error("This request caused apiserver to panic. Look in the logs for details.")
}

fn timed_out(shared: &Shared, exchange: &Exchange) -> Status {
    shared.metrics.terminated(&exchange.counts(), StatusCode::GATEWAY_TIMEOUT);
    Status::timeout("request did not complete within the allotted timeout", 0)
}

/// Completes the reply and writes down what happened.
async fn finish(
    shared: &Shared,
    mut exchange: Exchange,
    result: Result<Reply, Status>,
    stage: Stage,
) -> Reply {
    let mut reply = match result {
        Ok(reply) => reply,
        Err(status) => {
            let reply = reply::status(&status, &exchange.accepted);
            exchange.account.record.status = Some(status);
            reply
        }
    };
    let headers = reply.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-cache, private"));
    }
    if let Some(class) = &exchange.class {
        class.write(headers);
    }
    let record = &mut exchange.account.record;
    if let Ok(mut id) = http::HeaderValue::from_str(&record.audit_id) {
        // No two are the same: in HTTP/2's table of headers it would only take room from others.
        id.set_sensitive(true);
        headers.insert(AUDIT_ID, id);
    }
    warnings::write(&mut reply, &exchange.context.warnings.lock());
    record.code = reply.status().as_u16();
    if let Some(span) = exchange.span.take() {
        end(span, record);
    }
    record.annotations.append(&mut exchange.context.audit.lock());
    let streams = exchange.account.info.is_long_running() && reply.status().as_u16() < 300;
    let route = shared.metrics.route(&exchange.counts());
    shared.metrics.answered(&route, reply.status());
    if streams {
        let counted = shared.metrics.streaming(&route);
        exchange.account.reached(Stage::ResponseStarted).await;
        let upgraded = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
        let (parts, body) = reply.into_parts();
        let Exchange { account, in_use, session, .. } = exchange;
        // The account ends with the stream.
        if upgraded {
            session.keep((counted, account, in_use));
            return Reply::from_parts(parts, body);
        }
        return Reply::from_parts(parts, reply::guarded(body, (counted, account, in_use)));
    }
    let reply = keep_objects(&mut exchange, reply).await;
    let account = &mut exchange.account;
    // As upstream: what nobody knows the sender of is told of once, and at this stage.
    let refused = account.record.user.is_none() && account.record.code == 401;
    account.ended(if refused { Stage::ResponseStarted } else { stage }).await;
    let outside = exchange.waited + *exchange.context.webhooks.lock();
    let timing = Timing { env: shared.env.clone(), started: exchange.started, outside };
    shared.metrics.measure(route, timing, reply)
}

/// Tells what came of the request. The span of a stream ends when it begins to flow.
fn end(mut span: Span, record: &Record) {
    span.text("audit-id", record.audit_id.as_str());
    span.number("http.status_code", record.code.into());
    if record.code >= 500 {
        span.failed();
    }
}

/// Keeps what was sent and answered, where the policy wants it. Such an answer is put together whole.
async fn keep_objects(exchange: &mut Exchange, reply: Reply) -> Reply {
    exchange.account.keep_request();
    let Account { info, record, verdict, .. } = &mut exchange.account;
    let Verdict { level, omit_managed_fields, .. } = *verdict;
    // What others answer is theirs, and may have no end.
    if level < Level::RequestResponse
        || info.resource.is_none()
        || exchange.is_passed_on
        || info.is_long_running()
    {
        return reply;
    }
    let (parts, body) = reply.into_parts();
    let Ok(whole) = body.collect().await.map(|body| body.to_bytes()) else {
        return reply::status(&Status::internal_error("the answer broke off"), &exchange.accepted);
    };
    let plain = match parts.headers.contains_key(CONTENT_ENCODING) {
        true => reply::unpacked(&whole),
        false => whole.clone(),
    };
    record.response_object = audit::object_of(&plain, omit_managed_fields);
    Reply::from_parts(parts, reply::full(whole))
}
