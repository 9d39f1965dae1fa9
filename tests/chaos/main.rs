//! `make chaos`: every call of three flows is a place where the operator is killed, or the answer is lost; some are places of other
//! faults. Each time account and cluster have to end as if nothing had happened.
//!
//! `LANES` says how many beds are used at the same time; `ONLY` is a text that the names of trials must contain, such as
//! `repair, kill`. The exit code is 0 only if every trial ended well.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod campaign;
mod cluster;
mod flow;
mod lane;
mod picture;
mod report;
mod tampering;
mod trial;
mod trials;

use std::process::ExitCode;

use campaign::Campaign;
use futures::future::try_join_all;
use lane::Lane;

/// Beds at the same time, on two cores.
const LANES: usize = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("✗ {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole campaign; says whether every trial ended well.
async fn run() -> Result<bool, String> {
    let lanes = std::env::var("LANES").ok().and_then(|lanes| lanes.parse().ok()).unwrap_or(LANES);
    let only = std::env::var("ONLY").unwrap_or_default();
    println!("== starting {lanes} control planes with an emulated account each");
    let mut lanes: Vec<_> = futures::future::join_all((0..lanes).map(|_| Lane::start())).await;
    let first = lanes.first_mut().ok_or("LANES is 0")?;
    let campaign = Campaign::plan(first, |flow, reference| {
        let wanted = |trial: &trial::Trial| format!("{flow}, {}", trial.told()).contains(&only);
        trials::all(&reference.calls).into_iter().filter(wanted).collect()
    });
    let campaign = campaign.await?;
    println!("== {}", campaign.summary());
    try_join_all(lanes.iter_mut().map(|lane| campaign.work(lane))).await?;
    let tally = campaign.tally();
    println!("\n{}", tally.table());
    let path = report::folder().join("chaos.json");
    let written = std::fs::write(&path, format!("{:#}\n", tally.json()));
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}", path.display());
    Ok(tally.bad() == 0 && tally.points() > 0)
}
