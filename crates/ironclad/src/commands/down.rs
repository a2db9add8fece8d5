use std::time::Duration;

use ironclad_lifecycle::instance;

use super::one_thread;
use crate::cli::Settings;
use crate::failure::Failure;
use crate::nodes;

/// Stop Ironclad; pods, services and names go on
///
/// The containers run on, unsupervised, and so do the rules of services and the DNS server. `ironclad up`
/// takes over where it stopped.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ironclad down")]
pub struct Arguments {
    /// How long it may take to stop in order before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    grace: u64,
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.settings.load()?;
    let failed = |error| Failure::of("Ironclad cannot be stopped", &error, "are you root?");
    let holder = instance::running(&config.run).map_err(failed)?;
    let grace = Duration::from_secs(arguments.grace);
    let ended = one_thread()?.block_on(async {
        if let Some(holder) = &holder {
            holder.end(grace).await?;
        }
        // Of a process that was killed they live on.
        nodes::end_left(&config, grace).await
    });
    if ended.map_err(failed)? == 0 && holder.is_none() {
        eprintln!("Ironclad is not running.");
        return Ok(());
    }
    eprintln!("Ironclad is stopped. Pods and services go on.\n");
    eprintln!("  ironclad up       takes them over again");
    eprintln!("  ironclad reset    ends them and leaves the machine as it was");
    Ok(())
}
