//! The HTTPS server.

use std::sync::Arc;
use std::time::Duration;

use ironclad_apiserver::{
    Aggregation, Backends, Config, FrontProxy, Oidc, Parts, Server, StartError, StoredBytes, Version, audit,
};
use ironclad_auth::Authenticators;
use ironclad_env::BoxFuture;
use ironclad_pki::bundle::FRONT_PROXY_USER;
use ironclad_pki::certificate::CertificateError;
use ironclad_pki::tls::{self, TlsError, Trust};
use ironclad_pki::token::{self, VerificationKey};
use ironclad_traces::{Service, Tracer};
use ironclad_webhook::{Patience, Remote};

use super::{Component, Context, Identities};
use crate::access;
use crate::config::AuditWebhook;
use crate::failure::{Exit, Failure};
use crate::health;
use crate::service_addresses::ServiceAddresses;

/// How long requests that are under way may take when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct ApiServer(Option<Server>);

impl Component for ApiServer {
    fn name(&self) -> &'static str {
        "API server"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let parts =
                parts(context).map_err(|error| Failure::of("the API server cannot start", &*error, ""))?;
            let config =
                config(context).map_err(|error| Failure::of("the API server cannot start", &*error, ""))?;
            let server = Server::start(config, parts).await.map_err(|error| failure(&error))?;
            let detail = format!("https://{}", server.address);
            self.0 = Some(server);
            Ok(detail)
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(server) = self.0.take() {
                server.shutdown().await;
            }
        })
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

fn config(context: &Context) -> Result<Config, Error> {
    let port = context.config.api.listen.port();
    let advertise = std::net::SocketAddr::new(context.machine.api_address(&context.config), port).to_string();
    let oidc = oidc(context, &advertise)?;
    Ok(Config {
        listen: context.config.api.listen,
        identity: context.made.identities().slots.api_server.clone(),
        version: Version::new(env!("IRONCLAD_COMMIT"), env!("IRONCLAD_COMMIT_DATE")),
        audit: audit(context)?,
        oidc: Some(oidc),
        drain: DRAIN,
        advertise,
    })
}

fn audit(context: &Context) -> Result<audit::Plan, Error> {
    let api = &context.config.api;
    let policy = match api.audit_policy.as_os_str().is_empty() {
        true => audit::Policy::default(),
        false => {
            let path = api.audit_policy.display();
            let text =
                std::fs::read(&api.audit_policy).map_err(|error| format!("cannot read {path}: {error}"))?;
            audit::Policy::parse(&text).map_err(|error| format!("{path} is no audit policy: {error}"))?
        }
    };
    let file = api.audit.then(|| audit::Settings::at(context.config.log().join("audit.log")));
    let webhook = match access::given(&api.audit_webhook.kubeconfig) {
        Some(path) => Some(audit_webhook(&api.audit_webhook, Remote::load(context.env.clone(), path)?)),
        None => None,
    };
    let strict = webhook.as_ref().is_some_and(|webhook| webhook.mode == audit::webhook::Mode::BlockingStrict);
    if strict && matches!(policy, audit::Policy::Standard) {
        return Err("api.auditWebhook.mode: blocking-strict refuses requests by their first event, RequestReceived, which is \
                    written only by a policy of your own: name one in api.auditPolicy"
            .into());
    }
    Ok(audit::Plan { policy, file, webhook })
}

fn audit_webhook(wanted: &AuditWebhook, remote: Remote) -> audit::webhook::Settings {
    let usual = audit::webhook::Settings::new(remote);
    audit::webhook::Settings {
        mode: wanted.mode,
        largest_event: wanted.truncate.then_some(wanted.truncate_max_event_size),
        buffer: wanted.buffer_size,
        batch: wanted.batch_size,
        wait: wanted.batch_wait,
        per_second: wanted.throttle_qps,
        burst: wanted.throttle_burst,
        patience: Patience { first_wait: wanted.initial_backoff, ..usual.patience },
        ..usual
    }
}

