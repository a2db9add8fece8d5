//! Who is let in and what they may do, beyond what every cluster has: by files of the administrator's, which are
//! followed while the program runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{GroupVersionKind, Object};
use ironclad_auth::authenticate::jwt::{Configuration, JwtTokens, Reloadable};
use ironclad_auth::authenticate::webhook::{self, WebhookTokens};
use ironclad_auth::authorize::{BuiltIn, Chain};
use ironclad_auth::{Anonymous, NodeAuthorizer, Rbac};
use ironclad_client::Cache;
use ironclad_engine::gate::TokenAuthenticator;
use ironclad_env::{Env, Task};
use ironclad_webhook::{Caller, Patience, Remote};

use crate::config::Config;
use crate::failure::{Exit, Failure};

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What follows from the files for tokens.
pub struct Tokens {
    /// To be asked after the cluster's own.
    pub authenticators: Vec<Arc<dyn TokenAuthenticator>>,
    pub anonymous: Anonymous,
    pub following: Vec<Task>,
}

/// Issuers and the webhook for tokens. `own` are the cluster's issuers and the API's audiences.
pub fn tokens(config: &Config, env: &Env, caller: &Arc<Caller>, own: Vec<String>) -> Result<Tokens, Failure> {
    let mut tokens =
        Tokens { authenticators: Vec::new(), anonymous: Anonymous::everywhere(), following: Vec::new() };
    if let Some(path) = given(&config.api.authentication) {
        issuers(&mut tokens, path, env, caller, own.clone())?;
    }
    if let Some(path) = given(&config.api.token_webhook.kubeconfig) {
        let remote = remote(env, path)?;
        let ironclad = &config.api.token_webhook;
        let settings = webhook::Settings {
            remote,
            version: ironclad.version,
            kept_for: ironclad.cache_ttl,
            patience: Patience::USUAL,
        };
        tokens.authenticators.push(WebhookTokens::new(env.clone(), settings, own));
    }
    Ok(tokens)
}

fn issuers(
    tokens: &mut Tokens,
    path: &Path,
    env: &Env,
    caller: &Arc<Caller>,
    own: Vec<String>,
) -> Result<(), Failure> {
    let text = read(path)?;
    let Configuration { issuers, anonymous } =
        Configuration::parse(&text, &own).map_err(|error| wrong(path, "authentication", error))?;
    tokens.anonymous = anonymous.unwrap_or(Anonymous::everywhere());
    let make = {
        let (env, caller, own) = (env.clone(), caller.clone(), own.clone());
        move |issuers| JwtTokens::new(env.clone(), &caller, issuers, own.clone())
    };
    let current = Reloadable::new(make(issuers));
    tokens.authenticators.push(current.clone());
    let changed = move |text: &[u8]| {
        let configuration = Configuration::parse(text, &own).map_err(|error| error.to_string())?;
        current.replace(make(configuration.issuers));
        Ok(())
    };
    tokens.following.push(follow(env, path, text, LOOK, changed));
    Ok(())
}

/// Who is asked whether a request is allowed.
pub struct Access {
    pub chain: Arc<Chain>,
    pub rbac: Arc<Rbac>,
    pub following: Option<Task>,
}

/// `roles` are the bootstrap objects.
pub fn authorizer(
    config: &Config,
    env: &Env,
    cache: &Arc<dyn Cache>,
    roles: &[(GroupVersionKind, Object)],
) -> Result<Access, Failure> {
    let rbac = Rbac::new(cache.clone());
    let built_in = BuiltIn {
        env: env.clone(),
        node: Arc::new(NodeAuthorizer::new(cache.clone(), roles)),
        rbac: rbac.clone(),
        patience: Patience::USUAL,
    };
    let Some(path) = given(&config.api.authorization) else {
        return Ok(Access { chain: Chain::standard(built_in), rbac, following: None });
    };
    let text = read(path)?;
    let chain = Chain::configured(built_in, &text).map_err(|error| wrong(path, "authorization", error))?;
    let current = chain.clone();
    let changed = move |text: &[u8]| current.reload(text).map_err(|error| error.to_string());
    let following = follow(env, path, text, LOOK, changed);
    Ok(Access { chain, rbac, following: Some(following) })
}

