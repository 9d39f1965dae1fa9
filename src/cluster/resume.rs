//! How soon a watch that was interrupted is resumed: within seconds of the API server's return, however long that was away.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// Wait after the first failure; it doubles.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait: seven watches that ask this often are no load.
const LONGEST: Duration = Duration::from_secs(4);

/// The waits of one watch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resume {
    failures: u32,
}

impl Iterator for Resume {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        Some(wait)
    }
}

impl Backoff for Resume {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_never_waits_long_and_never_gives_up() {
        let mut resume = Resume::default();
        let waits: Vec<u128> = resume.by_ref().take(50).map(|wait| wait.as_millis()).collect();
        assert_eq!((&waits[..4], waits[49]), (&[500, 1000, 2000, 4000][..], 4000));
        resume.reset();
        assert_eq!(resume.next(), Some(FIRST));
    }
}
