//! Believing tokens.

use jiff::{SignedDuration, Timestamp};

use super::claims::{Claims, NumericDate};
use super::keys::{VerificationKey, open};
use super::{Binding, LEEWAY_SECONDS, ObjectRef, TokenError, groups, username};

/// Whom to believe. Several issuers and keys may be good at once, so that
/// either can be changed without cutting anybody off.
#[derive(Clone, Debug, Default)]
pub struct TokenVerifier {
    /// `iss` values that are ours.
    pub issuers: Vec<String>,
    /// The API server's own audiences: what a token is for that names none, and
    /// what a request wants that asks for none.
    pub api_audiences: Vec<String>,
    pub keys: Vec<VerificationKey>,
}

/// What a token says, once it is known to be genuine and in its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifiedToken {
    pub namespace: String,
    pub service_account: ObjectRef,
    /// The caller must check that these live, by UID; `invalid_if_deleted_before` helps.
    pub binding: Binding,
    /// The `jti`; empty in tokens older than Kubernetes 1.29.
    pub id: String,
    /// Of the token's audiences, those that were asked for.
    pub audiences: Vec<String>,
    /// The `exp`, seconds since 1970.
    pub expires: Option<i64>,
    /// After this the token is one that its holder ought to have renewed.
    pub warn_after: Option<i64>,
}

// === impl TokenVerifier ===

impl TokenVerifier {
    /// Verifies `token` for `audiences` (those of a TokenReview), or for the API
    /// server's own if there are none.
    pub fn verify(
        &self,
        token: &str,
        audiences: Option<&[String]>,
        now: Timestamp,
    ) -> Result<VerifiedToken, TokenError> {
        let claims: Claims = open(token, &self.issuers, &self.keys)?;
        let audiences = self.accepted_audiences(&claims.aud, audiences)?;
        check_times(&claims, now)?;
        verified(claims, audiences)
    }

    /// What both sides name. Upstream accepts none in common only if the API
    /// server has no audience at all.
    fn accepted_audiences(
        &self,
        token: &[String],
        wanted: Option<&[String]>,
    ) -> Result<Vec<String>, TokenError> {
        let token = if token.is_empty() { &self.api_audiences } else { token };
        let wanted = wanted.unwrap_or(&self.api_audiences);
        let both: Vec<String> = token.iter().filter(|audience| wanted.contains(audience)).cloned().collect();
        if both.is_empty() && !self.api_audiences.is_empty() {
            return Err(TokenError::Audience { token: token.to_vec(), wanted: wanted.to_vec() });
        }
        Ok(both)
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
    let leeway = SignedDuration::from_secs(LEEWAY_SECONDS);
    let late = now.checked_add(leeway).unwrap_or(Timestamp::MAX);
    let early = now.checked_sub(leeway).unwrap_or(Timestamp::MIN);
    if claims.nbf.is_some_and(|nbf| late < moment(nbf)) {
        return Err(TokenError::NotYetValid);
    }
    if claims.exp.is_some_and(|exp| early > moment(exp)) {
        return Err(TokenError::Expired);
    }
    if claims.iat.is_some_and(|iat| late < moment(iat)) {
        return Err(TokenError::IssuedInTheFuture);
    }
    Ok(())
}

fn moment(NumericDate(seconds): NumericDate) -> Timestamp {
    let farthest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(farthest)
}

fn verified(claims: Claims, audiences: Vec<String>) -> Result<VerifiedToken, TokenError> {
    let kubernetes = claims.kubernetes;
    if kubernetes.namespace.is_empty() {
        return Err(TokenError::Missing { claim: "namespace" });
    }
    if kubernetes.serviceaccount.name.is_empty() {
        return Err(TokenError::Missing { claim: "serviceaccount" });
    }
    let binding = match (kubernetes.pod, kubernetes.secret, kubernetes.node) {
        (Some(pod), _, node) => Binding::Pod { pod, node },
        (None, Some(secret), _) => Binding::Secret(secret),
        (None, None, Some(node)) => Binding::Node(node),
        (None, None, None) => Binding::None,
    };
    Ok(VerifiedToken {
        namespace: kubernetes.namespace,
        service_account: kubernetes.serviceaccount,
        binding,
        id: claims.jti,
        audiences,
        expires: claims.exp.map(|NumericDate(seconds)| seconds),
        warn_after: kubernetes.warnafter.map(|NumericDate(seconds)| seconds).filter(|&seconds| seconds != 0),
    })
}

// === impl VerifiedToken ===

impl VerifiedToken {
    /// Whether the token, which was good before, still is in its time.
    pub fn check_expiry(&self, now: Timestamp) -> Result<(), TokenError> {
        let early = now.checked_sub(SignedDuration::from_secs(LEEWAY_SECONDS)).unwrap_or(Timestamp::MIN);
        match self.expires {
            Some(expires) if early > moment(NumericDate(expires)) => Err(TokenError::Expired),
            _ => Ok(()),
        }
    }

    pub fn username(&self) -> String {
        username(&self.namespace, &self.service_account.name)
    }

    pub fn groups(&self) -> Vec<String> {
        groups(&self.namespace)
    }

    /// The user's `extra`: credential id, pod and node, each only if known.
    pub fn extra(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut extra = Vec::new();
        if let Binding::Pod { pod, .. } = &self.binding
            && !pod.name.is_empty()
            && !pod.uid.is_empty()
        {
            extra.push(("authentication.kubernetes.io/pod-name", vec![pod.name.clone()]));
            extra.push(("authentication.kubernetes.io/pod-uid", vec![pod.uid.clone()]));
        }
        if !self.id.is_empty() {
            extra.push(("authentication.kubernetes.io/credential-id", vec![format!("JTI={}", self.id)]));
        }
        let node = match &self.binding {
            Binding::Pod { node, .. } => node.as_ref(),
            Binding::Node(node) => Some(node),
            _ => None,
        };
        if let Some(node) = node.filter(|node| !node.name.is_empty()) {
            extra.push(("authentication.kubernetes.io/node-name", vec![node.name.clone()]));
            if !node.uid.is_empty() {
                extra.push(("authentication.kubernetes.io/node-uid", vec![node.uid.clone()]));
            }
        }
        extra
    }

    /// For how many seconds the token has been stale, if it is: what goes into
    /// the audit annotation `authentication.k8s.io/stale-token`.
    pub fn stale_seconds(&self, now: Timestamp) -> Option<i64> {
        let warn_after = self.warn_after?;
        (now > moment(NumericDate(warn_after))).then(|| now.as_second() - warn_after)
    }
}

/// An object whose deletion began before this moment no longer backs a token.
pub fn invalid_if_deleted_before(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_secs(LEEWAY_SECONDS)).unwrap_or(Timestamp::MIN)
}
