//! `make demo`: the operator as it is shipped, on a real control plane and an emulated account, from three manifests to four repairs.
//!
//! Every step is looked for in the cluster or the account itself. The exit code is 0 only if every one of them was seen.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod events;
mod out;
mod reads;
mod signals;
mod stage;
mod steps;
mod tables;
mod tampering;

use std::process::ExitCode;

use signals::Signals;
use stage::Stage;
use support::process::{group_is_alive, tail};

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    out::began();
    let keep = std::env::var("KEEP").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    // Before anything is started: from now on a signal ends the tour, and with it everything.
    let mut signals = Signals::listen();
    // Whichever comes second is dropped before the next line, and what it started is ended by that.
    let toured = tokio::select! {
        toured = tour(keep) => toured,
        () = signals.wait() => return ExitCode::from(INTERRUPTED),
    };
    let stage = match toured {
        Ok(stage) => stage,
        Err(missing) => {
            eprintln!("\n✗ {missing}");
            return ExitCode::FAILURE;
        }
    };
    if keep {
        steps::how_to_reach(&stage);
        signals.wait().await;
    }
    end(stage)
}

/// The whole tour. On failure says what was last seen, with the end of the operator's log.
async fn tour(keep: bool) -> Result<Stage, String> {
    let mut stage = Stage::start().await;
    match acts(&stage, keep).await {
        Ok(()) => Ok(stage),
        Err(missing) => {
            let log = tail(stage.operator.log());
            stage.bed.folder.disable_cleanup(true);
            Err(format!("{missing}\n{log}\nall logs are kept in {}", stage.bed.folder.path().display()))
        }
    }
}

async fn acts(stage: &Stage, keep: bool) -> Result<(), String> {
    steps::apply(stage).await;
    steps::become_ready(stage).await?;
    steps::show(stage).await?;
    tampering::all(stage).await?;
    steps::still_ready(stage).await?;
    // What is left running should have something to look at.
    if keep { Ok(()) } else { steps::delete_access(stage).await }
}

fn end(stage: Stage) -> ExitCode {
    out::heading("The end");
    let groups = stage.groups();
    drop(stage);
    let left: Vec<_> = groups.into_iter().filter(|group| group_is_alive(*group)).collect();
    if !left.is_empty() {
        eprintln!("\n✗ process groups are left: {left:?}");
        return ExitCode::FAILURE;
    }
    out::seen("everything that was started is ended");
    ExitCode::SUCCESS
}
