//! The resource engine with its kinds, who may do what, and admission.

use std::sync::Arc;

use ironclad_admission::{Outside, Plugins};
use ironclad_auth::authenticate::bootstrap_tokens::BootstrapTokens;
use ironclad_auth::authenticate::legacy_service_account::LegacyServiceAccountTokens;
use ironclad_auth::authenticate::service_account::ServiceAccountTokens;
use ironclad_auth::authenticate::tokens::Tokens;
use ironclad_auth::bootstrap;
use ironclad_client::{Cache, Deferred};
use ironclad_engine::gate::TokenAuthenticator;
use ironclad_engine::{Authorizer, Engine, Parts, Registry, ServerClient};
use ironclad_env::{BoxFuture, Task};
use ironclad_kinds::Services;
use ironclad_pki::token::{TokenSigner, TokenVerifier, VerificationKey};
use ironclad_webhook::Caller;

use super::{Component, Context};
use crate::access::{self, Access};
use crate::encryption_at_rest;
use crate::failure::Failure;
use crate::service_addresses::ServiceAddresses;
use crate::token_issuer::Issuer;

#[derive(Default)]
pub struct StartEngine {
    /// The files that are followed.
    following: Vec<Task>,
}

impl Component for StartEngine {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let (detail, following) = start(context).await?;
            self.following = following;
            Ok(detail)
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.following.iter().for_each(Task::abort);
        Box::pin(std::future::ready(()))
    }
}

/// The engine is built from parts that read its cache: they get a deferred one, filled at the end.
async fn start(context: &mut Context) -> Result<(String, Vec<Task>), Failure> {
    let deferred = Arc::new(Deferred::default());
    let cache: Arc<dyn Cache> = deferred.clone();
    let roles = bootstrap::objects().map_err(|error| Failure::failed(error, ""))?;
    let Access { chain, rbac, following } =
        access::authorizer(&context.config, &context.env, &cache, &roles)?;
    let authorizer: Arc<dyn Authorizer> = chain.clone();
    let addresses = ServiceAddresses::new(context.env.clone(), cache.clone());
    let caller = Caller::new(context.env.clone(), addresses);
    let verifier = verifier(context)?;
    let audiences = verifier.api_audiences.clone();
    let others = access::tokens(&context.config, &context.env, &caller, audiences.clone())?;
    let mut known: Vec<Arc<dyn TokenAuthenticator>> = vec![
        LegacyServiceAccountTokens::new(cache.clone(), verifier.clone()),
        ServiceAccountTokens::new(context.env.clone(), cache.clone(), verifier),
        BootstrapTokens::new(context.env.clone(), cache.clone(), audiences),
    ];
    known.extend(others.authenticators);
    let tokens: Arc<dyn TokenAuthenticator> = Tokens::new(known);
    let services = Services {
        authorizer: authorizer.clone(),
        rules: chain,
        tokens: tokens.clone(),
        issuer: Arc::new(Issuer::new(context.env.clone(), context.config.token_issuer(), signer(context))),
        pod_network: context.config.pod_network(),
        service_network: context.config.service_network(),
    };
    let registry = Registry::new(ironclad_kinds::all(&services));
    let server = Arc::new(ServerClient::default());
    let outside = Outside {
        caller: caller.clone(),
        authorizer: authorizer.clone(),
        rules: rbac.clone(),
        pod_security: Default::default(),
        client: server.clone(),
    };
    let admission = Plugins::standard(context.env.clone(), cache, &outside);
    let store = context.made.store().clone();
    let mut parts = Parts::new(context.env.clone(), store, registry, authorizer.clone(), admission);
    let encryption = encryption_at_rest::start(&context.config, &context.env).await?;
    parts.at_rest = encryption.clone();
    let engine = Engine::start(parts).await.map_err(|error| {
        let next = "restore a backup of the store, or move it away to start empty";
        Failure::of("the cluster's state cannot be served", &error, next)
    })?;
    deferred.fill(engine.cache());
    server.fill(&engine);
    let detail = format!("{} kinds", engine.registry().kinds().all().len());
    context.made.engine = Some(engine);
    context.made.encryption = Some(encryption);
    context.made.authorizer = Some(authorizer);
    context.made.tokens = Some(tokens);
    context.made.anonymous = Some(others.anonymous);
    context.made.caller = Some(caller);
    Ok((detail, others.following.into_iter().chain(following).collect()))
}

fn signer(context: &Context) -> TokenSigner {
    let keys = &context.made.identities().bundle.service_account;
    TokenSigner::new(context.config.token_issuer(), &keys.signing)
}

fn verifier(context: &Context) -> Result<TokenVerifier, Failure> {
    let keys = &context.made.identities().bundle.service_account;
    let keys = keys.verifying.iter().cloned().map(VerificationKey::new).collect::<Result<_, _>>();
    let keys = keys.map_err(|error| {
        Failure::of("a key in pki/sa.pub cannot be used", &error, "remove that key from the file")
    })?;
    let issuer = context.config.token_issuer();
    Ok(TokenVerifier { issuers: vec![issuer.clone()], api_audiences: vec![issuer], keys })
}
