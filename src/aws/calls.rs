//! The one way through which every call to AWS goes: refused while the credentials do not work, counted, and its failure turned into
//! a [`Fault`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::alarm::Alarm;
use super::fault::{fault_of, refusal};
use super::traffic::Traffic;
use crate::domain::Fault;
use crate::domain::fault::FaultClass;
use crate::observed::Read;

type Observe = dyn Fn(&'static str, &'static str, Option<FaultClass>) + Send + Sync;

/// Told once of each operation that has finished, whatever the number of attempts it took: service, operation, and the class of the
/// failure if it failed. Each page of a list is an operation. A call whose future is dropped is not told of, nor one that was not made.
///
/// Clones share one breaker for the credentials and one token bucket for each service; all that are made with one [`Alarm`] hear of
/// credentials that fail.
#[derive(Clone)]
pub struct CallObserver {
    observe: Arc<Observe>,
    traffic: Arc<Traffic>,
    /// Whether the calls go to another Region than that of the clients it was made for.
    elsewhere: bool,
}

impl CallObserver {
    /// Calls `observe` on each finished operation. It must be quick: it runs between the calls.
    pub fn new(observe: impl Fn(&'static str, &'static str, Option<FaultClass>) + Send + Sync + 'static, alarm: &Alarm) -> Self {
        Self { observe: Arc::new(observe), traffic: Traffic::new(alarm), elsewhere: false }
    }

    /// The same for calls to another Region: they stop while the credentials do not work, and never are the proof that they do not.
    pub(super) fn elsewhere(&self) -> Self {
        Self { elsewhere: true, ..self.clone() }
    }

    /// Lets all calls know what became of one.
    fn made(&self, service: &str, outcome: Result<(), &Fault>) {
        if !(self.elsewhere && outcome.is_err_and(|fault| fault.class == FaultClass::Credentials)) {
            self.traffic.made(service, outcome);
        }
    }

    /// By how much slower than in good times the slowest service is asked: 1 if nobody throttles us.
    #[must_use]
    pub fn slowness(&self) -> f64 {
        self.traffic.slowness()
    }

    /// What all calls share.
    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Waits until calls are refused because the credentials do not work.
    pub(super) async fn broken(&self) {
        self.traffic.broken().await;
    }

    /// How long to wait before the next probe of the credentials.
    pub(super) fn next_probe(&self) -> Duration {
        self.traffic.next_probe()
    }

    /// Awaits `call` and reports it.
    pub(super) fn watch<T, E>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Result<T, Fault>>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        self.watch_refusal(service, operation, call, |_| None)
    }

    /// Like [`watch`](Self::watch), for operations that answer 200 and say in the answer that they have failed: `refused` finds the code.
    pub(super) fn watch_refusal<T, E>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        refused: impl FnOnce(&T) -> Option<String>,
    ) -> impl Future<Output = Result<T, Fault>>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // The SDK's futures are up to 20 kB; callers need not carry them.
        let call = Box::pin(call);
        async move {
            if let Some(fault) = self.traffic.refusal() {
                return Err(fault);
            }
            let outcome = self.report(service, operation, call.await, refused);
            self.made(service, outcome.as_ref().map(drop));
            outcome
        }
    }

    /// Awaits the next page of a list and reports it; `None` after the last.
    pub(super) async fn page<T, E>(
        &self,
        service: &'static str,
        operation: &'static str,
        next: impl Future<Output = Option<Result<T, SdkError<E, HttpResponse>>>>,
    ) -> Result<Option<T>, Fault>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(fault) = self.traffic.refusal() {
            return Err(fault);
        }
        let Some(page) = next.await else { return Ok(None) };
        let outcome = self.report(service, operation, page, |_| None);
        self.made(service, outcome.as_ref().map(drop));
        outcome.map(Some)
    }

    /// Awaits a call that is made although the credentials do not work, to see whether they do now; says whether they do again.
    pub(super) async fn probe<T, E>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> bool
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let outcome = self.report(service, operation, Box::pin(call).await, |_| None);
        self.traffic.probed(outcome.as_ref().map(drop))
    }

    fn report<T, E>(
        &self,
        service: &'static str,
        operation: &'static str,
        answer: Result<T, SdkError<E, HttpResponse>>,
        refused: impl FnOnce(&T) -> Option<String>,
    ) -> Result<T, Fault>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let outcome = match answer {
            Ok(answer) => match refused(&answer) {
                Some(code) => Err(refusal(service, operation, code)),
                None => Ok(answer),
            },
            Err(error) => Err(fault_of(service, operation, &error)),
        };
        (self.observe)(service, operation, outcome.as_ref().err().map(|fault| fault.class));
        outcome
    }
}

impl fmt::Debug for CallObserver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CallObserver")
    }
}

/// What is not found is absent, not a failure.
pub(super) fn present<T>(outcome: Result<T, Fault>) -> Read<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.class == FaultClass::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// What is gone already is removed.
pub(super) fn gone<T>(outcome: Result<T, Fault>) -> Result<(), Fault> {
    present(outcome).map(drop)
}
