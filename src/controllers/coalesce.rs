//! Many wake-ups of one object within a moment are one.
//!
//! A manifest brings several objects, and each of our own writes comes back as a change: without a pause every one of them would be a
//! pass of its own, and some a status of its own that is out of date when it is read.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::cluster::echoes::Version;

/// How long a key waits for others of its kind. From its first wake-up: a storm of changes delays a pass, and never keeps it from
/// happening.
const MOMENT: Duration = Duration::from_millis(100);

/// Why an object is woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// For something that its last pass may not know of.
    News,
    /// This version came, of the object itself or of something that its pass writes: no news if the pass made it.
    Version(Version),
}

/// All that an object is woken for within a moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons {
    /// Whether it is woken for news.
    pub news: bool,
    /// The versions that came.
    pub versions: Vec<Version>,
}

/// Keys that wait for their moment to pass.
struct Waiting<K> {
    keys: UnboundedReceiver<(K, Why)>,
    /// In the order in which they came, which is that of their moments.
    order: VecDeque<(Instant, K)>,
    known: HashMap<K, Reasons>,
}

/// Each key of `keys` once for all times it comes within a moment, with all its reasons. Ends when all senders have.
pub(super) fn coalesced<K: Clone + Eq + Hash>(keys: UnboundedReceiver<(K, Why)>) -> impl Stream<Item = (K, Reasons)> {
    let waiting = Waiting { keys, order: VecDeque::new(), known: HashMap::new() };
    unfold(waiting, async |mut waiting| waiting.next().await.map(|key| (key, waiting)))
}

impl<K: Clone + Eq + Hash> Waiting<K> {
    async fn next(&mut self) -> Option<(K, Reasons)> {
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
                    let reasons = self.known.remove(&key).unwrap_or_default();
                    return Some((key, reasons));
                }
                woken = self.keys.recv() => {
                    let (key, why) = woken?;
                    let reasons = self.known.entry(key.clone()).or_insert_with(|| {
                        self.order.push_back((Instant::now() + MOMENT, key));
                        Reasons::default()
                    });
                    match why {
                        Why::News => reasons.news = true,
                        Why::Version(version) => reasons.versions.push(version),
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
    use k8s_openapi::api::core::v1::ServiceAccount;
    use serde_json::json;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    fn version(number: u64) -> Version {
        let metadata = json!({ "metadata": { "uid": "u", "resourceVersion": number.to_string() } });
        Version::of(&serde_json::from_value::<ServiceAccount>(metadata).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_key_comes_once_for_all_its_wake_ups_and_again_for_later_ones() {
        let (sender, keys) = unbounded_channel();
        let mut keys = pin!(coalesced(keys));
        let mut next = async || keys.next().await.map(|(key, reasons)| (key, reasons.news, reasons.versions.len()));
        let began = Instant::now();
        let version = || Why::Version(version(1));
        for (key, why) in [("a", Why::News), ("b", version()), ("a", version()), ("a", Why::News), ("b", version())] {
            sender.send((key, why)).unwrap();
        }
        assert_eq!(next().await, Some(("a", true, 1)));
        assert!(began.elapsed() >= MOMENT);
        assert_eq!(next().await, Some(("b", false, 2)));
        sender.send(("a", version())).unwrap();
        assert_eq!(next().await, Some(("a", false, 1)));
        drop(sender);
        assert_eq!(next().await, None);
    }

    #[tokio::test]
    async fn a_storm_of_wake_ups_does_not_keep_a_pass_from_happening() {
        let (sender, keys) = unbounded_channel();
        let mut keys = pin!(coalesced(keys));
        let storm = async {
            loop {
                sender.send(("a", Why::News)).unwrap();
                tokio::time::sleep(MOMENT / 20).await;
            }
        };
        tokio::select! {
            () = storm => {}
            key = tokio::time::timeout(MOMENT * 20, keys.next()) => assert_eq!(key.unwrap().map(|(key, _)| key), Some("a")),
        }
    }
}
