//! The keys that Secrets are stored with: those of the file that the configuration names, or of one that is made
//! at the first start. The file is followed: a changed one is used without a restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ironclad_encryption::{Configuration, Encryption, standard};
use ironclad_env::{BoxFuture, Env, EnvironmentExt};
use ironclad_pki::private_file;

use crate::config::Config;
use crate::failure::{Exit, Failure};

/// How long the start waits for key management services, without which stored objects may be unreadable.
const SERVICES: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(1);

/// Reads the keys, makes them if there are none yet, and follows their file from then on.
pub async fn start(config: &Config, env: &Env) -> Result<Arc<Encryption>, Failure> {
    let (path, text, encryption) = open(config, env)?;
    let end = env.elapsed() + SERVICES;
    while let Err(why) = encryption.look().await {
        if env.elapsed() >= end {
            tracing::error!(why, "going on without a key management service");
            break;
        }
        env.sleep(AGAIN).await;
    }
    encryption.tend();
    let path: Arc<Path> = path.into();
    let read = move || {
        let path = path.clone();
        let text = tokio::task::spawn_blocking(move || fs::read(path).ok());
        Box::pin(async move { text.await.ok().flatten() }) as BoxFuture<'static, _>
    };
    encryption.follow(text, Box::new(read));
    Ok(encryption)
}

/// The file's path, what it says, and what that gives.
fn open(config: &Config, env: &Env) -> Result<(PathBuf, Vec<u8>, Arc<Encryption>), Failure> {
    let (path, own) = match config.api.encryption.as_os_str().is_empty() {
        true => (config.data.join("encryption.yaml"), true),
        false => (config.api.encryption.clone(), false),
    };
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && own => make(&path, env),
        read => read,
    };
    let text = text.map_err(|error| {
        let what = format!("the encryption configuration {} cannot be read: {error}", path.display());
        Failure::new(Exit::Machine, what, "")
    })?;
    let configuration = Configuration::parse(&text).map_err(|error| {
        let what = format!("the encryption configuration {} is wrong: {error}", path.display());
        Failure::new(Exit::Usage, what, "")
    })?;
    let encryption = Arc::new(Encryption::new(configuration, env.clone()));
    Ok((path, text, encryption))
}

/// The name of the key is random, so that a value of a lost key is told from one of its successor.
fn make(path: &Path, env: &Env) -> io::Result<Vec<u8>> {
    let mut key = [0; 32];
    env.fill(&mut key);
    let text = standard(&format!("key-{:08x}", env.random_u64() as u32), &key).into_bytes();
    private_file::replace(path, &text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use bytes::Bytes;
    use ironclad_api::GroupResource;
    use ironclad_engine::codec::AtRest;
    use ironclad_env::RealEnv;

    use super::*;

    #[test]
    fn the_first_start_makes_a_key_that_later_ones_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data: folder.path().into(), ..Config::default() };
        let secrets = GroupResource::new("", "secrets");
        let start = || open(&config, &RealEnv::shared()).unwrap_or_else(|failure| panic!("{failure}")).2;
        let sealed = start().seal(&secrets, b"/a", Bytes::from_static(b"{}")).expect("sealed");
        assert!(sealed.starts_with(b"k8s:enc:secretbox:v1:key-"));
        assert_eq!(start().open(&secrets, b"/a", sealed), Ok(Bytes::from_static(b"{}")));
        let mode = fs::metadata(folder.path().join("encryption.yaml")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_named_must_be_there_and_right() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = folder.path().join("named.yaml");
        let mut config = Config { data: folder.path().into(), ..Config::default() };
        config.api.encryption.clone_from(&named);
        let exit = || open(&config, &RealEnv::shared()).err().map(|failure| failure.exit);
        assert_eq!(exit(), Some(Exit::Machine));
        fs::write(&named, "kind: Nothing").expect("written");
        assert_eq!(exit(), Some(Exit::Usage));
    }
}
