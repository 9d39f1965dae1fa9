//! Who leads: the rules of the lease, without clock and without cluster.
//!
//! No clock but the caller's own is trusted: whether another's lease has run out is judged by how long it was seen unchanged, never by
//! the times written in it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

/// How long a lease lasts, and how its holder and its candidates behave. Always duration > renew deadline > retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    duration: Duration,
    renew_deadline: Duration,
    retry: Duration,
}

/// What to do about a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Take it: it is free, or its holder has been silent for too long.
    Acquire,
    /// It is ours: say that we live.
    Renew,
    /// It is another's, at least for this time.
    Wait(Duration),
}

impl Terms {
    /// Terms by which a holder has stopped before another may begin: what it sent just before its deadline has the time between
    /// deadline and duration to arrive.
    ///
    /// # Errors
    /// When they are not in the order that makes this so.
    pub fn new(duration: Duration, renew_deadline: Duration, retry: Duration) -> Result<Self, String> {
        if duration > renew_deadline && renew_deadline > retry && !retry.is_zero() {
            return Ok(Self { duration, renew_deadline, retry });
        }
        Err(format!(
            "the lease must last longer than its renew deadline, and that longer than a retry: {duration:?} > {renew_deadline:?} > {retry:?} does not hold"
        ))
    }

    /// How long a candidate waits for a holder that is silent.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How long a holder leads on without having renewed.
    #[must_use]
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// Time between two renewals, and between two looks of a candidate.
    #[must_use]
    pub fn retry(&self) -> Duration {
        self.retry
    }

    /// The duration as the API stores it: whole seconds, rounded up.
    fn seconds(&self) -> i32 {
        let up = self.duration.as_secs() + u64::from(self.duration.subsec_nanos() > 0);
        i32::try_from(up).unwrap_or(i32::MAX)
    }

    /// How long the holder of `lease` may be silent. Its own word counts, because it may run under other flags; where its seconds are
    /// ours, ours are more exact.
    fn patience(&self, lease: &LeaseSpec) -> Duration {
        match lease.lease_duration_seconds {
            Some(seconds) if seconds != self.seconds() => Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
            _ => self.duration,
        }
    }
}

/// What `me` is to do about a lease that it has seen unchanged for `unchanged` by its own clock.
#[must_use]
pub fn decide(lease: &LeaseSpec, me: &str, unchanged: Duration, terms: &Terms) -> Decision {
    match holder(lease) {
        None => Decision::Acquire,
        Some(holder) if holder == me => Decision::Renew,
        Some(_) => match terms.patience(lease).checked_sub(unchanged) {
            Some(left) if !left.is_zero() => Decision::Wait(left),
            _ => Decision::Acquire,
        },
    }
}

