//! Authentication in figures, by upstream's names. They are the process's: there is one way in.

use std::sync::LazyLock;
use std::time::Duration;

use ironclad_env::Env;
use jiff::SignedDuration;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntGauge, Opts, register_histogram, register_histogram_vec,
    register_int_counter_vec, register_int_gauge_vec,
};

const CONSTANT: &str = "names and labels are constants";

static TOKENS: LazyLock<TokenCache> = LazyLock::new(TokenCache::registered);

static CERTIFICATES: LazyLock<Histogram> = LazyLock::new(|| {
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 24.0 * HOUR;
    let options = HistogramOpts::new(
        "apiserver_client_certificate_expiration_seconds",
        "Distribution of the remaining lifetime on the certificate used to authenticate a request.",
    );
    let days = [1.0, 2.0, 4.0, 7.0, 30.0, 90.0, 180.0, 360.0].map(|days| days * DAY);
    let buckets = [&[0.0, HOUR / 2.0, HOUR, 2.0 * HOUR, 6.0 * HOUR, 12.0 * HOUR], &days[..]].concat();
    register_histogram!(options.buckets(buckets)).expect(CONSTANT)
});

/// Counts a certificate that somebody has shown and that was believed, by the time that it has left.
pub fn certificate(left: SignedDuration) {
    CERTIFICATES.observe(left.as_secs_f64());
}

struct TokenCache {
    hits: Answers,
    misses: Answers,
    fetched: IntCounter,
    failed: IntCounter,
    fetching: IntGauge,
}

struct Answers {
    count: IntCounter,
    seconds: Histogram,
}

impl TokenCache {
    fn registered() -> Self {
        const LABEL: [&str; 1] = ["status"];
        /// Upstream says nothing of these; the library insists.
        const HELP: &str = "Cache of tokens.";
        let counter = |name: &str| register_int_counter_vec!(Opts::new(name, HELP), &LABEL).expect(CONSTANT);
        let requests = counter("authentication_token_cache_request_total");
        let fetches = counter("authentication_token_cache_fetch_total");
        let seconds = HistogramOpts::new("authentication_token_cache_request_duration_seconds", HELP);
        let seconds = register_histogram_vec!(seconds, &LABEL).expect(CONSTANT);
        let active = Opts::new("authentication_token_cache_active_fetch_count", HELP);
        let active = register_int_gauge_vec!(active, &LABEL).expect(CONSTANT);
        let answers = |status: &str| Answers {
            count: requests.with_label_values(&[status]),
            seconds: seconds.with_label_values(&[status]),
        };
        Self {
            hits: answers("hit"),
            misses: answers("miss"),
            fetched: fetches.with_label_values(&["ok"]),
            failed: fetches.with_label_values(&["error"]),
            fetching: active.with_label_values(&["in_flight"]),
        }
    }
}

/// A token is looked up among those that are known.
pub struct Lookup<'a> {
    env: &'a Env,
    since: Duration,
}

/// A token that was not known is looked at, until this is dropped.
pub struct Fetch<'a> {
    lookup: Lookup<'a>,
    good: bool,
}

impl<'a> Lookup<'a> {
    pub fn begin(env: &'a Env) -> Self {
        Self { env, since: env.elapsed() }
    }

    pub fn hit(self) {
        self.end(&TOKENS.hits);
    }

    pub fn miss(self) -> Fetch<'a> {
        TOKENS.fetching.inc();
        Fetch { lookup: self, good: false }
    }

    fn end(&self, answers: &Answers) {
        answers.count.inc();
        answers.seconds.observe(self.env.elapsed().saturating_sub(self.since).as_secs_f64());
    }
}

impl Fetch<'_> {
    /// What came of it. That a token is nobody's is an answer, too.
    pub fn ended<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.good = result.is_ok();
        result
    }
}

impl Drop for Fetch<'_> {
    fn drop(&mut self) {
        TOKENS.fetching.dec();
        if self.good {
            TOKENS.fetched.inc()
        } else {
            TOKENS.failed.inc()
        }
        self.lookup.end(&TOKENS.misses);
    }
}

#[cfg(test)]
mod tests {
    use ironclad_env::SimEnv;

    use super::*;

    /// Others count meanwhile, in the same process: what is looked at is what can only grow.
    #[test]
    fn what_is_known_is_a_hit_and_what_is_not_is_fetched() {
        let env = SimEnv::new(1).shared();
        let read = || {
            [TOKENS.hits.count.get(), TOKENS.misses.count.get(), TOKENS.fetched.get(), TOKENS.failed.get()]
        };
        let check = |act: &dyn Fn(), grown: [bool; 4]| {
            let before = read();
            act();
            let after = read();
            let least = before.iter().zip(&after).zip(grown).all(|((b, a), grown)| !grown || a > b);
            assert!(least, "{before:?} {after:?} {grown:?}");
        };
        check(&|| Lookup::begin(&env).hit(), [true, false, false, false]);
        let fetch = |result: Result<(), ()>| assert_eq!(Lookup::begin(&env).miss().ended(result), result);
        check(&|| fetch(Ok(())), [false, true, true, false]);
        check(&|| fetch(Err(())), [false, true, false, true]);
        check(&|| drop(Lookup::begin(&env).miss()), [false, true, false, true]);
    }
}
