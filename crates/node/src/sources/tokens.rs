//! Tokens of service accounts, each bound to its pod, renewed before they expire.

use std::collections::BTreeMap;
use std::time::Duration;

use ironclad_api::{Object, ObjectKey};
use ironclad_client::{Request, Target};
use ironclad_env::{Env, EnvironmentExt};
use ironclad_node_core::spec;
use ironclad_node_core::volume::TokenWanted;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use serde_json::json;

use crate::api::{self, Api};

/// A token is renewed after a day at the latest, give or take this, so that not all are at the same time.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);
const JITTER: Duration = Duration::from_secs(10);

/// The tokens in use, by pod and kind. As many as the node's pods have.
pub(crate) struct Tokens {
    env: Env,
    api: Api,
    kept: Mutex<BTreeMap<(String, String), Kept>>,
}

#[derive(Clone)]
struct Kept {
    token: String,
    expires: Timestamp,
    renew_at: Duration,
}

impl Tokens {
    pub(super) fn new(env: Env, api: Api) -> Self {
        Self { env, api, kept: Mutex::default() }
    }

    /// The token, requested or renewed if need be. One that is still good stands in when that fails.
    pub(super) async fn get(&self, pod: &Pod, wanted: &TokenWanted) -> Result<String, String> {
        let key = (spec::uid(pod).to_owned(), wanted.key.clone());
        let kept = self.kept.lock().get(&key).cloned();
        if let Some(kept) = kept.as_ref().filter(|kept| self.env.elapsed() < kept.renew_at) {
            return Ok(kept.token.clone());
        }
        match self.request(pod, wanted).await {
            Ok(fresh) => {
                let token = fresh.token.clone();
                self.kept.lock().insert(key, fresh);
                Ok(token)
            }
            Err(why) => match kept.filter(|kept| self.env.now() < kept.expires) {
                Some(kept) => Ok(kept.token),
                None => Err(format!("failed to fetch token: {why}")),
            },
        }
    }

    pub(super) fn forget(&self, uid: &str) {
        self.kept.lock().retain(|(owner, _), _| owner != uid);
    }

    async fn request(&self, pod: &Pod, wanted: &TokenWanted) -> Result<Kept, String> {
        let pod_spec = spec::of(pod);
        let account =
            pod_spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
        let audiences = if wanted.audience.is_empty() { json!([]) } else { json!([wanted.audience]) };
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": audiences,
                "expirationSeconds": wanted.expiration_s,
                "boundObjectRef": {
                    "apiVersion": "v1", "kind": "Pod", "name": spec::name(pod), "uid": spec::uid(pod),
                },
            },
        });
        let key = ObjectKey::new(spec::namespace(pod), account);
        let target = Target::object(api::service_accounts(), &key).subresource("token");
        let request = Request::create(target, Object::from_value(body).unwrap_or_default());
        let answer = self.api.client.call(request).await.map_err(|status| status.message)?;
        self.read(&answer).ok_or_else(|| "the answer holds no token".to_owned())
    }

    fn read(&self, answer: &Object) -> Option<Kept> {
        let token = answer.str_at(&["status", "token"]).to_owned();
        let expires: Timestamp = answer.str_at(&["status", "expirationTimestamp"]).parse().ok()?;
        let life = Duration::try_from(expires.duration_since(self.env.now())).unwrap_or_default();
        let jitter = JITTER.mul_f64(f64::from(self.env.random_u64() as u32) / f64::from(u32::MAX));
        let renew_at = self.env.elapsed() + (life.mul_f64(0.8)).min(MAX_AGE).saturating_sub(jitter);
        (!token.is_empty()).then_some(Kept { token, expires, renew_at })
    }
}
