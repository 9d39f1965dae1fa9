//! How long to wait before an object is looked at again.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::FaultClass;

/// Failures in a row, by object.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    /// Counts a failure and says how long to wait: doubling from a start to a limit, both by class. Nothing waits for ever.
    pub fn failed(&self, object: &str, class: FaultClass) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(object.to_owned()).or_default();
        *count = count.saturating_add(1);
        let (start, limit) = match class {
            FaultClass::Throttled | FaultClass::Unavailable => (2, 300),
            FaultClass::Conflict => (1, 60),
            _ => (10, 600),
        };
        let seconds = u64::from(2_u32.saturating_pow((*count).min(16) - 1)).saturating_mul(start).min(limit);
        jittered(Duration::from_secs(seconds))
    }

    /// Counts a pass that wrote and is to be confirmed; gives how many there were in a row.
    pub fn again(&self, object: &str) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(object.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Forgets the failures of an object.
    pub fn succeeded(&self, object: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
    }
}

/// A duration up to a tenth shorter or longer, so that objects do not march in step.
#[must_use]
pub fn jittered(duration: Duration) -> Duration {
    // A fresh hasher is randomly keyed: enough for spreading, without a generator of its own.
    let share = RandomState::new().hash_one(0_u8) % 200;
    duration.mul_f64(0.9 + f64::from(u32::try_from(share).unwrap_or(100)) / 1000.0)
}
