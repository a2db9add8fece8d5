//! What the steps of the pipeline decided, and how long that took.

use std::time::Duration;

use ironclad_engine::Decision;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, exponential_buckets,
};

pub struct Steps {
    authenticated: Outcome,
    /// Failures, errors.
    not_authenticated: [Outcome; 2],
    users: Users,
    allowed: Outcome,
    /// Denied, nobody's opinion, errors.
    not_allowed: [Outcome; 3],
}

/// One result: how often, and how long it took.
struct Outcome {
    count: IntCounter,
    seconds: Histogram,
}

/// Names of users must not become labels: a few that everybody has, and kinds of names.
struct Users {
    known: [(&'static str, IntCounter); 5],
    email: IntCounter,
    other: IntCounter,
}

/// How authorization ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authorized {
    Allowed,
    Denied,
    NoOpinion,
    Error,
}

impl From<&Decision> for Authorized {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Allow { .. } => Self::Allowed,
            Decision::Deny { .. } => Self::Denied,
            Decision::NoOpinion { .. } => Self::NoOpinion,
            Decision::Failed { .. } => Self::Error,
        }
    }
}

impl Steps {
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let authentication = Family::new(
            registry,
            ("authentication_attempts", "Counter of authenticated attempts."),
            ("authentication_duration_seconds", "Authentication duration in seconds broken out by result."),
        )?;
        let authorization = Family::new(
            registry,
            (
                "authorization_attempts_total",
                "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
            ),
            ("authorization_duration_seconds", "Authorization duration in seconds broken out by result."),
        )?;
        Ok(Self {
            authenticated: authentication.of("success"),
            not_authenticated: ["failure", "error"].map(|result| authentication.of(result)),
            users: Users::new(registry)?,
            allowed: authorization.of("allowed"),
            not_allowed: ["denied", "no-opinion", "error"].map(|result| authorization.of(result)),
        })
    }

    pub fn authenticated(&self, user: &str, took: Duration) {
        self.authenticated.happened(took);
        self.users.of(user).inc();
    }

    /// The credentials were wrong.
    pub fn not_authenticated(&self, took: Duration) {
        let [_, error] = &self.not_authenticated;
        error.happened(took);
    }

    pub fn authorized(&self, how: Authorized, took: Duration) {
        let [denied, no_opinion, error] = &self.not_allowed;
        let outcome = match how {
            Authorized::Allowed => &self.allowed,
            Authorized::Denied => denied,
            Authorized::NoOpinion => no_opinion,
            Authorized::Error => error,
        };
        outcome.happened(took);
    }
}

struct Family {
    counts: IntCounterVec,
    seconds: HistogramVec,
}

impl Family {
    fn new(registry: &Registry, count: (&str, &str), seconds: (&str, &str)) -> prometheus::Result<Self> {
        let counts = IntCounterVec::new(Opts::new(count.0, count.1), &["result"])?;
        let buckets = exponential_buckets(0.001, 2.0, 15)?;
        let seconds =
            HistogramVec::new(HistogramOpts::new(seconds.0, seconds.1).buckets(buckets), &["result"])?;
        registry.register(Box::new(counts.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { counts, seconds })
    }

    fn of(&self, result: &str) -> Outcome {
        Outcome {
            count: self.counts.with_label_values(&[result]),
            seconds: self.seconds.with_label_values(&[result]),
        }
    }
}

impl Outcome {
    fn happened(&self, took: Duration) {
        self.count.inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

impl Users {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "authenticated_user_requests",
                "Counter of authenticated requests broken out by username.",
            ),
            &["username"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let of = |name| requests.with_label_values(&[name]);
        let known = ["admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"];
        Ok(Self { known: known.map(|name| (name, of(name))), email: of("email_id"), other: of("other") })
    }

    fn of(&self, name: &str) -> &IntCounter {
        match self.known.iter().find(|(known, _)| *known == name) {
            Some((_, counter)) => counter,
            None if name.contains('@') => &self.email,
            None => &self.other,
        }
    }
}
