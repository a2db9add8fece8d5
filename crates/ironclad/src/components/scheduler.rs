//! The scheduler.

use ironclad_apiserver::InProcess;
use ironclad_auth::authenticate::AUTHENTICATED;
use ironclad_engine::User;
use ironclad_env::BoxFuture;
use ironclad_scheduler::{Running, Scheduler};

use super::{Component, Context};
use crate::failure::Failure;

const USER: &str = "system:kube-scheduler";

#[derive(Default)]
pub struct StartScheduler(Option<Running>);

impl Component for StartScheduler {
    fn name(&self) -> &'static str {
        "scheduler"
    }

    fn start<'a>(&'a mut self, context: &'a mut Context) -> BoxFuture<'a, Result<String, Failure>> {
        let inside = InProcess::new(context.made.engine().clone());
        let user = User { name: USER.into(), groups: vec![AUTHENTICATED.into()], ..User::default() };
        let client = inside.user(user, "kube-scheduler");
        self.0 = Some(Scheduler::start(context.env.clone(), inside.cache(), client));
        Box::pin(std::future::ready(Ok(String::new())))
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.0 = None;
        Box::pin(std::future::ready(()))
    }
}
