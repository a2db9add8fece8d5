//! The program's own log: a file of bounded size, and the terminal when asked for.

mod rotate;

use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::failure::Failure;
use rotate::Rotating;

/// The log never takes more than this, twice: the file and the one before it.
const MAX_BYTES: u64 = 16 << 20;
const FILE: &str = "ironclad.log";
/// Overrides what is logged, in `tracing_subscriber`'s language: `info,ironclad_engine=debug`.
const FILTER_VARIABLE: &str = "IRONCLAD_LOG";

/// Logs into `folder`, and to the standard error with `verbose`.
pub fn start(folder: &Path, verbose: u8) -> Result<(), Failure> {
    let file = Rotating::open(folder.join(FILE), MAX_BYTES).map_err(|error| {
        let what = format!("cannot write the log {}: {error}", folder.join(FILE).display());
        Failure::failed(what, "make room or make the folder writable, then try again")
    })?;
    let to_file = fmt::layer().with_ansi(false).with_writer(Mutex::new(file)).with_filter(filter(0));
    let to_terminal =
        (verbose > 0).then(|| fmt::layer().with_writer(std::io::stderr).with_filter(filter(verbose - 1)));
    // Only a second start in one process could fail, which tests do.
    let _ = tracing_subscriber::registry().with(to_file).with(to_terminal).try_init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}

/// Logs nothing but, with `verbose`, to the standard error: for commands that only ask.
pub fn start_quiet(verbose: u8) {
    if verbose > 0 {
        let layer = fmt::layer().with_writer(std::io::stderr).with_filter(filter(verbose));
        let _ = tracing_subscriber::registry().with(layer).try_init();
    }
}

fn filter(more: u8) -> EnvFilter {
    let level = match more {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    EnvFilter::try_from_env(FILTER_VARIABLE)
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},hyper=info,h2=info,rustls=info,tower=info")))
}