/// Who holds it, if anyone.
#[must_use]
pub fn holder(lease: &LeaseSpec) -> Option<&str> {
    lease.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// The lease as `me` takes or renews it.
#[must_use]
pub fn held(lease: &LeaseSpec, me: &str, now: Timestamp, terms: &Terms) -> LeaseSpec {
    let mut next = LeaseSpec { renew_time: Some(MicroTime(now)), lease_duration_seconds: Some(terms.seconds()), ..lease.clone() };
    if holder(lease) != Some(me) {
        next.holder_identity = Some(me.to_owned());
        next.acquire_time = Some(MicroTime(now));
        // The first holder of all follows nobody.
        next.lease_transitions = Some(lease.acquire_time.as_ref().map_or(0, |_| lease.lease_transitions.unwrap_or_default() + 1));
    }
    next
}

/// The lease as its holder gives it up: free, with its history.
#[must_use]
pub fn released(lease: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec { holder_identity: None, renew_time: Some(MicroTime(now)), ..lease.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "operator-1_a";

    fn terms() -> Terms {
        Terms::new(Duration::from_secs(15), Duration::from_secs(10), Duration::from_secs(2)).unwrap()
    }

    fn lease(holder: Option<&str>, seconds: Option<i32>) -> LeaseSpec {
        LeaseSpec { holder_identity: holder.map(str::to_owned), lease_duration_seconds: seconds, ..LeaseSpec::default() }
    }

    #[test]
    fn a_lease_is_taken_when_it_is_free_or_its_holder_was_silent_for_as_long_as_it_said() {
        let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
        let other = Some("operator-2_b");
        for (what, lease, unchanged, wanted) in [
            ("no holder", lease(None, None), seconds(0), Decision::Acquire),
            ("an empty holder", lease(Some(""), Some(15)), seconds(0), Decision::Acquire),
            ("ours", lease(Some(ME), Some(15)), seconds(0), Decision::Renew),
            ("ours, long unchanged", lease(Some(ME), Some(15)), seconds(99), Decision::Renew),
            ("the same pod, started anew", lease(Some("operator-1_b"), Some(15)), seconds(1), Decision::Wait(seconds(14))),
            ("another's, just seen", lease(other, Some(15)), seconds(0), Decision::Wait(seconds(15))),
            ("another's, nearly silent for long enough", lease(other, Some(15)), millis(14_999), Decision::Wait(millis(1))),
            ("another's, silent for long enough", lease(other, Some(15)), seconds(15), Decision::Acquire),
            ("another's with longer terms", lease(other, Some(60)), seconds(20), Decision::Wait(seconds(40))),
            ("another's with shorter terms", lease(other, Some(5)), seconds(6), Decision::Acquire),
            ("another's without terms", lease(other, None), seconds(14), Decision::Wait(seconds(1))),
        ] {
            assert_eq!(decide(&lease, ME, unchanged, &terms()), wanted, "{what}");
        }
    }

    #[test]
    fn the_times_written_in_a_lease_count_for_nothing() {
        let long_ago = Some(MicroTime(Timestamp::from_second(0).unwrap()));
        let stale = LeaseSpec { renew_time: long_ago.clone(), acquire_time: long_ago, ..lease(Some("other"), Some(15)) };
        assert_eq!(decide(&stale, ME, Duration::from_secs(1), &terms()), Decision::Wait(Duration::from_secs(14)));
    }

    #[test]
    fn fractions_of_a_second_are_stored_rounded_up_and_meant_exactly() {
        let millis = Duration::from_millis;
        let terms = Terms::new(millis(400), millis(300), millis(50)).unwrap();
        let taken = held(&LeaseSpec::default(), "other", Timestamp::from_second(1).unwrap(), &terms);
        assert_eq!(taken.lease_duration_seconds, Some(1));
        assert_eq!(decide(&taken, ME, millis(399), &terms), Decision::Wait(millis(1)));
        assert_eq!(decide(&taken, ME, millis(400), &terms), Decision::Acquire);
    }

    #[test]
    fn terms_have_to_end_one_leader_before_the_next() {
        let seconds = Duration::from_secs;
        assert!(Terms::new(seconds(15), seconds(10), seconds(2)).is_ok());
        for (duration, deadline, retry) in [(10, 10, 2), (10, 15, 2), (15, 2, 2), (15, 2, 10), (15, 10, 0)] {
            let said = Terms::new(seconds(duration), seconds(deadline), seconds(retry)).unwrap_err();
            assert!(said.contains("longer than"), "{said}");
        }
    }

    #[test]
    fn transitions_are_counted_and_renewals_are_not() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = held(&LeaseSpec::default(), ME, at(1), &terms());
        assert_eq!((first.lease_transitions, first.acquire_time.clone()), (Some(0), Some(MicroTime(at(1)))));
        let renewed = held(&first, ME, at(2), &terms());
        assert_eq!(renewed, LeaseSpec { renew_time: Some(MicroTime(at(2))), ..first });
        let free = released(&renewed, at(3));
        assert_eq!((holder(&free), free.lease_transitions), (None, Some(0)));
        let second = held(&free, "other", at(4), &terms());
        assert_eq!((second.lease_transitions, second.acquire_time), (Some(1), Some(MicroTime(at(4)))));
    }
}
