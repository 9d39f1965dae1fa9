//! One breaker for the credentials: while they do not work, nothing is sent but a probe from time to time.

use std::time::{Duration, Instant};

use super::{Fault, FaultClass};

/// Time before the first probe.
pub const FIRST: Duration = Duration::from_secs(1);
/// Longest time between two probes.
pub const LONGEST: Duration = Duration::from_secs(15);
/// Credentials that fail again within this time after they worked are probed at the old, long intervals.
const TRUSTED: Duration = Duration::from_mins(1);

/// Whether calls may be made, and when to probe.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    open: Option<Fault>,
    /// Whether it was opened because the credentials failed elsewhere.
    suspected: bool,
    /// Probes that failed in a row.
    failed: u32,
    closed: Option<Instant>,
}

impl Breaker {
    /// The fault with which calls are answered instead of being made.
    #[must_use]
    pub fn refusal(&self) -> Option<&Fault> {
        self.open.as_ref()
    }

    /// Takes in what became of a call that was made; says whether the breaker opened by it.
    pub fn made(&mut self, outcome: Result<(), &Fault>, now: Instant) -> bool {
        let Some(fault) = outcome.err().filter(|fault| fault.class == FaultClass::Credentials) else {
            return false;
        };
        if self.open.is_none() && self.closed.is_some_and(|closed| now.saturating_duration_since(closed) > TRUSTED) {
            self.failed = 0;
        }
        let opened = self.open.is_none();
        self.open.get_or_insert_with(|| fault.clone());
        opened
    }

    /// The credentials failed elsewhere: no call is made before a probe, which need not wait. Says whether the breaker opened by it.
    pub fn suspect(&mut self, fault: &Fault) -> bool {
        let opened = self.open.is_none();
        self.suspected |= opened;
        self.open.get_or_insert_with(|| fault.clone());
        opened
    }

    /// Takes in what became of a probe; says whether the breaker closed by it. Whatever is not about the credentials closes it: what
    /// else is wrong shows by itself.
    pub fn probed(&mut self, outcome: Result<(), &Fault>, now: Instant) -> bool {
        let suspected = std::mem::take(&mut self.suspected);
        if let Some(fault) = outcome.err().filter(|fault| fault.class == FaultClass::Credentials) {
            self.failed = self.failed.saturating_add(1);
            self.open = Some(fault.clone());
            return false;
        }
        // What was only suspected says nothing about the next time.
        if !suspected {
            self.failed = self.failed.saturating_add(1);
            self.closed = Some(now);
        }
        self.open.take().is_some()
    }

    /// How long to wait before the next probe: not at all for the first after a suspicion, else doubling, never longer than [`LONGEST`].
    #[must_use]
    pub fn next_probe(&self) -> Duration {
        if self.suspected {
            return Duration::ZERO;
        }
        FIRST.saturating_mul(2_u32.saturating_pow(self.failed.min(16))).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(class: FaultClass) -> Fault {
        Fault { class, service: "sts", operation: "GetCallerIdentity", code: "ExpiredToken".into() }
    }

    #[test]
    fn only_credentials_open_it() {
        let now = Instant::now();
        for class in FaultClass::ALL {
            let mut breaker = Breaker::default();
            let fault = fault(class);
            assert_eq!(breaker.made(Err(&fault), now), class == FaultClass::Credentials, "{class:?}");
            assert_eq!(breaker.refusal().is_some(), class == FaultClass::Credentials);
            assert!(!breaker.made(Err(&fault), now), "it opens once");
        }
    }

    #[test]
    fn a_probe_closes_it_unless_the_credentials_still_fail() {
        let now = Instant::now();
        let broken = fault(FaultClass::Credentials);
        for class in FaultClass::ALL {
            let mut breaker = Breaker::default();
            breaker.made(Err(&broken), now);
            let answer = fault(class);
            assert_eq!(breaker.probed(Err(&answer), now), class != FaultClass::Credentials, "{class:?}");
        }
        let mut breaker = Breaker::default();
        breaker.made(Err(&broken), now);
        assert!(breaker.probed(Ok(()), now));
        assert_eq!(breaker.refusal(), None);
    }

    #[test]
    fn a_suspicion_costs_one_probe_at_once_and_is_no_failure() {
        let now = Instant::now();
        let broken = fault(FaultClass::Credentials);
        let mut breaker = Breaker::default();
        assert!(breaker.suspect(&broken) && !breaker.suspect(&broken));
        assert_eq!((breaker.refusal(), breaker.next_probe()), (Some(&broken), Duration::ZERO));
        assert!(breaker.probed(Ok(()), now));
        breaker.made(Err(&broken), now);
        assert_eq!(breaker.next_probe(), FIRST, "the first real failure is probed soon");
        assert!(!breaker.suspect(&broken), "what is known is not suspected");
        assert_eq!(breaker.next_probe(), FIRST);

        let mut breaker = Breaker::default();
        breaker.suspect(&broken);
        assert!(!breaker.probed(Err(&broken), now));
        assert_eq!((breaker.refusal(), breaker.next_probe()), (Some(&broken), FIRST * 2), "a suspicion that is right is a failure");
    }

    #[test]
    fn probes_grow_rare_and_never_stop() {
        let mut now = Instant::now();
        let broken = fault(FaultClass::Credentials);
        let mut breaker = Breaker::default();
        breaker.made(Err(&broken), now);
        let waits: Vec<u64> = (0..40)
            .map(|_| {
                let wait = breaker.next_probe();
                now += wait;
                breaker.probed(Err(&broken), now);
                wait.as_secs()
            })
            .collect();
        assert_eq!(waits[..6], [1, 2, 4, 8, 15, 15]);
        assert_eq!(waits[39], 15);
    }

    #[test]
    fn credentials_that_fail_at_once_again_are_not_probed_quickly() {
        let now = Instant::now();
        let broken = fault(FaultClass::Credentials);
        let mut breaker = Breaker::default();
        breaker.made(Err(&broken), now);
        for _ in 0..5 {
            breaker.probed(Err(&broken), now);
        }
        assert!(breaker.probed(Ok(()), now));
        breaker.made(Err(&broken), now + TRUSTED / 2);
        assert_eq!(breaker.next_probe(), LONGEST);
        assert!(breaker.probed(Ok(()), now + TRUSTED));
        breaker.made(Err(&broken), now + TRUSTED * 3);
        assert_eq!(breaker.next_probe(), FIRST);
    }
}
