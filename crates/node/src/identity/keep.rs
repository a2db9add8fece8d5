//! Certificates that are renewed before they end, while the agent runs.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ironclad_api::{Object, ObjectKey};
use ironclad_client::{Client, Request, Target};
use ironclad_env::{Env, Environment};
use ironclad_pki::ca::CertificateAuthority;
use ironclad_pki::issue::{LEAF_LIFETIME, Template};
use ironclad_pki::key::PrivateKey;
use ironclad_pki::signers::Signer;
use ironclad_pki::subject::Subject;
use ironclad_pki::tls::CertificateSlot;
use rustls_pki_types::PrivateKeyDer;
use serde_json::Value;
use tokio::sync::watch;

use super::IdentityError;
use super::file::Pair;
use super::request::obtain;
use crate::api;

/// Between two looks. Certificates are renewed when a third of their life is left.
const LOOK: Duration = Duration::from_secs(600);
/// After a failure to get a certificate.
const RETRY: Duration = Duration::from_secs(30);
/// Pauses until the Node says where it is: it is registered at the start, but the API may be away for long.
const SOON: Duration = Duration::from_millis(200);
const LATE: Duration = Duration::from_secs(10);

/// Whether the agent's server shows a certificate that the cluster believes.
pub type Served = watch::Receiver<bool>;

/// Renews the node's client certificate for ever.
pub async fn keep_client(
    env: Env,
    client: Arc<dyn Client>,
    slot: Arc<CertificateSlot>,
    file: PathBuf,
    node: String,
) {
    let template = Template::node_client(&node);
    loop {
        env.sleep(LOOK).await;
        let due = match Pair::load(&file) {
            Ok(Some(pair)) => pair.leaf().is_none_or(|leaf| leaf.window.is_due(env.now())),
            Ok(None) => true,
            Err(error) => {
                tracing::error!(%error, "the node's client certificate cannot be read");
                true
            }
        };
        if due {
            let renewed =
                renew(&env, &*client, Signer::ApiServerClientKubelet, &template, &slot, &file).await;
            match renewed {
                Ok(_) => tracing::info!("the node's client certificate is renewed"),
                Err(error) => tracing::error!(%error, "the node's client certificate is not renewed"),
            }
        }
    }
}

/// Gets the serving certificate for the addresses of this node's object, and renews it for ever: before its end,
/// and when the addresses change. `slot` shows something provisional until then.
pub async fn keep_serving(
    env: Env,
    client: Arc<dyn Client>,
    slot: Arc<CertificateSlot>,
    file: PathBuf,
    node: String,
    served: watch::Sender<bool>,
) {
    let mut current = Pair::load(&file).ok().flatten();
    if let Some(pair) = &current {
        let (chain, key) = pair.to_tls();
        // What cannot be shown is replaced below.
        current = slot.replace(chain, key).is_ok().then_some(current).flatten();
    }
    let mut pause = SOON;
    loop {
        let addresses = addresses(&*client, &node).await;
        if addresses.is_empty() {
            env.sleep(pause).await;
            pause = (pause * 2).min(LATE);
            continue;
        }
        pause = SOON;
        let template = Template::node_serving(&node, Vec::new(), addresses);
        if serves(current.as_ref(), &template, &*env) {
            served.send_replace(true);
            env.sleep(LOOK).await;
            continue;
        }
        match renew(&env, &*client, Signer::KubeletServing, &template, &slot, &file).await {
            Ok(pair) => current = Some(pair),
            Err(error) => {
                tracing::warn!(%error, "the agent has no serving certificate");
                env.sleep(RETRY).await;
            }
        }
    }
}

/// Whether a pair says what it is to say, and will for a while.
fn serves(pair: Option<&Pair>, wanted: &Template, env: &dyn Environment) -> bool {
    pair.and_then(Pair::leaf).is_some_and(|leaf| {
        !leaf.window.is_due(env.now())
            && leaf.subject == wanted.subject
            && leaf.sans.lacks(&wanted.sans).is_empty()
    })
}

async fn renew(
    env: &Env,
    client: &dyn Client,
    signer: Signer,
    template: &Template,
    slot: &CertificateSlot,
    file: &std::path::Path,
) -> Result<Pair, IdentityError> {
    let pair = obtain(env, client, signer, template).await?;
    pair.save(file)?;
    let (chain, key) = pair.to_tls();
    slot.replace(chain, key)?;
    Ok(pair)
}

/// Where the Node is, by its object; nothing while there is none.
async fn addresses(client: &dyn Client, node: &str) -> Vec<IpAddr> {
    let target = Target::object(api::nodes(), &ObjectKey::cluster(node));
    client.call(Request::get(target)).await.map(|node| addresses_of(&node)).unwrap_or_default()
}

fn addresses_of(node: &Object) -> Vec<IpAddr> {
    let all = node.at(&["status", "addresses"]).and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|address| address["address"].as_str()?.parse().ok()).collect()
}

/// A certificate that nobody believes, to serve with until there is one.
pub fn provisional(env: &Env) -> Result<Arc<CertificateSlot>, IdentityError> {
    let serial = || {
        let mut bytes = [0; 16];
        env.fill(&mut bytes);
        bytes
    };
    let authority = CertificateAuthority::generate("provisional", env.now(), serial())?;
    let key = PrivateKey::generate()?;
    let template = Template::server(Subject::new("provisional", &[]), Vec::new(), Vec::new());
    let leaf = authority.issue(&template, key.public_key(), LEAF_LIFETIME, env.now(), serial())?;
    Ok(CertificateSlot::new(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.to_pkcs8()))?)
}

#[cfg(test)]
mod tests {
    use ironclad_env::SimEnv;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_serving_certificate_is_for_every_address_that_is_one() {
        let node = json!({"status": {"addresses": [
            {"type": "InternalIP", "address": "10.0.0.1"},
            {"type": "InternalIP", "address": "fd00::1"},
            {"type": "Hostname", "address": "n1"},
        ]}});
        let node = Object::from_value(node).expect("an object");
        let expected: Vec<IpAddr> = ["10.0.0.1", "fd00::1"].map(|ip| ip.parse().expect("an address")).into();
        assert_eq!(addresses_of(&node), expected);
        assert_eq!(addresses_of(&Object::default()), Vec::<IpAddr>::new());
    }

    #[test]
    fn a_certificate_is_renewed_in_its_last_third_and_for_new_addresses() {
        let env = SimEnv::new(1).shared();
        let ca = CertificateAuthority::generate("kubernetes", env.now(), [1; 16]).expect("a CA");
        let wanted = |ip: [u8; 4]| Template::node_serving("n1", Vec::new(), vec![ip.into()]);
        let key = PrivateKey::generate().expect("a key");
        let check = |ip: [u8; 4], lifetime: Duration, good: bool| {
            let template = wanted([10, 0, 0, 1]);
            let leaf =
                ca.issue(&template, key.public_key(), lifetime, env.now(), [2; 16]).expect("a certificate");
            let key = PrivateKey::from_pem(key.to_pem().as_bytes()).expect("a key");
            let pair = Pair { chain: vec![leaf], key };
            assert_eq!(serves(Some(&pair), &wanted(ip), &*env), good, "{ip:?} {lifetime:?}");
        };
        check([10, 0, 0, 1], LEAF_LIFETIME, true);
        check([10, 0, 0, 2], LEAF_LIFETIME, false);
        // Backdated by five minutes: most of so short a life is over.
        check([10, 0, 0, 1], Duration::from_secs(60), false);
        assert!(!serves(None, &wanted([10, 0, 0, 1]), &*env));
    }
}
