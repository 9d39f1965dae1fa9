//! A fixed sample of the campaign that `make chaos` runs in full, and what the proxy itself is worth.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod campaign;
mod cluster;
mod flow;
mod lane;
mod picture;
mod proxy;
mod report;
mod tampering;
mod trial;
mod trials;

use campaign::Campaign;
use lane::Lane;
use support::call::Call;
use trial::Trial;

#[tokio::test]
async fn a_crash_or_a_lost_answer_at_any_call_changes_nothing() {
    let mut lane = Lane::start().await;
    let campaign = Campaign::plan(&mut lane, |_, reference| few(&reference.calls)).await.unwrap();
    println!("{}", campaign.summary());
    campaign.work(&mut lane).await.unwrap();
    let tally = campaign.tally();
    println!("{}", tally.table());
    assert!(tally.points() >= 15 && tally.bad() == 0, "{}", tally.table());
}

/// A few trials of each kind, evenly spread over the calls.
fn few(calls: &[Call]) -> Vec<Trial> {
    let all = trials::killed_or_unanswered(&trials::points(calls));
    let of = |name: &str| {
        let named: Vec<_> = all.iter().filter(|trial| trial.name == name).cloned().collect();
        trials::sample(&named, 2)
    };
    ["kill", "kill-after-effect", "response-lost"].into_iter().flat_map(of).collect()
}
