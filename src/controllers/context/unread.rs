//! What could not be read of an environment's account, since when, and what follows for its workloads.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Context, Doubt};

/// Sweeps after which an account that cannot be read makes the posture of its workloads unknown: a passing fault does not.
const STALE_SWEEPS: u32 = 3;

/// For how long a removal that failed speaks for the next ones.
const AWAY: Duration = Duration::from_secs(20);

/// Since when an environment's account could not be read as its workloads need it, and why.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    since: Instant,
    last: Doubt,
    /// Whether the last read of IAM failed.
    iam_away: bool,
    /// Whether its workloads were told.
    told: bool,
}

impl Context {
    /// Takes in whether a pass over an environment could read what its workloads depend on. Says whether that has just become stale, or
    /// has just ended to be: then all of them are to be woken.
    pub fn note_read(&self, name: &str, outcome: Result<(), Doubt>, iam_read: bool) -> bool {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(doubt) = outcome else {
            return unread.remove(name).is_some_and(|before| before.told);
        };
        let now = Instant::now();
        let entry =
            unread.entry(name.to_owned()).or_insert_with(|| Unread { since: now, last: doubt.clone(), iam_away: false, told: false });
        (entry.last, entry.iam_away) = (doubt, !iam_read);
        let stale = now.saturating_duration_since(entry.since) >= self.settings.sweep_interval.saturating_mul(STALE_SWEEPS);
        stale && !std::mem::replace(&mut entry.told, true)
    }

    /// Notes that something could not be taken away just now.
    pub fn iam_failed(&self, name: &str) {
        self.iam_failed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Instant::now());
    }

    /// Whether IAM did not answer the last pass over an environment, or a removal in it just now: nothing else that goes waits for it.
    #[must_use]
    pub fn iam_away(&self, name: &str) -> bool {
        let failed = self.iam_failed.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if failed.is_some_and(|failed| failed.elapsed() < AWAY) {
            return true;
        }
        self.unread.lock().unwrap_or_else(PoisonError::into_inner).get(name).is_some_and(|unread| unread.iam_away)
    }

    /// Why an environment's account could not be read for so long that nothing may be claimed of its workloads any more.
    #[must_use]
    pub fn stale(&self, name: &str) -> Option<Doubt> {
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        unread.get(name).filter(|unread| unread.told).map(|unread| unread.last.clone())
    }
}
