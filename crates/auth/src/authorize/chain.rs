//! The authorizers of a configuration in their order. A new configuration takes the place of the old one whole, or
//! not at all.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ironclad_engine::gate::{
    Attributes, Authorizer, Decision, NonResourceRule, ResourceRule, RuleResolver, Rules, User,
};
use ironclad_env::{BoxFuture, Env};
use ironclad_webhook::{Patience, Remote, RemoteError};
use thiserror::Error;

use super::configuration::{self, Configuration, Mode};
use super::webhook::WebhookAuthorizer;
use crate::{AllRules, Union};

/// The authorizers that need no server elsewhere.
#[derive(Clone)]
pub struct BuiltIn {
    pub env: Env,
    pub node: Arc<dyn Member>,
    pub rbac: Arc<dyn Member>,
    /// How often a webhook is called that fails.
    pub patience: Patience,
}

/// One of a chain: decides, and tells what it would allow.
pub trait Member: Authorizer + RuleResolver {}

impl<T: Authorizer + RuleResolver> Member for T {}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{0}")]
    Invalid(String),
    #[error("{}: {error}", path.display())]
    Kubeconfig { path: PathBuf, error: RemoteError },
    #[error("authorizer type {0} is not allowed if it was not enabled at initial server startup")]
    Unavailable(String),
}

/// Asks as the present configuration says.
pub struct Chain {
    built_in: BuiltIn,
    current: ArcSwap<Current>,
    /// The types that later configurations have to keep.
    required: BTreeSet<String>,
}

struct Current {
    authorizer: Arc<Union>,
    rules: Arc<AllRules>,
}

impl Chain {
    /// Node and RBAC, as without a file.
    pub fn standard(built_in: BuiltIn) -> Arc<Self> {
        let usual = [built_in.node.clone(), built_in.rbac.clone()];
        let current = Current::new(usual.to_vec());
        Arc::new(Self { built_in, current: ArcSwap::from_pointee(current), required: BTreeSet::new() })
    }

    /// By a file.
    pub fn configured(built_in: BuiltIn, text: &[u8]) -> Result<Arc<Self>, LoadError> {
        let configuration = Configuration::parse(text, &BTreeSet::new()).map_err(LoadError::Invalid)?;
        let required = configuration.built_in();
        let current = ArcSwap::from_pointee(built_in.make(configuration)?);
        Ok(Arc::new(Self { built_in, current, required }))
    }

    /// Another file. On an error everything stays as it was.
    pub fn reload(&self, text: &[u8]) -> Result<(), LoadError> {
        let configuration = Configuration::parse(text, &self.required).map_err(LoadError::Invalid)?;
        let unknown = configuration.built_in().difference(&self.required).next().cloned();
        // Those that always give the same answer need nothing that is made at the start.
        if let Some(mode) = unknown.filter(|mode| !mode.starts_with("Always")) {
            return Err(LoadError::Unavailable(mode));
        }
        self.current.store(Arc::new(self.built_in.make(configuration)?));
        Ok(())
    }
}

impl BuiltIn {
    fn make(&self, configuration: Configuration) -> Result<Current, LoadError> {
        let authorizers = configuration.authorizers.into_iter().map(|authorizer| self.one(authorizer));
        authorizers.collect::<Result<_, _>>().map(Current::new)
    }

    fn one(&self, authorizer: configuration::Authorizer) -> Result<Arc<dyn Member>, LoadError> {
        Ok(match authorizer.mode {
            Mode::BuiltIn(mode) => match mode.as_str() {
                "Node" => self.node.clone(),
                "RBAC" => self.rbac.clone(),
                "AlwaysAllow" => Arc::new(Always { allows: true }),
                "AlwaysDeny" => Arc::new(Always { allows: false }),
                _ => return Err(LoadError::Unavailable(mode)),
            },
            Mode::Webhook(webhook) => {
                let path = webhook.kubeconfig.clone();
                let remote = Remote::load(self.env.clone(), &path)
                    .map_err(|error| LoadError::Kubeconfig { path, error })?;
                Arc::new(WebhookAuthorizer::new(self.env.clone(), remote, *webhook, self.patience))
            }
        })
    }
}

impl Current {
    fn new(authorizers: Vec<Arc<dyn Member>>) -> Self {
        let rules = authorizers.iter().map(|one| one.clone() as Arc<dyn RuleResolver>).collect();
        let authorizers = authorizers.into_iter().map(|one| one as Arc<dyn Authorizer>).collect();
        Self { authorizer: Union::new(authorizers), rules: AllRules::new(rules) }
    }
}

impl Authorizer for Chain {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        let current = self.current.load_full();
        Box::pin(async move { current.authorizer.authorize(attributes).await })
    }
}

impl RuleResolver for Chain {
    fn rules(&self, user: &User, namespace: &str) -> Rules {
        self.current.load().rules.rules(user, namespace)
    }
}

/// Allows everything, or has no opinion of anything.
struct Always {
    allows: bool,
}

impl Authorizer for Always {
    fn authorize<'a>(&'a self, _: &'a Attributes) -> BoxFuture<'a, Decision> {
        let decision = match self.allows {
            true => Decision::Allow { reason: String::new() },
            false => Decision::NoOpinion { reason: "Everything is forbidden.".into() },
        };
        Box::pin(std::future::ready(decision))
    }
}

impl RuleResolver for Always {
    fn rules(&self, _: &User, _: &str) -> Rules {
        if !self.allows {
            return Rules::default();
        }
        let all = || vec!["*".to_owned()];
        let resource =
            ResourceRule { verbs: all(), api_groups: all(), resources: all(), resource_names: Vec::new() };
        let path = NonResourceRule { verbs: all(), paths: all() };
        Rules { resource_rules: vec![resource], non_resource_rules: vec![path], ..Rules::default() }
    }
}
