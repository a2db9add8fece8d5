//! ImageLocality: best is where the images are already, the large ones above all.

use std::borrow::Cow;

use crate::node_info::NodeInfo;
use crate::plugin::{MAX_SCORE, Plugin, Score};
use crate::pod_info::PodInfo;
use crate::world::World;

const MIB: i64 = 1024 * 1024;
/// Less than this is not worth a preference.
const MIN: i64 = 23 * MIB;
/// More than this, per container, makes no difference.
const MAX_PER_CONTAINER: i64 = 1000 * MIB;

pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score<'a>(&self, pod: &'a PodInfo, world: World<'a>, _: &[&NodeInfo]) -> Option<Box<dyn Score + 'a>> {
        let images = pod.wishes.images.iter().map(|image| with_tag(image)).collect();
        let containers = i64::try_from(pod.wishes.containers).unwrap_or(i64::MAX);
        Some(Box::new(Local { images, containers, world }))
    }
}

/// A name without tag or digest means `latest`.
fn with_tag(image: &str) -> Cow<'_, str> {
    if image.rfind(':') <= image.rfind('/') { format!("{image}:latest").into() } else { image.into() }
}

struct Local<'a> {
    images: Vec<Cow<'a, str>>,
    containers: i64,
    world: World<'a>,
}

impl Score for Local<'_> {
    fn score(&self, node: &NodeInfo) -> i64 {
        let sizes = self.images.iter().filter_map(|image| Some((image, *node.images.get(&**image)?)));
        let sum = sizes.map(|(image, size)| self.scaled(image, size)).fold(0, i64::saturating_add);
        let max = MAX_PER_CONTAINER.saturating_mul(self.containers.max(1));
        MAX_SCORE.saturating_mul(sum.clamp(MIN, max) - MIN) / (max - MIN)
    }
}

impl Local<'_> {
    /// Counts the more, the more nodes have the image, so that not all pods go to the first one.
    fn scaled(&self, image: &str, size: i64) -> i64 {
        let snapshot = self.world.snapshot;
        let spread = snapshot.nodes_with_image(image) as f64 / snapshot.len().max(1) as f64;
        (size as f64 * spread) as i64
    }
}