/// A server that a kubeconfig describes.
pub fn remote(env: &Env, path: &Path) -> Result<Remote, Failure> {
    Remote::load(env.clone(), path).map_err(|error| {
        let doing = format!("the webhook of {} cannot be used", path.display());
        Failure { exit: Exit::Usage, ..Failure::of(&doing, &error, "") }
    })
}

pub fn given(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot read {}: {error}", path.display()), ""))
}

fn wrong(path: &Path, what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, format!("the {what} configuration {} is wrong: {error}", path.display()), "")
}

/// Tells of every other text that the file comes to have; one that is wrong changes nothing.
fn follow(
    env: &Env,
    path: &Path,
    mut last: Vec<u8>,
    every: Duration,
    changed: impl Fn(&[u8]) -> Result<(), String> + Send + Sync + 'static,
) -> Task {
    let (path, clock): (PathBuf, Env) = (path.to_owned(), env.clone());
    let looking = async move {
        loop {
            clock.sleep(every).await;
            let file = path.clone();
            let text = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
            // Between the old file and the new one there may be none.
            let Ok(Ok(text)) = text else { continue };
            if text == last {
                continue;
            }
            match changed(&text) {
                Ok(()) => tracing::info!(path = %path.display(), "the new file is in use"),
                Err(error) => tracing::error!(path = %path.display(), error, "the new file is not used"),
            }
            last = text;
        }
    };
    env.spawn("configuration file", Box::pin(looking))
}

#[cfg(test)]
mod tests {
    use ironclad_client::Deferred;
    use ironclad_engine::gate::{Attributes, Authorizer, Decision};
    use ironclad_env::RealEnv;
    use ironclad_webhook::resolver::NoServices;

    use super::*;

    const DENY: &str = "apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers: [{type: AlwaysDeny, name: alwaysdeny}]
";

    #[tokio::test]
    async fn the_file_that_is_named_must_be_there_and_right() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("authorization.yaml");
        let mut config = Config::default();
        config.api.authorization.clone_from(&path);
        let cache: Arc<dyn Cache> = Arc::new(Deferred::default());
        let open = || authorizer(&config, &RealEnv::shared(), &cache, &[]);
        assert_eq!(open().err().map(|failure| failure.exit), Some(Exit::Usage));
        std::fs::write(&path, DENY.replace("alwaysdeny", "other")).expect("written");
        let refused = open().err().map(|failure| failure.what).unwrap_or_default();
        let why = "is wrong: expected name alwaysdeny for authorizer AlwaysDeny instead of other";
        assert!(refused.ends_with(why), "{refused}");
        std::fs::write(&path, DENY).expect("written");
        let access = open().unwrap_or_else(|failure| panic!("{failure}"));
        let decision = access.chain.authorize(&Attributes::default()).await;
        assert_eq!(decision, Decision::NoOpinion { reason: "Everything is forbidden.".into() });
        access.following.iter().for_each(Task::abort);
    }

    #[tokio::test]
    async fn every_other_text_of_a_file_is_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "a").expect("written");
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let changed = move |text: &[u8]| {
            let _ = told.send(String::from_utf8_lossy(text).into_owned());
            if text == b"b" { Err("wrong".to_owned()) } else { Ok(()) }
        };
        let every = Duration::from_millis(1);
        let task = follow(&RealEnv::shared(), &path, b"a".to_vec(), every, changed);
        for text in ["b", "c", "a"] {
            let new = folder.path().join("new");
            std::fs::write(&new, text).expect("written");
            std::fs::rename(new, &path).expect("renamed");
            assert_eq!(heard.recv().await.as_deref(), Some(text));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(heard.try_recv().is_err());
        task.abort();
    }

    #[test]
    fn without_files_there_is_only_the_cluster_itself() {
        let caller = Caller::new(RealEnv::shared(), Arc::new(NoServices));
        let tokens = tokens(&Config::default(), &RealEnv::shared(), &caller, vec!["https://own".into()]);
        let tokens = tokens.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!((tokens.authenticators.len(), tokens.anonymous), (0, Anonymous::everywhere()));
    }
}
