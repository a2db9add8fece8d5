//! The right to run: one Ironclad per run folder.

use ironclad_env::BoxFuture;
use ironclad_lifecycle::instance::{Instance, InstanceError};

use super::{Component, Context};
use crate::failure::{Exit, Failure};

#[derive(Default)]
pub struct Lock(Option<Instance>);

impl Component for Lock {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        let claimed = Instance::claim(&context.config.run).map_err(|error| match &error {
            InstanceError::Taken { .. } => {
                Failure::new(Exit::Instance, &error, "stop it with: ironclad down")
            }
            _ => Failure::new(
                Exit::Machine,
                &error,
                "is the folder writable? choose another with --run FOLDER",
            ),
        });
        let result = claimed.map(|instance| {
            self.0 = Some(instance);
            context.config.run.display().to_string()
        });
        Box::pin(std::future::ready(result))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.0 = None;
        Box::pin(std::future::ready(()))
    }
}
