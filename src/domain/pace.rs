//! How fast calls may go out: a token bucket that halves under throttling and recovers with success.

use std::time::{Duration, Instant};

/// Slowest rate, in calls a second, that throttling brings a bucket down to: someone must ask to see that it is over.
pub const FLOOR: f64 = 1.0;
/// Shortest time between two halvings: answers to calls that were under way together are one signal.
const HALVING: Duration = Duration::from_secs(1);
/// What each success gives back, as a share of the full rate.
const RECOVERY: f64 = 0.02;
/// Time without throttling after which the rate doubles, whether anything succeeded or was not even tried.
const QUIET: Duration = Duration::from_mins(1);
/// What a sign of trouble that is no throttling leaves of the rate.
const EASED: f64 = 0.9;

/// What a bucket allows while nobody throttles us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Calls a second.
    pub rate: f64,
    /// Calls at once after a quiet time.
    pub burst: f64,
}

/// A token bucket. Whoever takes a token that is not there yet is told how long to wait for it, and so has a place in the queue.
#[derive(Clone, Debug)]
pub struct Bucket {
    full: Pace,
    rate: f64,
    tokens: f64,
    filled: Instant,
    slowed: Option<Instant>,
    quiet: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(full: Pace, now: Instant) -> Self {
        Self { full, rate: full.rate, tokens: full.burst, filled: now, slowed: None, quiet: now }
    }

    /// Takes a token; gives how long to wait before it may be used.
    pub fn take(&mut self, now: Instant) -> Duration {
        self.fill(now);
        self.tokens -= 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / self.rate) }
    }

    /// The service asked us to slow down: half the rate, and nothing of what was saved up.
    pub fn slow_down(&mut self, now: Instant) {
        if self.reduce(0.5, now) {
            self.tokens = self.tokens.min(0.0);
        }
    }

    /// A call had to be tried again: a little slower.
    pub fn ease(&mut self, now: Instant) {
        self.reduce(EASED, now);
    }

    /// Leaves this share of the rate, once for signals that come together.
    fn reduce(&mut self, share: f64, now: Instant) -> bool {
        self.fill(now);
        self.quiet = now;
        if self.slowed.is_some_and(|slowed| now.saturating_duration_since(slowed) < HALVING) {
            return false;
        }
        self.slowed = Some(now);
        self.rate = (self.rate * share).max(FLOOR.min(self.full.rate));
        true
    }

    /// A call succeeded.
    pub fn succeed(&mut self, now: Instant) {
        self.fill(now);
        self.rate = (self.rate + self.full.rate * RECOVERY).min(self.full.rate);
    }

    /// By how much slower than in good times calls go: 1 if nobody throttles us.
    #[must_use]
    pub fn slowness(&self) -> f64 {
        self.full.rate / self.rate
    }

    fn fill(&mut self, now: Instant) {
        while self.rate < self.full.rate && now.saturating_duration_since(self.quiet) >= QUIET {
            self.quiet += QUIET;
            self.rate = (self.rate * 2.0).min(self.full.rate);
        }
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate;
        // A burst is never more than it would be at this rate.
        let most = (self.full.burst / self.slowness()).max(1.0);
        self.tokens = (self.tokens + gained).min(most.max(self.tokens));
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { rate: 20.0, burst: 50.0 };

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    /// Calls that a client which is always throttled gets out within `time`, starting `at`.
    fn sent_while_throttled(bucket: &mut Bucket, at: Instant, time: Duration) -> usize {
        let (mut now, mut sent) = (at, 0);
        while now - at < time {
            now += bucket.take(now);
            sent += 1;
            bucket.slow_down(now);
        }
        sent
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(PACE, start);
        let waits: Vec<Duration> = (0..90).map(|_| bucket.take(start)).collect();
        assert!(waits[..50].iter().all(Duration::is_zero));
        assert_eq!(waits[50], seconds(0.05));
        assert_eq!(waits[89], seconds(2.0));
        assert!(bucket.take(start + seconds(60.0)).is_zero(), "a quiet minute fills it again");
    }

    #[test]
    fn under_throttling_the_calls_fall_to_the_floor_and_no_further() {
        let start = Instant::now();
        let mut bucket = Bucket::new(PACE, start);
        let first = sent_while_throttled(&mut bucket, start, seconds(10.0));
        assert!(first <= 45, "{first} calls in ten seconds");
        let later = sent_while_throttled(&mut bucket, start + seconds(10.0), seconds(60.0));
        assert!((55..=65).contains(&later), "{later} calls in a minute at the floor");
        assert!((bucket.slowness() - 20.0).abs() < f64::EPSILON);
    }

    #[test]
    fn answers_that_come_together_are_one_signal() {
        let start = Instant::now();
        let mut bucket = Bucket::new(PACE, start);
        (0..20).for_each(|_| bucket.slow_down(start));
        assert!((bucket.slowness() - 2.0).abs() < f64::EPSILON);
        bucket.slow_down(start + HALVING);
        assert!((bucket.slowness() - 4.0).abs() < f64::EPSILON);
    }

    #[test]
    fn success_gives_the_rate_back() {
        let start = Instant::now();
        let mut bucket = Bucket::new(PACE, start);
        sent_while_throttled(&mut bucket, start, seconds(20.0));
        (0..48).for_each(|_| bucket.succeed(start + seconds(20.0)));
        assert!((bucket.slowness() - 1.0).abs() < 0.01, "{}", bucket.slowness());
    }

    #[test]
    fn a_quiet_time_gives_the_rate_back_too() {
        let start = Instant::now();
        let mut bucket = Bucket::new(PACE, start);
        (0..10).for_each(|count| bucket.slow_down(start + HALVING * count));
        assert!((bucket.slowness() - 20.0).abs() < f64::EPSILON, "{}", bucket.slowness());
        let last = start + HALVING * 9;
        bucket.take(last + QUIET * 2);
        assert!((bucket.slowness() - 5.0).abs() < f64::EPSILON, "{}", bucket.slowness());
        bucket.take(last + QUIET * 5);
        assert!((bucket.slowness() - 1.0).abs() < f64::EPSILON, "{}", bucket.slowness());
    }

    #[test]
    fn a_call_that_is_tried_again_costs_little() {
        let start = Instant::now();
        let mut bucket = Bucket::new(PACE, start);
        bucket.ease(start);
        bucket.ease(start);
        assert!(bucket.slowness() < 1.2, "{}", bucket.slowness());
    }

    #[test]
    fn a_service_with_less_than_the_floor_keeps_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Pace { rate: 0.5, burst: 1.0 }, start);
        bucket.slow_down(start);
        assert!((bucket.slowness() - 1.0).abs() < f64::EPSILON);
    }
}
