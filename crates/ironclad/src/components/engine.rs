//! The resource engine with its kinds, who may do what, and admission.

use std::sync::Arc;

use ironclad_admission::{Outside, Plugins};
use ironclad_auth::authenticate::bootstrap_tokens::BootstrapTokens;
use ironclad_auth::authenticate::legacy_service_account::LegacyServiceAccountTokens;
use ironclad_auth::authenticate::service_account::ServiceAccountTokens;
use ironclad_auth::authenticate::tokens::Tokens;
use ironclad_auth::{AllRules, NodeAuthorizer, Rbac, Union, bootstrap};
use ironclad_client::{Cache, Deferred};
use ironclad_engine::gate::TokenAuthenticator;
use ironclad_engine::{Authorizer, Engine, Parts, Registry, ServerClient};
use ironclad_env::BoxFuture;
use ironclad_kinds::Services;
use ironclad_pki::token::{TokenSigner, TokenVerifier, VerificationKey};
use ironclad_webhook::Caller;

use super::{Component, Context};
use crate::encryption_at_rest;
use crate::failure::Failure;
use crate::service_addresses::ServiceAddresses;
use crate::token_issuer::Issuer;

pub struct StartEngine;

impl Component for StartEngine {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(start(context))
    }
}

/// The engine is built from parts that read its cache: they get a deferred one, filled at the end.
async fn start(context: &mut Context) -> Result<String, Failure> {
    let deferred = Arc::new(Deferred::default());
    let cache: Arc<dyn Cache> = deferred.clone();
    let roles = bootstrap::objects().map_err(|error| Failure::failed(error, ""))?;
    let rbac = Rbac::new(cache.clone());
    let node = Arc::new(NodeAuthorizer::new(cache.clone(), &roles));
    let rules = AllRules::new(vec![node.clone(), rbac.clone()]);
    let authorizer: Arc<dyn Authorizer> = Union::new(vec![node, rbac.clone()]);
    let verifier = verifier(context)?;
    let tokens: Arc<dyn TokenAuthenticator> = Tokens::new(vec![
        LegacyServiceAccountTokens::new(cache.clone(), verifier.clone()),
        ServiceAccountTokens::new(context.env.clone(), cache.clone(), verifier.clone()),
        BootstrapTokens::new(context.env.clone(), cache.clone(), verifier.api_audiences),
    ]);
    let services = Services {
        authorizer: authorizer.clone(),
        rules,
        tokens: tokens.clone(),
        issuer: Arc::new(Issuer::new(context.env.clone(), context.config.token_issuer(), signer(context))),
        pod_network: context.config.pod_network(),
        service_network: context.config.service_network(),
    };
    let registry = Registry::new(ironclad_kinds::all(&services));
    let addresses = ServiceAddresses::new(context.env.clone(), cache.clone());
    let caller = Caller::new(context.env.clone(), addresses);
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
    parts.at_rest = Arc::new(encryption_at_rest::open(&context.config, &context.env)?);
    let engine = Engine::start(parts).await.map_err(|error| {
        let next = "restore a backup of the store, or move it away to start empty";
        Failure::of("the cluster's state cannot be served", &error, next)
    })?;
    deferred.fill(engine.cache());
    server.fill(&engine);
    let detail = format!("{} kinds", engine.registry().kinds().all().len());
    context.made.engine = Some(engine);
    context.made.authorizer = Some(authorizer);
    context.made.tokens = Some(tokens);
    context.made.caller = Some(caller);
    Ok(detail)
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
