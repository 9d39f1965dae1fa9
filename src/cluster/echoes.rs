//! Our own writes, as they come back through the watches: the pass that made one has taken it into account already.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Resource;

use super::request::{Written, version_number};

/// How many writes are kept that did not come back yet. A forgotten one costs a pass.
const KEPT: usize = 4_096;

/// One version of one object: its UID, and the number of the version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(String, u64);

impl Version {
    /// The version of an object as a watch tells it.
    #[must_use]
    pub fn of(object: &impl Resource) -> Option<Self> {
        let meta = object.meta();
        Some(Self(meta.uid.clone()?, version_number(meta.resource_version.as_deref()?)))
    }
}

/// The versions that we made. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct Echoes(Arc<Mutex<HashSet<Version>>>);

impl Echoes {
    /// Notes a write that the API server confirmed.
    pub(super) fn wrote(&self, written: &Written) {
        if let Some(uid) = written.uid() {
            self.note(Some(Version(uid.to_owned(), written.version())));
        }
    }

    /// Notes a version that the API server gave us back.
    pub(super) fn note(&self, version: Option<Version>) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= KEPT {
            written.clear();
        }
        written.extend(version);
    }

    /// Whether we made all these versions. Forgets them.
    #[must_use]
    pub fn are_ours(&self, versions: &[Version]) -> bool {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Each of them is asked for, also after the first that is not ours.
        versions.iter().filter(|version| !written.remove(version)).count() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(uid: &str, number: u64) -> Version {
        Version(uid.to_owned(), number)
    }

    #[test]
    fn knows_what_we_wrote_once_and_nothing_else() {
        let echoes = Echoes::default();
        for number in [5, 7, 9] {
            echoes.note(Some(version("a", number)));
        }
        assert!(echoes.are_ours(&[version("a", 5)]));
        assert!(!echoes.are_ours(&[version("a", 5)]), "it came back already");
        assert!(!echoes.are_ours(&[version("a", 6), version("a", 7)]), "someone else wrote in between");
        assert!(!echoes.are_ours(&[version("b", 9)]), "another object");
        assert!(!echoes.are_ours(&[version("a", 7)]), "it came back with what was not ours");
        assert!(echoes.are_ours(&[version("a", 9)]));
    }

    #[test]
    fn writes_that_never_come_back_do_not_pile_up() {
        let echoes = Echoes::default();
        (0..=KEPT as u64).for_each(|number| echoes.note(Some(version("a", number))));
        assert!(echoes.are_ours(&[version("a", KEPT as u64)]));
        assert!(!echoes.are_ours(&[version("a", 0)]));
    }
}
