//! The DNS process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ironclad_dns::{BindError, Records, Server, Upstreams, ZoneConfig};
use ironclad_env::Env;
use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{DnsOptions, zone_file};

/// The file is looked at this often even if nothing tells of a change.
const LOOK: Duration = Duration::from_secs(10);
/// Several writes in a row are read once.
const GATHER: Duration = Duration::from_millis(10);
/// The link with the addresses may be made a moment later than this process.
const BIND_TRIES: u32 = 50;
const BIND_PAUSE: Duration = Duration::from_millis(100);

/// Serves DNS until cancelled. What the program's hidden `internal dns` runs.
pub async fn serve_dns(options: DnsOptions, env: Env, cancel: CancellationToken) -> Result<(), BindError> {
    let zone = ZoneConfig {
        domain: options.domain.clone(),
        nameservers: options.listen.iter().map(|address| address.ip()).collect(),
        serial: u32::try_from(env.now().as_second()).unwrap_or(u32::MAX),
        ..ZoneConfig::default()
    };
    let server = bind(&options, &zone, &env).await?;
    let publisher = server.publisher();
    let follow = async {
        let changed = Arc::new(Notify::new());
        let _watcher = watch(&options.zone_file, changed.clone());
        let mut published = zone_file::Version::default();
        loop {
            // Looked at before it is read: a file that comes in between is read at the next look.
            let version = zone_file::Version::of(&options.zone_file);
            if version != published
                && let Some(found) = zone_file::read(&options.zone_file)
            {
                publisher.publish(Arc::new(Records::build(&found.services, &found.slices, &zone)));
                published = version;
            }
            tokio::select! {
                () = changed.notified() => env.sleep(GATHER).await,
                () = env.sleep(LOOK) => {}
            }
        }
    };
    tokio::select! {
        () = server.run(cancel) => {}
        () = follow => {}
    }
    Ok(())
}

async fn bind(options: &DnsOptions, zone: &ZoneConfig, env: &Env) -> Result<Server, BindError> {
    let own = options.listen.iter().map(|address| address.ip()).collect();
    let upstreams = Upstreams::ResolvConf { path: options.resolv_conf.clone(), own };
    let mut tries = 0;
    loop {
        match Server::bind(&options.listen, upstreams.clone(), zone, env.clone()) {
            Err(error) if tries >= BIND_TRIES => return Err(error),
            Err(_) => tries += 1,
            bound => return bound,
        }
        env.sleep(BIND_PAUSE).await;
    }
}

/// Watches the folder: the file itself is replaced. Where that cannot be had, looking now and then has to do.
fn watch(file: &Path, changed: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let name = file.file_name()?.to_owned();
    let folder = file.parent()?;
    let told = move |event: notify::Result<notify::Event>| {
        // Reading it is an event too, and not one to read it for again.
        let ours = |event: &notify::Event| {
            !event.kind.is_access() && event.paths.iter().any(|path| path.file_name() == Some(&name))
        };
        if event.is_ok_and(|event| ours(&event)) {
            changed.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(told).ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
