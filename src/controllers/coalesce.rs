//! Many wake-ups of one object within a moment are one.
//!
//! A manifest brings several objects, and each of our own writes comes back as a change: without a pause every one of them would be a
//! pass of its own, and some a status of its own that is out of date when it is read.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

/// How long a key waits for others of its kind. From its first wake-up: a storm of changes delays a pass, and never keeps it from
/// happening.
const MOMENT: Duration = Duration::from_millis(100);

/// Keys that wait for their moment to pass.
struct Waiting<K> {
    keys: UnboundedReceiver<K>,
    /// In the order in which they came, which is that of their moments.
    order: VecDeque<(Instant, K)>,
    known: HashSet<K>,
}

/// Each key of `keys` once for all times it comes within a moment. Ends when all senders have.
pub(super) fn coalesced<K: Clone + Eq + Hash>(keys: UnboundedReceiver<K>) -> impl Stream<Item = K> {
    let waiting = Waiting { keys, order: VecDeque::new(), known: HashSet::new() };
    unfold(waiting, async |mut waiting| waiting.next().await.map(|key| (key, waiting)))
}

impl<K: Clone + Eq + Hash> Waiting<K> {
    async fn next(&mut self) -> Option<K> {
        loop {
            let due = self.order.front().map(|(due, _)| *due);
            let passed = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = passed => {
                    let (_, key) = self.order.pop_front()?;
                    self.known.remove(&key);
                    return Some(key);
                }
                key = self.keys.recv() => {
                    let key = key?;
                    if self.known.insert(key.clone()) {
                        self.order.push_back((Instant::now() + MOMENT, key));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::StreamExt;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn a_key_comes_once_for_all_its_wake_ups_and_again_for_later_ones() {
        let (sender, keys) = unbounded_channel();
        let mut keys = pin!(coalesced(keys));
        let mut next = async || keys.next().await;
        let began = Instant::now();
        for key in ["a", "b", "a", "a", "b"] {
            sender.send(key).unwrap();
        }
        assert_eq!(next().await, Some("a"));
        assert!(began.elapsed() >= MOMENT);
        assert_eq!(next().await, Some("b"));
        sender.send("a").unwrap();
        assert_eq!(next().await, Some("a"));
        drop(sender);
        assert_eq!(next().await, None);
    }

    #[tokio::test]
    async fn a_storm_of_wake_ups_does_not_keep_a_pass_from_happening() {
        let (sender, keys) = unbounded_channel();
        let mut keys = pin!(coalesced(keys));
        let storm = async {
            loop {
                sender.send("a").unwrap();
                tokio::time::sleep(MOMENT / 20).await;
            }
        };
        tokio::select! {
            () = storm => {}
            key = tokio::time::timeout(MOMENT * 20, keys.next()) => assert_eq!(key.unwrap(), Some("a")),
        }
    }
}