/// What lets others verify service-account tokens.
fn oidc(context: &Context, advertise: &str) -> Result<Oidc, Error> {
    let keys = &context.made.identities().bundle.service_account.verifying;
    let keys: Vec<VerificationKey> =
        keys.iter().cloned().map(VerificationKey::new).collect::<Result<_, _>>()?;
    let uri = format!("https://{advertise}{}", token::JWKS_PATH);
    let configuration = token::openid_configuration(&context.config.token_issuer(), &uri, &keys)?;
    Ok(Oidc { configuration, keys: token::jwks(&keys) })
}

fn parts(context: &Context) -> Result<Parts, Error> {
    let Identities { bundle, .. } = &**context.made.identities();
    Ok(Parts {
        env: context.env.clone(),
        engine: context.made.engine().clone(),
        authenticators: Authenticators {
            client_ca: bundle.cluster_ca.pool()?,
            tokens: context.made.tokens().clone(),
            anonymous: context.made.anonymous().clone(),
        },
        front_proxy: Some(front_proxy(context)?),
        authorizer: context.made.authorizer().clone(),
        backends: Some(backends(context)?),
        aggregation: Some(aggregation(context)),
        checks: health::checks(&context.env, &context.made),
        metrics: Default::default(),
        configuration: configuration(context),
        tracer: tracer(context)?,
        stored_bytes: Some(stored_bytes(context.config.store())),
    })
}

/// What sends traces to the collector that the configuration names, if it names any.
fn tracer(context: &Context) -> Result<Option<Arc<Tracer>>, Error> {
    let Some(path) = access::given(&context.config.api.tracing) else { return Ok(None) };
    let text = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let configuration = ironclad_traces::Configuration::parse(&text)
        .map_err(|error| format!("{} is no tracing configuration: {error}", path.display()))?;
    let service = Service {
        name: "apiserver".into(),
        instance: context.machine.node_name.clone(),
        version: ironclad_api::version::GIT_VERSION.into(),
    };
    Ok(Some(Tracer::start(context.env.clone(), &configuration, service)))
}

/// The sizes of the store's files.
fn stored_bytes(folder: std::path::PathBuf) -> StoredBytes {
    Arc::new(move || {
        let files = std::fs::read_dir(&folder).ok()?;
        let sizes = files.map(|file| file?.metadata().map(|known| known.len()));
        sizes.sum::<std::io::Result<u64>>().ok()
    })
}

/// What the program was told; it names files and holds no secrets.
fn configuration(context: &Context) -> serde_json::Value {
    let mut configuration = serde_json::to_value(&*context.config).unwrap_or_default();
    configuration["apiVersion"] = "ironclad.io/v1".into();
    configuration["kind"] = "Configuration".into();
    configuration
}

fn front_proxy(context: &Context) -> Result<FrontProxy, CertificateError> {
    let ca = context.made.identities().bundle.front_proxy_ca.pool()?;
    Ok(FrontProxy { ca, allowed_names: vec![FRONT_PROXY_USER.into()] })
}

fn backends(context: &Context) -> Result<Backends, TlsError> {
    let Identities { bundle, slots } = &**context.made.identities();
    let ours = bundle.cluster_ca.trusted.iter().map(|ca| ca.der().clone()).collect();
    Ok(Backends {
        nodes: Arc::new(tls::client_config(
            &Trust::Roots(ours),
            Some(slots.kubelet_client.clone()),
            tls::HTTP1,
        )?),
        proxied: Arc::new(tls::client_config(&Trust::Insecure, None, tls::HTTP1)?),
    })
}

fn aggregation(context: &Context) -> Aggregation {
    let cache = context.made.engine().cache();
    Aggregation {
        resolver: ServiceAddresses::new(context.env.clone(), cache),
        identity: context.made.identities().slots.front_proxy_client.clone(),
    }
}

fn failure(error: &StartError) -> Failure {
    match error {
        StartError::Listen { .. } => {
            Failure::new(Exit::Machine, error, "free the address or choose another with --api-listen")
        }
        StartError::Audit { .. } => {
            Failure::new(Exit::Machine, error, "make room or make the folder writable")
        }
        _ => Failure::of("the API server cannot start", error, ""),
    }
}
