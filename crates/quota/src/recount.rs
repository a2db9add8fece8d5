//! What a quota's use is, counted anew.

use ironclad_api::GroupResource;
use jiff::Timestamp;

use crate::amounts::Amounts;
use crate::evaluator::Evaluator;
use crate::item::Item;
use crate::quota::Quota;

/// The use of everything that the quota asks to limit and that some of `resources` (those of its
/// namespace that are served) is charged for; what nobody is charged for keeps its last count.
/// `items` gives a resource's objects in the namespace.
pub fn recount(
    quota: &Quota,
    resources: &[GroupResource],
    items: impl Fn(&GroupResource) -> Vec<Item>,
    now: Timestamp,
) -> Amounts {
    let mut used = quota.used.only(|name| quota.asked.get(name).is_some());
    let mut counted = Amounts::default();
    for evaluator in resources.iter().filter_map(Evaluator::of) {
        let charged = |name: &str| evaluator.charges(name) && quota.asked.get(name).is_some();
        let names: Vec<&str> = quota.asked.names().filter(|name| charged(name)).collect();
        if names.is_empty() {
            continue;
        }
        let mut sum = Amounts::zeros(names);
        for item in items(evaluator.resource()).iter().filter(|item| evaluator.in_scope(quota, item)) {
            sum.add(&evaluator.usage(item, now).only(charged));
        }
        counted.add(&sum);
    }
    used.replace(&counted);
    used
}
