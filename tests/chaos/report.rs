//! What came of the trials: a table for people, a file for programs, the logs of what did not end well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::flow::Flow;
use crate::trial::{Ending, Trial};

/// Where reports go.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// Results by flow and fault.
pub struct Tally {
    began: Instant,
    rows: BTreeMap<(Flow, usize), Row>,
    memory: u64,
}

#[derive(Default)]
struct Row {
    fault: &'static str,
    calls: usize,
    points: usize,
    converged: usize,
    lost: usize,
    doubled: usize,
    orphaned: usize,
    missed: usize,
    slowest: Duration,
    throttled: Option<usize>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { began: Instant::now(), rows: BTreeMap::new(), memory: 0 }
    }
}

impl Tally {
    /// Makes a row, in the order of the first call, for this fault in a flow of so many calls.
    pub fn expect(&mut self, flow: Flow, fault: &'static str, calls: usize) {
        if self.row(flow, fault).is_none() {
            let place = self.rows.keys().filter(|(other, _)| *other == flow).count();
            self.rows.insert((flow, place), Row { fault, calls, ..Row::default() });
        }
    }

    fn row(&mut self, flow: Flow, fault: &str) -> Option<&mut Row> {
        self.rows.iter_mut().find(|((other, _), row)| *other == flow && row.fault == fault).map(|(_, row)| row)
    }

    /// Counts how a trial ended.
    pub fn add(&mut self, flow: Flow, trial: &Trial, ending: &Ending) {
        self.memory = self.memory.max(ending.memory.unwrap_or_default());
        let Some(row) = self.row(flow, trial.name) else { return };
        // What was not struck shows nothing, unless even that did not end well.
        if !ending.struck && ending.good() {
            row.missed += 1;
            return;
        }
        row.points += 1;
        row.converged += usize::from(ending.good());
        row.lost += ending.difference.lost.len();
        row.doubled += ending.difference.doubled.len();
        row.orphaned += ending.difference.orphaned.len();
        row.slowest = row.slowest.max(ending.took);
        row.throttled = row.throttled.max(ending.throttled);
    }

    /// One line.
    pub fn progress(&self, total: usize) -> String {
        let (points, bad) = (self.points(), self.bad());
        format!("[{:4} s] {points} of {total} points, {bad} did not end as if undisturbed", self.began.elapsed().as_secs())
    }

    /// How many trials there were.
    pub fn points(&self) -> usize {
        self.rows.values().map(|row| row.points).sum()
    }

    /// How many of them did not end as if nothing had happened.
    pub fn bad(&self) -> usize {
        self.rows.values().map(|row| row.points - row.converged).sum()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = format!(
            "{:10} {:20} {:>6} {:>7} {:>10} {:>5} {:>8} {:>9} {:>8}\n",
            "flow", "fault", "calls", "points", "converged", "lost", "doubled", "orphaned", "slowest"
        );
        let mut notes = String::new();
        for ((flow, _), row) in &self.rows {
            let slowest = format!("{:.1} s", row.slowest.as_secs_f64());
            let Row { fault, calls, points, converged, lost, doubled, orphaned, .. } = row;
            let _ =
                writeln!(table, "{flow:10} {fault:20} {calls:6} {points:7} {converged:10} {lost:5} {doubled:8} {orphaned:9} {slowest:>8}");
            if let Some(most) = row.throttled {
                let _ = writeln!(notes, "{flow}, {fault}: at most {most} calls in a second");
            }
            if row.missed > 0 {
                let _ = writeln!(notes, "{flow}, {fault}: {} calls did not come by their name and were struck by their number", row.missed);
            }
        }
        let took = self.began.elapsed().as_secs();
        format!("{table}{notes}{} points in {took} s; the operator used at most {} MiB (unoptimised build)", self.points(), self.memory)
    }

    /// For programs: a row for each flow and fault.
    pub fn json(&self) -> Value {
        let row = |((flow, _), row): (&(Flow, usize), &Row)| -> Value {
            let Row { fault, calls, points, converged, lost, doubled, orphaned, .. } = row;
            json!({
                "flow": flow.to_string(), "fault": fault, "calls": calls, "points": points, "converged": converged,
                "lost": lost, "doubled": doubled, "orphaned": orphaned,
            })
        };
        self.rows.iter().map(row).collect()
    }
}

/// Keeps what a trial that did not end well left behind.
pub fn keep_logs(flow: Flow, trial: &Trial, ending: &Ending, logs: &str) {
    let folder = folder().join("chaos");
    let name = format!("{flow} {}.log", trial.told()).replace([' ', '#'], "-");
    let text = format!("{flow}, {}\n{}\n{logs}", trial.told(), ending.difference);
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(&name), text)) {
        eprintln!("{}: {error}", folder.join(name).display());
    }
}
