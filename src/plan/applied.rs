//! What became of a plan.

use crate::domain::Fault;

use super::{Action, Finding, Mode, Plan};

/// What became of one action.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Carried out.
    Done,
    /// Not tried, because an action it depends on failed.
    Skipped,
    /// Tried, and refused or not answered.
    Failed(Fault),
}

/// A plan after it was carried out as far as its mode allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// How far writes could go.
    pub mode: Mode,
    /// The judgements, made before anything was carried out.
    pub findings: Vec<Finding>,
    /// What was not tried because of the mode.
    pub withheld: Vec<Action>,
    /// What was tried, with its outcome.
    pub outcomes: Vec<(Action, Outcome)>,
}

impl Applied {
    /// A plan of which nothing was tried.
    #[must_use]
    pub fn untouched(plan: Plan, mode: Mode) -> Self {
        Self { mode, findings: plan.findings, withheld: plan.withheld, outcomes: Vec::new() }
    }

    /// The faults met, with the actions that met them.
    pub fn failures(&self) -> impl Iterator<Item = (&Action, &Fault)> {
        self.outcomes.iter().filter_map(|(action, outcome)| match outcome {
            Outcome::Failed(fault) => Some((action, fault)),
            _ => None,
        })
    }

    /// The actions that were carried out.
    pub fn done(&self) -> impl Iterator<Item = &Action> {
        self.outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Done).map(|(action, _)| action)
    }
}
