//! What all clients of the process share, because they have the same credentials.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::traffic::Traffic;
use crate::domain::Fault;

/// Credentials that fail for one client stop the calls of all, at once.
///
/// Each other client then probes them in its own Region before its next call, because a Region that the account has not enabled refuses
/// credentials that work everywhere else (<https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>): such a
/// Region costs the others one probe, and no more.
#[derive(Clone, Debug, Default)]
pub struct Alarm(Arc<Mutex<Vec<Weak<Traffic>>>>);

impl Alarm {
    pub(super) fn join(&self, traffic: &Arc<Traffic>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(traffic));
    }

    pub(super) fn raise(&self, fault: &Fault) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.iter().filter_map(Weak::upgrade).for_each(|traffic| traffic.suspect(fault));
    }
}
