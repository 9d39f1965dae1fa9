//! `make bench`: what a number of accesses costs the operator as it is shipped, to create and to watch over.
//!
//! The figures are those of the operator's process alone: CPU and memory as the kernel counts them, AWS calls as a proxy in front of
//! the emulators sees them (so each attempt of a call is one), writes to Kubernetes as the operator's own metrics tell them, compared
//! with what the API server counted. Exit code 1 if not every access becomes ready.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod load;
mod proxy;
mod report;
#[path = "../demo/signals.rs"]
mod signals;
mod usage;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use report::{Create, Report, Sweeps};
use signals::Signals;
use support::process::{group_is_alive, tail};
use world::{Counts, World};

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// Sweeps that are asked for.
const SWEEPS: u64 = 10;

#[tokio::main]
async fn main() -> ExitCode {
    let accesses = std::env::args().nth(1).and_then(|count| count.parse().ok()).filter(|count| (1..=10_000).contains(count));
    let Some(accesses) = accesses else {
        eprintln!("bench N: N is the number of accesses, 1 to 10000");
        return ExitCode::from(2);
    };
    // Before anything is started: from now on a signal ends the benchmark, and with it everything.
    let mut signals = Signals::listen();
    let measured = tokio::select! {
        measured = measure(accesses) => measured,
        () = signals.wait() => return ExitCode::from(INTERRUPTED),
    };
    let written = measured.and_then(|report| {
        let file = world::target().join("bench.json");
        let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(&file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
        println!("\n{}\nwritten to {}", report.table(), file.display());
        Ok(())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts everything, measures, ends everything.
async fn measure(accesses: usize) -> Result<Report, String> {
    let program = world::target().join("release/hipaa-operator");
    println!("starting a control plane, an emulated account and {}", program.display());
    let mut world = World::start(&program).await?;
    let report = figures(&world, accesses).await;
    let report = report.map_err(|error| {
        world.bed.folder.disable_cleanup(true);
        format!("{error}\n{}\nall logs are kept in {}", tail(world.operator.log()), world.bed.folder.path().display())
    });
    let groups = world.groups();
    drop(world);
    let left: Vec<_> = groups.into_iter().filter(|group| group_is_alive(*group)).collect();
    if left.is_empty() { report } else { Err(format!("process groups are left: {left:?}")) }
}

async fn figures(world: &World, accesses: usize) -> Result<Report, String> {
    let before = world.counts().await?;
    println!("applying {accesses} accesses, one workload and service account each");
    let began = Instant::now();
    load::apply(&world.bed.client(), accesses).await?;
    world.all_ready(accesses).await?;
    let wall_seconds = began.elapsed().as_secs_f64();
    println!("all ready after {wall_seconds:.1} s; waiting until the operator is at rest");
    // What it still does after that belongs to the creation too.
    world.rest().await?;
    let created = world.counts().await?;
    compare("create", &before, &created);
    for line in world.details().await {
        println!("    since the start: {line}");
    }
    println!("asking for {SWEEPS} sweeps");
    for number in 1..=SWEEPS {
        world.sweep(number).await?;
    }
    world.rest().await?;
    let swept = world.counts().await?;
    compare("sweeps", &created, &swept);
    Ok(Report {
        accesses,
        create: Create {
            wall_seconds,
            cpu_seconds: created.cpu_seconds - before.cpu_seconds,
            aws_calls: created.aws_calls - before.aws_calls,
            aws_mutating_calls: created.aws_mutating_calls - before.aws_mutating_calls,
            kubernetes_writes: created.kubernetes_writes - before.kubernetes_writes,
        },
        sweeps: Sweeps {
            count: SWEEPS,
            cpu_seconds: swept.cpu_seconds - created.cpu_seconds,
            aws_calls: swept.aws_calls - created.aws_calls,
            kubernetes_writes: swept.kubernetes_writes - created.kubernetes_writes,
        },
        peak_memory_mib: world.watched.peak_memory_mib(),
    })
}

/// Tells how the figures that are counted in two places agree.
fn compare(what: &str, before: &Counts, after: &Counts) {
    let sent = after.aws_calls - before.aws_calls;
    let told = after.aws_operations - before.aws_operations;
    let (writes, requests) = (after.kubernetes_writes - before.kubernetes_writes, after.kubernetes_requests - before.kubernetes_requests);
    println!("    {what}: {sent} requests were sent to AWS, {told} calls were told by the operator");
    println!("    {what}: {writes} writes were told by the operator, {requests} were counted by the API server");
}
