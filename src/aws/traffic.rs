//! What all calls of an account's clients share: a token bucket for each service, and the breaker of the credentials.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::alarm::Alarm;
use super::patience::Waiting;
use crate::domain::breaker::Breaker;
use crate::domain::pace::{Bucket, Pace};
use crate::domain::{Fault, FaultClass};

/// What each service allows, in requests a second and at once. EC2 publishes its own
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>), KMS and EKS as quotas; IAM publishes none, so it starts
/// high enough never to slow down an account that does not throttle, and is brought down by the first answer that does.
const PACES: [(&str, Pace); 6] = [
    ("bedrock", Pace { rate: 20.0, burst: 100.0 }),
    ("ec2", Pace { rate: 20.0, burst: 100.0 }),
    ("eks", Pace { rate: 10.0, burst: 20.0 }),
    ("iam", Pace { rate: 100.0, burst: 200.0 }),
    ("kms", Pace { rate: 50.0, burst: 100.0 }),
    ("sts", Pace { rate: 50.0, burst: 100.0 }),
];
/// What any other service is taken to allow.
const OTHERS: Pace = Pace { rate: 20.0, burst: 50.0 };

/// The shared state.
#[derive(Debug)]
pub(super) struct Traffic {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    breaker: Mutex<Breaker>,
    broken: watch::Sender<bool>,
    alarm: Alarm,
}

impl Traffic {
    /// The state of one account's clients, among the others that share the `alarm`.
    pub(super) fn new(alarm: &Alarm) -> Arc<Self> {
        let (buckets, breaker, broken) = (Mutex::default(), Mutex::default(), watch::Sender::new(false));
        let traffic = Arc::new(Self { buckets, breaker, broken, alarm: alarm.clone() });
        alarm.join(&traffic);
        traffic
    }

    /// Waits until a request may go to the service. One that is a retry is a sign of trouble.
    pub(super) async fn turn(&self, service: &str, retry: bool) {
        let now = Instant::now();
        let wait = self.bucket(service, |bucket| {
            if retry {
                bucket.ease(now);
            }
            bucket.take(now)
        });
        if !wait.is_zero() {
            let _waiting = Waiting::begin();
            tokio::time::sleep(wait).await;
        }
    }

    /// An attempt was answered by asking us to slow down.
    pub(super) fn throttled(&self, service: &str) {
        self.bucket(service, |bucket| bucket.slow_down(Instant::now()));
    }

    /// The fault with which a call is answered instead of being made.
    pub(super) fn refusal(&self) -> Option<Fault> {
        self.breaker().refusal().cloned()
    }

    /// Takes in what became of an operation.
    pub(super) fn made(&self, service: &str, outcome: Result<(), &Fault>) {
        let now = Instant::now();
        match outcome.map_err(|fault| fault.class) {
            Ok(()) => self.bucket(service, |bucket| bucket.succeed(now)),
            Err(FaultClass::Throttled) => self.bucket(service, |bucket| bucket.slow_down(now)),
            Err(_) => {}
        }
        if self.opens(|breaker| breaker.made(outcome, now)) {
            tracing::warn!(fault = %outcome.err().map(ToString::to_string).unwrap_or_default(), "no call is made before the credentials work");
            outcome.err().into_iter().for_each(|fault| self.alarm.raise(fault));
        }
    }

    /// The credentials failed elsewhere.
    pub(super) fn suspect(&self, fault: &Fault) {
        self.opens(|breaker| breaker.suspect(fault));
    }

    /// Says whether the breaker opened. It is told while it is locked, so that what is told last is how it is.
    fn opens(&self, change: impl FnOnce(&mut Breaker) -> bool) -> bool {
        let mut breaker = self.breaker();
        let opened = change(&mut breaker);
        if opened {
            self.broken.send_replace(true);
        }
        opened
    }

    /// Takes in what became of a probe of the credentials; says whether they work again.
    pub(super) fn probed(&self, outcome: Result<(), &Fault>) -> bool {
        let mut breaker = self.breaker();
        let closed = breaker.probed(outcome, Instant::now());
        if closed {
            tracing::info!("the credentials work again");
            self.broken.send_replace(false);
        }
        closed
    }

    /// Waits until the credentials do not work.
    pub(super) async fn broken(&self) {
        // The sender lives as long as this.
        let _ = self.broken.subscribe().wait_for(|broken| *broken).await;
    }

    /// How long to wait before the next probe.
    pub(super) fn next_probe(&self) -> Duration {
        self.breaker().next_probe()
    }

    /// By how much slower than in good times the slowest service is asked.
    pub(super) fn slowness(&self) -> f64 {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).values().map(Bucket::slowness).fold(1.0, f64::max)
    }

    fn bucket<T>(&self, service: &str, use_it: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(service) {
            return use_it(bucket);
        }
        let pace = PACES.iter().find(|(name, _)| *name == service).map_or(OTHERS, |(_, pace)| *pace);
        use_it(buckets.entry(service.to_owned()).or_insert_with(|| Bucket::new(pace, Instant::now())))
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(class: FaultClass) -> Fault {
        Fault { class, service: "iam", operation: "CreateRole", code: "Throttling".into() }
    }

    #[test]
    fn throttling_slows_one_service_and_sweeps_with_it() {
        let traffic = Traffic::new(&Alarm::default());
        traffic.made("iam", Err(&fault(FaultClass::Throttled)));
        assert!((traffic.slowness() - 2.0).abs() < f64::EPSILON);
        traffic.bucket("ec2", |bucket| assert!((bucket.slowness() - 1.0).abs() < f64::EPSILON));
        for class in FaultClass::ALL.into_iter().filter(|class| *class != FaultClass::Throttled) {
            traffic.made("ec2", Err(&fault(class)));
        }
        traffic.bucket("ec2", |bucket| assert!((bucket.slowness() - 1.0).abs() < f64::EPSILON));
    }

    #[tokio::test]
    async fn credentials_that_fail_for_one_client_stop_all_until_each_has_probed() {
        let alarm = Alarm::default();
        let [first, second] = [Traffic::new(&alarm), Traffic::new(&alarm)];
        let broken = fault(FaultClass::Credentials);
        first.made("iam", Err(&broken));
        second.broken().await;
        assert_eq!((first.refusal(), second.refusal()), (Some(broken.clone()), Some(broken.clone())));
        assert_eq!((first.next_probe().is_zero(), second.next_probe()), (false, Duration::ZERO));
        assert!(second.probed(Ok(())), "its Region takes them");
        assert_eq!((first.refusal(), second.refusal()), (Some(broken.clone()), None));
        first.made("iam", Err(&broken));
        assert!(!first.probed(Err(&broken)));
        assert_eq!(second.refusal(), None, "what goes on failing disturbs nobody");
    }

    #[tokio::test]
    async fn broken_credentials_are_told_and_recovered() {
        let traffic = Traffic::new(&Alarm::default());
        assert_eq!(traffic.refusal(), None);
        let broken = fault(FaultClass::Credentials);
        traffic.made("iam", Err(&broken));
        traffic.broken().await;
        assert_eq!(traffic.refusal(), Some(broken.clone()));
        assert!(!traffic.probed(Err(&broken)));
        assert!(traffic.probed(Ok(())));
        assert_eq!(traffic.refusal(), None);
    }
}
