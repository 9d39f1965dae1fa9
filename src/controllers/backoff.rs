//! How long to wait before an object is looked at again after a failure, and what ends the wait early.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::FaultClass;

use super::turns::Name;

/// An object of any kind: the kind's word in metrics, and its name.
pub type Subject = (&'static str, Name);

/// Wait after the first failure and longest wait, in seconds; it doubles in between. Nothing waits for ever.
const fn table(class: FaultClass) -> (u64, u64) {
    match class {
        // Someone else is faster: look again at once.
        FaultClass::Conflict => (1, 60),
        FaultClass::Unreachable => (2, 300),
        FaultClass::Throttled | FaultClass::NoPath => (5, 300),
        // What is named may be on its way: IAM tells of new things late.
        FaultClass::NotFound => (2, 600),
        // Ended early as soon as the credentials work again.
        FaultClass::Credentials => (30, 300),
        // These take someone's change, which may come from outside the cluster.
        FaultClass::Denied | FaultClass::Unexpected => (10, 600),
        FaultClass::Quota => (30, 900),
        FaultClass::Invalid => (30, 1800),
    }
}

/// Failures in a row, by object.
#[derive(Debug, Default)]
pub struct Backoff {
    waiting: Mutex<HashMap<Subject, Waiting>>,
    rounds: Mutex<HashMap<Subject, u32>>,
}

/// An object whose last pass failed.
#[derive(Debug)]
struct Waiting {
    failures: u32,
    class: FaultClass,
    until: Instant,
    /// What the pass was made from: another value ends the wait.
    inputs: String,
}

impl Backoff {
    /// Counts a failure of a pass made from `inputs` and says how long to wait, `longest` at the most.
    pub fn failed(&self, object: &Subject, class: FaultClass, inputs: &str, longest: Duration) -> Duration {
        let mut waiting = self.waiting();
        let failures = waiting.get(object).map_or(0, |before| before.failures).saturating_add(1);
        let wait = jittered(step(class, failures)).min(longest);
        let until = Instant::now() + wait;
        waiting.insert(object.clone(), Waiting { failures, class, until, inputs: inputs.to_owned() });
        wait
    }

    /// How long the object still has to wait. A change of what a pass is made from (a spec, a person's wish) ends the wait, and the count.
    pub fn remaining(&self, object: &Subject, inputs: impl FnOnce() -> String) -> Option<Duration> {
        let mut waiting = self.waiting();
        let before = waiting.get(object)?;
        if before.inputs != inputs() {
            waiting.remove(object);
            return None;
        }
        before.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Lets the objects that wait because of `class` go on; gives them.
    pub fn forgive(&self, class: FaultClass) -> Vec<Subject> {
        let mut waiting = self.waiting();
        let forgiven: Vec<Subject> = waiting.iter().filter(|(_, one)| one.class == class).map(|(object, _)| object.clone()).collect();
        for object in &forgiven {
            waiting.remove(object);
        }
        forgiven
    }

    /// Counts a pass that wrote and is to be confirmed; gives how many there were in a row.
    pub fn again(&self, object: &Subject) -> u32 {
        self.waiting().remove(object);
        let mut rounds = self.rounds();
        let count = rounds.entry(object.clone()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Forgets the failures of an object.
    pub fn succeeded(&self, object: &Subject) {
        self.waiting().remove(object);
        self.rounds().remove(object);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Subject, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rounds(&self) -> MutexGuard<'_, HashMap<Subject, u32>> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait after this many failures in a row, before it is jittered.
fn step(class: FaultClass, failures: u32) -> Duration {
    let (start, limit) = table(class);
    Duration::from_secs(u64::from(2_u32.saturating_pow(failures.clamp(1, 16) - 1)).saturating_mul(start).min(limit))
}

/// A duration up to a tenth shorter or longer, so that objects do not march in step.
#[must_use]
pub fn jittered(duration: Duration) -> Duration {
    // A fresh hasher is randomly keyed: enough for spreading, without a generator of its own.
    let share = RandomState::new().hash_one(0_u8) % 200;
    duration.mul_f64(0.9 + f64::from(u32::try_from(share).unwrap_or(100)) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Duration = Duration::from_hours(24);

    fn subject(name: &str) -> Subject {
        ("workload", Name { namespace: Some("clinic".into()), name: name.into() })
    }

    #[test]
    fn every_class_starts_soon_and_none_waits_for_ever() {
        use FaultClass::{Conflict, Credentials, Denied, Invalid, NoPath, NotFound, Quota, Throttled, Unexpected, Unreachable};
        let rows = [
            (Throttled, [5, 10, 20], 300),
            (Unreachable, [2, 4, 8], 300),
            (NoPath, [5, 10, 20], 300),
            (Credentials, [30, 60, 120], 300),
            (Denied, [10, 20, 40], 600),
            (NotFound, [2, 4, 8], 600),
            (Conflict, [1, 2, 4], 60),
            (Quota, [30, 60, 120], 900),
            (Invalid, [30, 60, 120], 1800),
            (Unexpected, [10, 20, 40], 600),
        ];
        assert_eq!(rows.map(|(class, ..)| class), FaultClass::ALL);
        for (class, first, last) in rows {
            let waits = [1, 2, 3].map(|failures| step(class, failures).as_secs());
            assert_eq!(waits, first, "{class:?}");
            assert!((4..200).chain([u32::MAX]).all(|failures| step(class, failures).as_secs() <= last), "{class:?}");
            assert_eq!(step(class, u32::MAX).as_secs(), last, "{class:?}");
            let backoff = Backoff::default();
            let wait = (0..100).map(|_| backoff.failed(&subject("one"), class, "", NEVER)).max().unwrap_or_default();
            assert!(wait <= Duration::from_secs(last).mul_f64(1.1), "{class:?}: {wait:?}");
        }
    }

    #[test]
    fn a_wait_holds_until_the_inputs_change() {
        let backoff = Backoff::default();
        let inputs = |text: &'static str| move || text.to_owned();
        assert_eq!(backoff.remaining(&subject("one"), inputs("generation 1")), None);
        backoff.failed(&subject("one"), FaultClass::Denied, "generation 1", NEVER);
        backoff.failed(&subject("one"), FaultClass::Denied, "generation 1", NEVER);
        assert!(backoff.remaining(&subject("one"), inputs("generation 1")).is_some_and(|left| left > Duration::from_secs(15)));
        assert_eq!(backoff.remaining(&subject("other"), inputs("generation 1")), None);
        assert_eq!(backoff.remaining(&subject("one"), inputs("generation 2")), None, "a new spec does not wait");
        let wait = backoff.failed(&subject("one"), FaultClass::Denied, "generation 2", NEVER);
        assert!(wait < Duration::from_secs(12), "and its failures are counted anew: {wait:?}");
    }

    #[test]
    fn a_wait_ends_by_itself() {
        let backoff = Backoff::default();
        backoff.failed(&subject("one"), FaultClass::Denied, "", Duration::ZERO);
        assert_eq!(backoff.remaining(&subject("one"), String::new), None);
    }

    #[test]
    fn those_who_waited_for_credentials_go_on_together() {
        let backoff = Backoff::default();
        backoff.failed(&subject("one"), FaultClass::Credentials, "", NEVER);
        backoff.failed(&subject("two"), FaultClass::Denied, "", NEVER);
        assert_eq!(backoff.forgive(FaultClass::Credentials), [subject("one")]);
        assert_eq!(backoff.remaining(&subject("one"), String::new), None);
        assert!(backoff.remaining(&subject("two"), String::new).is_some());
        backoff.succeeded(&subject("two"));
        assert_eq!(backoff.remaining(&subject("two"), String::new), None);
    }
}
