//! Getting the images that a container needs.

use std::time::Duration;

use ironclad_api::goprint;

use super::PodMachine;
use super::image;
use super::outbox::Purpose;
use super::slot::{Images, Need, Policy, Pulls, Start, restart_backoff};
use super::start::RETRY;
use crate::effect::{Action, Answer, Failure, Pulled};
use crate::event::PodEvent;
use crate::now::Now;

/// `ErrImagePull` is shown for this long before it becomes `ImagePullBackOff`.
const SHOW_PULL_ERROR: Duration = Duration::from_secs(1);

impl PodMachine {
    /// Looks for the next image that is not found yet, or creates the container once all are.
    pub(super) fn next_image(&mut self, now: Now, name: &str, images: Images) {
        let Some(need) = images.needed.get(images.found.len()).cloned() else {
            self.create(now, name, &images);
            return;
        };
        let image = match image::with_tag(&need.image) {
            Ok(image) => image,
            Err(why) => {
                let quoted = goprint::quote(&need.image);
                let message = format!("Failed to apply default image tag {quoted}: {why}");
                self.container_event(name, PodEvent::warning("InspectFailed", message.clone()));
                self.start_failed(now, name, "InvalidImageName", message);
                return;
            }
        };
        if need.policy == Policy::Always {
            self.pull(now, name, images, need);
        } else {
            let token = self.out.run(Purpose::Start(name.to_owned()), Action::FindImage { image });
            self.slot(name).start = Start::Finding(token, images);
        }
    }

    pub(super) fn image_looked_for(
        &mut self,
        now: Now,
        name: &str,
        mut images: Images,
        result: Result<Answer, Failure>,
    ) {
        let Some(need) = images.needed.get(images.found.len()).cloned() else { return };
        let quoted = goprint::quote(&need.image);
        match result {
            Ok(Answer::Image(Some(image))) => {
                let message = format!(
                    "Container image {quoted} already present on machine and can be accessed by the pod"
                );
                self.container_event(name, PodEvent::normal("Pulled", message));
                images.found.push(image);
                self.next_image(now, name, images);
            }
            Ok(_) if need.policy == Policy::Never => {
                let message = format!("Container image {quoted} is not present with pull policy of Never");
                self.container_event(name, PodEvent::warning("ErrImageNeverPull", message.clone()));
                self.start_failed(now, name, "ErrImageNeverPull", message);
            }
            Ok(_) => self.pull(now, name, images, need),
            Err(failure) => {
                let message = format!("Failed to inspect image \"\": {}", failure.message);
                self.container_event(name, PodEvent::warning("InspectFailed", message.clone()));
                self.start_failed(now, name, "ImageInspectError", message);
            }
        }
    }

    pub(super) fn pull(&mut self, now: Now, name: &str, images: Images, need: Need) {
        let quoted = goprint::quote(&need.image);
        let slot = self.slot(name);
        if let Some(pulls) = slot.pulls.get(&need.image) {
            let until = pulls.failed_at + pulls.backoff.wait();
            if now.mono < until {
                let message = format!("Back-off pulling image {quoted}");
                let explained = format!("{message}: {}", pulls.error);
                slot.start = Start::Idle;
                slot.retry_at = Some(until);
                self.container_event(name, PodEvent::normal("BackOff", message));
                self.container_event(name, PodEvent::warning("Failed", "Error: ImagePullBackOff"));
                self.wait(name, "ImagePullBackOff", explained);
                return;
            }
        }
        let sandbox = self.facts.latest_sandbox().map(|s| s.id.clone()).unwrap_or_default();
        let config = self.sandbox_config(&sandbox);
        let (Ok(image), Ok(sandbox)) = (image::with_tag(&need.image), config) else {
            self.slot(name).start = Start::Idle;
            self.slot(name).retry_at = Some(now.mono + RETRY);
            return;
        };
        self.container_event(name, PodEvent::normal("Pulling", format!("Pulling image {quoted}")));
        let token = self.out.run(Purpose::Start(name.to_owned()), Action::PullImage { image, sandbox });
        self.slot(name).start = Start::Pulling(token, images, now.mono);
    }

    pub(super) fn pull_ended(
        &mut self,
        now: Now,
        name: &str,
        mut images: Images,
        since: Duration,
        result: Result<Answer, Failure>,
    ) {
        let Some(need) = images.needed.get(images.found.len()).cloned() else { return };
        match result {
            Ok(Answer::Pulled(Pulled { image, took })) => {
                let waited = image::go_duration(now.mono.saturating_sub(since).max(took));
                let message = format!(
                    "Successfully pulled image {} in {} ({waited} including waiting). Image size: {} bytes.",
                    goprint::quote(&need.image),
                    image::go_duration(took),
                    image.size_bytes,
                );
                self.container_event(name, PodEvent::normal("Pulled", message));
                self.slot(name).pulls.remove(&need.image);
                images.found.push(image);
                self.next_image(now, name, images);
            }
            Ok(_) => self.pull_failed(now, name, &need, "the runtime answered with something else"),
            Err(failure) => self.pull_failed(now, name, &need, &failure.message),
        }
    }

    pub(super) fn pull_failed(&mut self, now: Now, name: &str, need: &Need, why: &str) {
        let (reason, explained) = pull_error(&need.image, why);
        let message = format!("Failed to pull image {}: {why}", goprint::quote(&need.image));
        self.container_event(name, PodEvent::warning("Failed", message));
        let pulls = self.slot(name).pulls.entry(need.image.clone()).or_insert_with(|| Pulls {
            backoff: restart_backoff(),
            failed_at: now.mono,
            error: String::new(),
        });
        pulls.backoff.fail(now.mono, now.mono);
        pulls.failed_at = now.mono;
        pulls.error = format!("{reason}: {explained}");
        self.start_failed(now, name, reason, explained);
        self.slot(name).retry_at = Some(now.mono + SHOW_PULL_ERROR);
    }
}

/// The reason and text for a pull that failed, after what the runtime's message begins with.
fn pull_error(image: &str, why: &str) -> (&'static str, String) {
    let known = [
        ("RegistryUnavailable", "the registry is unavailable"),
        ("SignatureValidationFailed", "the signature validation failed"),
    ];
    for (reason, words) in known {
        if let Some(rest) = why.strip_prefix(reason) {
            return (reason, format!("image pull failed for {image} because {words}{rest}"));
        }
    }
    ("ErrImagePull", why.to_owned())
}
