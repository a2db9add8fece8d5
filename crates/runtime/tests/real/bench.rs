//! How long the runtime itself takes for a pod: the floor under every figure of the node agent. Printed,
//! never asserted (`cargo test -p ironclad-runtime --test real -- --nocapture`).

use std::time::{Duration, Instant};

use ironclad_cri::Cri;

use crate::machine::Machine;
use crate::pod::Pod;

const ROUNDS: usize = 10;

pub async fn raw_calls(machine: &Machine, cri: &dyn Cri) {
    let mut starts = Vec::new();
    let mut removals = Vec::new();
    for round in 0..ROUNDS {
        let begin = Instant::now();
        let pod = Pod::run(machine, cri, &format!("bench-{round}")).await;
        starts.push(begin.elapsed());
        let begin = Instant::now();
        pod.remove(cri).await;
        removals.push(begin.elapsed());
    }
    println!(
        "sandbox + create + start: median {:?}; stop + remove: median {:?}",
        median(starts),
        median(removals)
    );
}

fn median(mut figures: Vec<Duration>) -> Duration {
    figures.sort();
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
