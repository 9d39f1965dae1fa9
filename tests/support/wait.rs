//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Asks until the answer is `Ok`, or gives the last `Err` once `deadline` has passed. Asks at least once.
pub async fn until<T, A: Future<Output = Result<T, String>>>(deadline: Duration, mut ask: impl FnMut() -> A) -> Result<T, String> {
    let end = Instant::now() + deadline;
    loop {
        let error = match tokio::time::timeout_at(end.into(), ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => "no answer before the deadline".to_owned(),
        };
        if Instant::now() + INTERVAL > end {
            return Err(error);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
