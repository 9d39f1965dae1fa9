//! A time limit that does not count the time spent waiting for a token: a service that is asked slowly fails nobody's pass.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

tokio::task_local! {
    static WAITED: Mutex<Waited>;
}

/// How long a pass has waited. Calls that wait at the same time count once.
#[derive(Debug, Default)]
struct Waited {
    now: usize,
    since: Option<Instant>,
    total: Duration,
}

impl Waited {
    fn begin(&mut self, at: Instant) {
        if self.now == 0 {
            self.since = Some(at);
        }
        self.now += 1;
    }

    fn end(&mut self, at: Instant) {
        self.now = self.now.saturating_sub(1);
        if self.now == 0 {
            self.total = self.until(at);
            self.since = None;
        }
    }

    fn until(&self, at: Instant) -> Duration {
        self.total + self.since.map(|since| at.saturating_duration_since(since)).unwrap_or_default()
    }
}

/// A wait that is not counted, as long as this lives.
pub(super) struct Waiting;

impl Waiting {
    pub(super) fn begin() -> Self {
        with(|waited| waited.begin(Instant::now()));
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        with(|waited| waited.end(Instant::now()));
    }
}

/// Outside of a pass nobody counts.
fn with(change: impl FnOnce(&mut Waited)) {
    let _ = WAITED.try_with(|waited| change(&mut waited.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Awaits `pass`, but no longer than `limit` and what it spends waiting for tokens; `None` if it took longer.
pub async fn within<T>(limit: Duration, pass: impl Future<Output = T>) -> Option<T> {
    let began = Instant::now();
    WAITED
        .scope(Mutex::default(), async {
            let mut pass = std::pin::pin!(pass);
            loop {
                let mut waited = Duration::ZERO;
                with(|all| waited = all.until(Instant::now()));
                let end = began + limit + waited;
                if Instant::now() >= end {
                    return None;
                }
                if let Ok(outcome) = timeout_at(end.into(), &mut pass).await {
                    return Some(outcome);
                }
            }
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn waits_for_tokens_do_not_count_and_everything_else_does() {
        let patient = within(SHORT, async {
            let one = async {
                let _waiting = Waiting::begin();
                tokio::time::sleep(SHORT * 4).await;
            };
            let other = async {
                let _waiting = Waiting::begin();
                tokio::time::sleep(SHORT * 2).await;
            };
            tokio::join!(one, other);
        });
        assert_eq!(patient.await, Some(()));
        assert_eq!(within(SHORT, tokio::time::sleep(SHORT * 4)).await, None);
    }

    #[test]
    fn waits_at_the_same_time_count_once() {
        let start = Instant::now();
        let mut waited = Waited::default();
        waited.begin(start);
        waited.begin(start + SHORT);
        waited.end(start + SHORT * 2);
        waited.end(start + SHORT * 3);
        waited.begin(start + SHORT * 10);
        assert_eq!(waited.until(start + SHORT * 11), SHORT * 4);
    }
}
