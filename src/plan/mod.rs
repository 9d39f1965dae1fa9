//! The judge: what is desired and what was observed give a plan. Pure and total; bad input was refused when it was parsed.

pub mod access;
pub mod action;
pub mod additional;
pub mod applied;
pub mod environment;
pub mod facts;
pub mod finding;
pub mod stores;
pub mod workload;
pub mod written;

pub use action::Action;
pub use applied::Applied;
pub use finding::Finding;

use crate::api::shared::Enforcement;

/// What a pass found and what there is to do about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// What the mode or a hold keeps us from doing.
    pub withheld: Vec<Action>,
    /// The judgements: one for each check, also those that hold.
    pub findings: Vec<Finding>,
}

/// How far writes may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Enforce,
    /// Nothing.
    Audit,
    /// Only what takes power away because its declaration or admission is gone. Holds the person's reason.
    Hold(String),
    /// The same, because the environment lacks what writes depend on. Holds what.
    Suspended(String),
    /// Nothing, because something that the writes depend on cannot be read. Holds what.
    Frozen(String),
}

impl Mode {
    /// The mode of an object: its own hold or its environment's wins over the enforcement.
    #[must_use]
    pub fn of(enforcement: Option<Enforcement>, holds: &[Option<&str>]) -> Self {
        match (enforcement, holds.iter().flatten().next()) {
            (Some(Enforcement::Enforce), Some(reason)) => Self::Hold((*reason).to_owned()),
            (Some(Enforcement::Enforce), None) => Self::Enforce,
            _ => Self::Audit,
        }
    }
}

impl Plan {
    /// The same plan with the actions that `mode` does not allow moved to `withheld`. Of one that does more than take power away, as the
    /// change of a policy may, that part is done where no more is allowed.
    #[must_use]
    pub fn restricted_to(mut self, mode: &Mode) -> Self {
        let allowed = |action: &Action| match mode {
            Mode::Enforce => true,
            Mode::Audit | Mode::Frozen(_) => false,
            Mode::Hold(_) | Mode::Suspended(_) => action.takes_power_away(),
        };
        let takes = matches!(mode, Mode::Hold(_) | Mode::Suspended(_));
        for action in std::mem::take(&mut self.actions) {
            if allowed(&action) {
                self.actions.push(action);
            } else {
                self.actions.extend(action.reduced().filter(|_| takes));
                self.withheld.push(action);
            }
        }
        self
    }

    /// Puts another plan's contents behind this one's.
    pub fn extend(&mut self, other: Self) {
        self.actions.extend(other.actions);
        self.withheld.extend(other.withheld);
        self.findings.extend(other.findings);
    }
}

/// Whether a narrower thing of ours may be someone's doing, which is then left.
///
/// It may if the inputs are those of the last settled pass, or if there is no record of any pass (a lost status); not while a
/// write of ours is unconfirmed, which an empty record says, and not when a person asked for a pass.
#[must_use]
pub fn may_hold(settled: Option<&str>, inputs: &str, wished: bool) -> bool {
    !wished && settled.is_none_or(|settled| settled == inputs)
}
