//! What CustomResourceDefinitions define is served.

use ironclad_env::BoxFuture;
use ironclad_extensions::Extensions;

use super::{Component, Context};
use crate::failure::Failure;

#[derive(Default)]
pub struct CustomResources(Option<Extensions>);

impl Component for CustomResources {
    fn name(&self) -> &'static str {
        "custom resources"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let engine = context.made.engine().clone();
            let started = Extensions::start(engine, context.made.caller().clone()).await;
            let extensions = started.map_err(|status| {
                Failure::failed(format!("custom resources cannot be served: {status}"), "")
            })?;
            self.0 = Some(extensions);
            Ok(String::new())
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.0 = None;
        Box::pin(std::future::ready(()))
    }
}
