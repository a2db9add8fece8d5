use super::print;
use crate::cli::Settings;
use crate::failure::{Exit, Failure};

/// Print the administrator's kubeconfig
#[derive(clap::Args)]
#[command(after_help = "Example:\n  ironclad kubeconfig > ~/.kube/config")]
pub struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = arguments.settings.load()?.admin_kubeconfig();
    match std::fs::read_to_string(&path) {
        Ok(text) => print(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::new(
            Exit::Instance,
            format!("there is no cluster on this machine: {} does not exist", path.display()),
            "start one: ironclad up",
        )),
        Err(error) => {
            Err(Failure::failed(format!("cannot read {}: {error}", path.display()), "only root may read it"))
        }
    }
}
