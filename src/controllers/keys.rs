//! Makes a key once. KMS takes no client token, and what was just made may not be found for a while
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/programming-eventual-consistency.html>).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::aws::kms::Kms;
use crate::domain::tags::Tags;
use crate::domain::{Fault, FaultClass};
use crate::policy::PolicyDocument;

/// What is known of keys that may not be found yet, by alias.
#[derive(Debug)]
pub struct Keys {
    settling: Duration,
    started: Instant,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone, Debug)]
enum Known {
    /// Made at this time.
    Made(String, Instant),
    /// A call that may have made one was last under way at this time.
    Doubtful(Instant),
}

impl Keys {
    /// Nothing is known; what was made longer than `settling` ago is found by everyone.
    #[must_use]
    pub fn new(settling: Duration) -> Self {
        Self { settling, started: Instant::now(), known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that writes were under way when another process ended: it may have made the key.
    pub fn left_under_way(&self, alias: &str) {
        self.lock().entry(alias.to_owned()).or_insert(Known::Doubtful(self.started));
    }

    /// ARN of the key with these tags: the one that is there, or a new one.
    ///
    /// # Errors
    /// `Conflict` while one may have been made that is not found yet; or when a call fails.
    pub async fn make(&self, kms: &Kms, alias: &str, policy: &PolicyDocument, tags: &Tags) -> Result<String, Fault> {
        let known = self.lock().get(alias).cloned();
        let settling = |since: Instant| since.elapsed() < self.settling;
        if let Some(Known::Made(arn, at)) = &known
            && settling(*at)
        {
            return Ok(arn.clone());
        }
        if let Some(arn) = kms.find_by_tags(tags).await? {
            return Ok(arn);
        }
        if let Some(Known::Doubtful(at)) = known
            && settling(at)
        {
            let code = "NotSettled".to_owned();
            return Err(Fault { class: FaultClass::Conflict, service: "kms", operation: "CreateKey", code });
        }
        // Before the call: its future may be dropped.
        self.lock().insert(alias.to_owned(), Known::Doubtful(Instant::now()));
        let made = kms.create_key(&policy.to_json(), "Environment key of hipaa-operator", tags).await;
        let known = match &made {
            Ok(arn) => Some(Known::Made(arn.clone(), Instant::now())),
            // The service has said that it made none.
            Err(fault) if refused(fault.class) => None,
            Err(_) => Some(Known::Doubtful(Instant::now())),
        };
        match known {
            Some(known) => drop(self.lock().insert(alias.to_owned(), known)),
            None => drop(self.lock().remove(alias)),
        }
        made
    }
}

fn refused(class: FaultClass) -> bool {
    matches!(class, FaultClass::Credentials | FaultClass::Denied | FaultClass::Invalid | FaultClass::Quota | FaultClass::Throttled)
}
