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
use flow::Flow;
use lane::Lane;
use trial::Trial;

/// How many trials of each kind there are for each flow: those that take seconds.
const SAMPLE: [(&str, usize); 4] = [("kill", 2), ("kill-after-effect", 1), ("response-lost", 2), ("pending", 1)];

#[tokio::test]
async fn a_crash_or_a_lost_answer_at_any_call_changes_nothing() {
    let mut lane = Lane::start().await;
    let campaign = Campaign::plan(&mut lane, |_, reference| few(&trials::all(&reference.calls))).await.unwrap();
    println!("{}", campaign.summary());
    campaign.work(&mut lane).await.unwrap();
    let tally = campaign.tally();
    println!("{}", tally.table());
    let rows = tally.json();
    let rows = rows.as_array().unwrap();
    assert_eq!((rows.len(), tally.points()), (Flow::ALL.len() * SAMPLE.len(), 18), "{}", tally.table());
    for row in rows {
        let clean = ["lost", "doubled", "orphaned"].iter().all(|field| row[field] == 0);
        assert!(clean && row["converged"] == row["points"] && row["calls"].as_u64() > Some(40), "{row}");
    }
}

/// Some of the trials, evenly spread over the calls.
fn few(all: &[Trial]) -> Vec<Trial> {
    let of = |(name, count): (&str, usize)| {
        let named: Vec<_> = all.iter().filter(|trial| trial.name == name).collect();
        let spread = |number: usize| named[(2 * number + 1) * named.len() / (2 * count)].clone();
        (0..count).map(spread).collect::<Vec<_>>()
    };
    SAMPLE.into_iter().flat_map(of).collect()
}
