use std::time::Duration;

use ironclad_api::{GroupVersionResource, ObjectKey, time};
use ironclad_client::{Client, Request, Target};
use ironclad_env::RealEnv;
use ironclad_node::identity::cluster_info;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{one_thread, print};
use crate::bootstrap_token::Token;
use crate::cli::{Output, Settings};
use crate::connection;
use crate::failure::{Exit, Failure};

/// Let other machines join
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ironclad token create")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a bootstrap token, and print the command to type on the machine that is to join
    #[command(
        after_help = "Examples:\n  ironclad token create\n  ironclad token create --ttl 30m --output json"
    )]
    Create {
        /// How long it counts, such as 24h or 30m; 0: for ever
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = lifetime)]
        ttl: SignedDuration,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        settings: Settings,
    },
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    if text == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let parsed: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    if parsed.is_positive() { Ok(parsed) } else { Err("it must be longer than nothing".to_owned()) }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Create { ttl, description, output, settings } = &arguments.command;
    let made = one_thread()?.block_on(create(settings, *ttl, description))?;
    if *output == Output::Json {
        return print(&super::json(&json!({
            "token": made.token,
            "server": made.server,
            "caHash": made.pin,
            "expiration": made.end.map(time::format),
            "command": made.command(),
        }))?);
    }
    match made.end {
        Some(end) => eprintln!("Until {} this makes a machine a node:\n", time::format(end)),
        None => eprintln!("This makes a machine a node:\n"),
    }
    print(&made.command())
}

/// An invitation to the cluster.
struct Made {
    token: String,
    server: String,
    /// Of the cluster's CA.
    pin: String,
    end: Option<Timestamp>,
}

impl Made {
    fn command(&self) -> String {
        format!("ironclad agent --server {} --token {} --ca-hash {}", self.server, self.token, self.pin)
    }
}

async fn create(settings: &Settings, ttl: SignedDuration, description: &str) -> Result<Made, Failure> {
    let path = settings.load()?.admin_kubeconfig();
    if !path.exists() {
        let what = format!("there is no cluster on this machine: {} does not exist", path.display());
        return Err(Failure::new(Exit::Instance, what, "tokens are made where the server runs"));
    }
    let client = connection::open(&path, None, "ironclad")
        .map_err(|error| Failure::of("the cluster cannot be asked", &*error, ""))?;
    let env = RealEnv::shared();
    let end = (!ttl.is_zero()).then(|| env.now().checked_add(ttl)).transpose();
    let end = end.map_err(|error| Failure::new(Exit::Usage, format!("--ttl: {error}"), ""))?;
    let maps = GroupVersionResource::new("", "v1", "configmaps");
    let public = Target::object(maps, &ObjectKey::new("kube-public", "cluster-info"));
    let asked = tokio::time::timeout(PATIENCE, client.call(Request::get(public))).await;
    let refused = |what: &dyn std::fmt::Display| {
        let next = "does it run? start it: ironclad up";
        Failure::new(Exit::Instance, format!("the cluster did not answer: {what}"), next)
    };
    let map = asked.map_err(|_| refused(&format!("not within {PATIENCE:?}")))?;
    let map = map.map_err(|status| refused(&status))?;
    let (server, ca) = cluster_info(&map).map_err(|why| {
        Failure::failed(format!("the ConfigMap kube-public/cluster-info is damaged: {why}"), "")
    })?;
    let pin = ca.first().map(|ca| ca.public_key.pin()).unwrap_or_default();
    let token = Token::generate(&*env);
    token.publish(&*client, end, description).await.map_err(|status| refused(&status))?;
    Ok(Made { token: token.text(), server, pin, end })
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_time_or_for_ever() {
        let hours = |n| Some(SignedDuration::from_hours(n));
        for (text, expected) in [
            ("24h", hours(24)),
            ("90m", Some(SignedDuration::from_mins(90))),
            ("0", hours(0)),
            ("-1h", None),
            ("soon", None),
        ] {
            assert_eq!(lifetime(text).ok(), expected, "{text}");
        }
    }
}
