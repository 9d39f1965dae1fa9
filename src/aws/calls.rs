//! The one way through which every call to AWS goes: counted, and its failure turned into a [`Fault`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::fault::{fault_of, refusal};
use crate::domain::Fault;
use crate::domain::fault::FaultClass;
use crate::observed::Read;

/// Told once of each operation that has finished, whatever the number of attempts it took: service, operation, and the class of the
/// failure if it failed. Each page of a list is an operation. A call whose future is dropped is not told of.
#[derive(Clone)]
pub struct CallObserver(Arc<dyn Fn(&'static str, &'static str, Option<FaultClass>) + Send + Sync>);

impl CallObserver {
    /// Calls `observe` on each finished operation. It must be quick: it runs between the calls.
    pub fn new(observe: impl Fn(&'static str, &'static str, Option<FaultClass>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
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
            let outcome = match call.await {
                Ok(answer) => match refused(&answer) {
                    Some(code) => Err(refusal(service, operation, code)),
                    None => Ok(answer),
                },
                Err(error) => Err(fault_of(service, operation, &error)),
            };
            (self.0)(service, operation, outcome.as_ref().err().map(|fault| fault.class));
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
        match next.await {
            Some(outcome) => self.watch(service, operation, std::future::ready(outcome)).await.map(Some),
            None => Ok(None),
        }
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
