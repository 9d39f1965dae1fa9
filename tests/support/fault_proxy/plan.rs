//! What is to happen to which call.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::refusal::Refusal;
use crate::support::call::Call;

/// Which call is struck, counted since the plan was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which {
    /// The one that arrives as this number, from 1.
    Number(usize),
    /// The one that is this number of its operation, from 1: reads that run at the same time arrive in any order.
    Named(Call, usize),
}

/// What happens to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It does not reach the service and is not answered, until the plan changes: time to kill the caller before the call.
    HeldBefore,
    /// It has its effect and is not answered, until the plan changes: time to kill the caller after the call.
    HeldAfter,
    /// It has its effect, and the connection ends without an answer. The next try is answered.
    AnswerLost,
    /// The same, for every try of the call.
    AnswersLost,
    /// It and all that follow for this long are refused, without effect.
    Refused(Refusal, Duration),
    /// It and all that follow for the second time have their effect and are answered after the first.
    Late(Duration, Duration),
}

/// A fault for a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The call.
    pub which: Which,
    /// The fault.
    pub fault: Fault,
}

/// A call as it arrived, and whether it was struck.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// What.
    pub call: Call,
    /// The fault it met.
    pub met: Option<Fault>,
}

/// Counts calls and decides about each.
#[derive(Debug, Default)]
pub struct Decisions {
    plan: Option<Plan>,
    /// When the plan's call came, and which call of the SDK it was: tries of one call have one id.
    struck: Option<(Instant, Option<String>)>,
    seen: Vec<Seen>,
    of_operation: HashMap<Call, usize>,
}

impl Decisions {
    /// Forgets all, and begins to count anew, with this plan.
    pub fn begin(&mut self, plan: Option<Plan>) {
        *self = Self { plan, ..Self::default() };
    }

    /// What happens to a call, which is counted by this.
    pub fn decide(&mut self, call: &Call, invocation: Option<String>, now: Instant) -> Option<Fault> {
        let of_operation = self.of_operation.entry(call.clone()).or_default();
        *of_operation += 1;
        let (number, of_operation) = (self.seen.len() + 1, *of_operation);
        let met = self.plan.as_ref().and_then(|plan| match &self.struck {
            Some((began, struck)) => lasts(plan.fault, now - *began, struck.is_some() && *struck == invocation).then_some(plan.fault),
            None => plan.which.is(call, number, of_operation).then_some(plan.fault),
        });
        if met.is_some() && self.struck.is_none() {
            self.struck = Some((now, invocation));
        }
        self.seen.push(Seen { at: now, call: call.clone(), met });
        met
    }

    /// All calls, in the order of their arrival.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }
}

impl Which {
    fn is(&self, call: &Call, number: usize, of_operation: usize) -> bool {
        match self {
            Self::Number(wanted) => *wanted == number,
            Self::Named(wanted, wanted_number) => wanted == call && *wanted_number == of_operation,
        }
    }
}

/// Whether a fault strikes another call, this long after the first one; `same` if that is another try of it.
fn lasts(fault: Fault, since: Duration, same: bool) -> bool {
    match fault {
        Fault::HeldBefore | Fault::HeldAfter | Fault::AnswerLost => false,
        Fault::AnswersLost => same,
        Fault::Refused(_, lasting) | Fault::Late(_, lasting) => since < lasting,
    }
}
