//! One write held against the quotas of its namespace.

use jiff::Timestamp;

use crate::amounts::Amounts;
use crate::evaluator::Evaluator;
use crate::item::Item;
use crate::quota::Quota;

/// A write that may cost something.
#[derive(Clone, Debug)]
pub struct Charge {
    pub evaluator: Evaluator,
    pub item: Item,
    /// The object as it is; `None` on create.
    pub old: Option<Item>,
}

/// The quotas with the write's cost on them; `Err` says why it is refused, in upstream's words.
pub fn charge(quotas: &[Quota], write: &Charge, now: Timestamp) -> Result<Vec<Quota>, String> {
    let mut charged = quotas.to_vec();
    let usage = write.evaluator.usage(&write.item, now);
    for quota in charged.iter_mut().filter(|quota| concerns(quota, write, &write.item)) {
        check_stated(quota, write)?;
    }
    let negative = usage.negative();
    if !negative.is_empty() {
        return Err(format!("quota usage is negative for resource(s): {}", negative.join(",")));
    }
    for quota in charged.iter_mut().filter(|quota| concerns(quota, write, &write.item)) {
        let delta = match &write.old {
            // Who came into the quota's scope by this update is charged in full.
            Some(old) if concerns(quota, write, old) => usage.more_than(&write.evaluator.usage(old, now)),
            _ => usage.clone(),
        };
        add(quota, &delta.without_zeros())?;
    }
    Ok(charged)
}

fn concerns(quota: &Quota, write: &Charge, item: &Item) -> bool {
    quota.hard.names().any(|name| write.evaluator.charges(name)) && write.evaluator.in_scope(quota, item)
}

/// The object states what the quota counts, and the quota's use has been counted.
fn check_stated(quota: &Quota, write: &Charge) -> Result<(), String> {
    let limited: Vec<&str> = quota.hard.names().filter(|name| write.evaluator.charges(name)).collect();
    let stated = write.evaluator.constraints(&write.item, &limited);
    stated.map_err(|why| format!("failed quota: {}: {why}", quota.name))?;
    match limited.iter().all(|name| quota.used.get(name).is_some()) {
        true => Ok(()),
        false => Err(format!("status unknown for quota: {}, resources: {}", quota.name, limited.join(","))),
    }
}

fn add(quota: &mut Quota, delta: &Amounts) -> Result<(), String> {
    let requested = delta.only(|name| quota.hard.get(name).is_some());
    let mut used = quota.used.clone();
    used.add(&requested);
    let exceeded = used.only(|name| requested.get(name).is_some()).beyond(&quota.hard);
    if exceeded.is_empty() {
        quota.used = used;
        return Ok(());
    }
    let only = |amounts: &Amounts| amounts.only(|name| exceeded.iter().any(|over| over == name));
    Err(format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        quota.name,
        only(&requested),
        only(&quota.used),
        only(&quota.hard)
    ))
}
