//! Feeds a target, and notices when it panics or takes too long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ironclad_env::Env;

use crate::mutate::Mutator;
use crate::{Target, corpus};

/// No input may take longer, in a build without optimisation on a busy machine. What takes
/// milliseconds when it is right takes minutes when its work grows with the square of its input.
const PATIENCE: Duration = Duration::from_secs(30);

/// An input that a target does not bear.
#[derive(Debug)]
pub struct Failure {
    pub input: Vec<u8>,
    pub why: String,
}

/// How much was fed.
#[derive(Debug, Default)]
pub struct Fed {
    pub inputs: u64,
    /// The longest that one of them took.
    pub slowest: Duration,
    pub slowest_input: Vec<u8>,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Inputs(u64),
    Elapsed(Duration),
}

/// Feeds the corpus, then inputs made of it.
pub fn run(env: &Env, target: &Target, seed: u64, until: Until) -> Result<Fed, Failure> {
    let corpus = corpus::read(target);
    let mut fed = Fed::default();
    for input in &corpus {
        feed(env, target, input, &mut fed)?;
    }
    let mut mutator = Mutator::new(seed);
    let (first, began) = (fed.inputs, env.elapsed());
    let goes_on = |fed: &Fed| match until {
        Until::Inputs(count) => fed.inputs - first < count,
        Until::Elapsed(limit) => env.elapsed() - began < limit,
    };
    while goes_on(&fed) {
        feed(env, target, &mutator.input(&corpus, target.words), &mut fed)?;
    }
    Ok(fed)
}

/// Feeds one input.
pub fn feed(env: &Env, target: &Target, input: &[u8], fed: &mut Fed) -> Result<(), Failure> {
    let fail = |why: String| Failure { input: input.to_vec(), why };
    let began = env.elapsed();
    catch_unwind(AssertUnwindSafe(|| (target.check)(input))).map_err(|panic| fail(said(&*panic)))?;
    let took = env.elapsed() - began;
    fed.inputs += 1;
    if took > fed.slowest {
        fed.slowest = took;
        fed.slowest_input = input.to_vec();
    }
    match took > PATIENCE {
        true => Err(fail(format!("took {took:?}"))),
        false => Ok(()),
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".to_owned())
}
