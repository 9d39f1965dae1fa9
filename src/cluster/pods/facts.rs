//! The pods of one namespace, as the events of a watch leave them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::watcher::{Error, Event};

use crate::observed::pods::PodFacts;

type ByName = BTreeMap<String, PodFacts>;

/// The pods of one namespace by name; while they are listed anew, the old ones hold.
#[derive(Debug, Default)]
pub(super) struct Facts {
    known: Option<ByName>,
    listed: ByName,
    refused: bool,
    /// All of `known`, as it was last shown.
    shown: Option<Arc<[PodFacts]>>,
}

impl Facts {
    /// The pods by name; `None` if they were not read.
    pub(super) fn all(&mut self) -> Option<Arc<[PodFacts]>> {
        let known = self.known.as_ref()?;
        Some(self.shown.get_or_insert_with(|| known.values().cloned().collect()).clone())
    }

    /// Whether the pods were read, or may not be.
    pub(super) fn is_told(&self) -> bool {
        self.known.is_some() || self.refused
    }

    /// Whether the pods were read.
    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Takes in an event; says whether what is known has changed.
    pub(super) fn take_in(&mut self, event: Result<Event<Pod>, Error>) -> bool {
        let changed = self.apply(event);
        if changed {
            self.shown = None;
        }
        changed
    }

    fn apply(&mut self, event: Result<Event<Pod>, Error>) -> bool {
        match event {
            Ok(Event::Init) => {
                self.listed.clear();
                false
            }
            Ok(Event::InitApply(pod)) => {
                put(&mut self.listed, pod);
                false
            }
            Ok(Event::InitDone) => {
                self.refused = false;
                let before = self.known.replace(std::mem::take(&mut self.listed));
                before != self.known
            }
            Ok(Event::Apply(pod)) => put(self.known.get_or_insert_default(), pod),
            Ok(Event::Delete(pod)) => self.known.as_mut().is_some_and(|known| known.remove(&pod.name_any()).is_some()),
            // What may no longer be read is no longer known. Anything else passes.
            Err(error) if is_refusal(&error) => {
                self.refused = true;
                self.known.take().is_some()
            }
            Err(_) => false,
        }
    }
}

/// Puts or removes a pod; says whether that changed something.
fn put(pods: &mut ByName, pod: Pod) -> bool {
    let name = pod.name_any();
    match PodFacts::of(pod) {
        Some(facts) if pods.get(&name) == Some(&facts) => false,
        Some(facts) => {
            pods.insert(name, facts);
            true
        }
        None => pods.remove(&name).is_some(),
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::InitialListFailed(kube::Error::Api(status)) | Error::WatchStartFailed(kube::Error::Api(status)) if status.is_forbidden())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn pod(name: &str, phase: &str, label: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"app": label}, "resourceVersion": label},
            "spec": {"containers": []}, "status": {"phase": phase},
        }))
        .unwrap()
    }

    fn failed(code: u16, reason: &str) -> Result<Event<Pod>, Error> {
        let status = Status { code, reason: reason.into(), ..Status::default() };
        Err(Error::InitialListFailed(kube::Error::Api(status.boxed())))
    }

    fn names(facts: &mut Facts) -> Option<Vec<String>> {
        facts.all().map(|pods| pods.iter().map(|pod| pod.name.clone()).collect())
    }

    #[test]
    fn nothing_is_known_before_the_list_is_read_and_only_changes_are_told() {
        let mut facts = Facts::default();
        assert!(!facts.take_in(Ok(Event::Init)));
        assert!(!facts.take_in(Ok(Event::InitApply(pod("a", "Running", "x")))));
        assert_eq!(names(&mut facts), None);
        assert!(facts.take_in(Ok(Event::InitDone)));
        assert_eq!(names(&mut facts), Some(vec!["a".into()]));

        assert!(!facts.take_in(Ok(Event::Apply(pod("a", "Pending", "x")))), "its phase is not judged");
        assert!(facts.take_in(Ok(Event::Apply(pod("a", "Running", "y")))));
        assert!(facts.take_in(Ok(Event::Apply(pod("b", "Pending", "x")))));
        assert!(facts.take_in(Ok(Event::Apply(pod("a", "Succeeded", "y")))));
        assert_eq!(names(&mut facts), Some(vec!["b".into()]));
        assert!(facts.take_in(Ok(Event::Delete(pod("b", "Running", "x")))));
        assert!(!facts.take_in(Ok(Event::Delete(pod("b", "Running", "x")))));
        assert_eq!(names(&mut facts), Some(vec![]));
    }

    #[test]
    fn a_namespace_without_pods_is_known_to_have_none() {
        let mut facts = Facts::default();
        assert!(facts.take_in(Ok(Event::InitDone)));
        assert_eq!(names(&mut facts), Some(vec![]));
    }

    #[test]
    fn a_new_list_replaces_the_old_one_only_when_it_is_whole() {
        let mut facts = Facts::default();
        for name in ["a", "b"] {
            facts.take_in(Ok(Event::InitApply(pod(name, "Running", "x"))));
        }
        facts.take_in(Ok(Event::InitDone));
        for again in [true, false] {
            facts.take_in(Ok(Event::Init));
            facts.take_in(Ok(Event::InitApply(pod("b", "Running", "x"))));
            assert!(names(&mut facts).unwrap().contains(&"b".to_owned()));
            assert_eq!(facts.take_in(Ok(Event::InitDone)), again, "pod a went while nobody looked");
        }
        assert_eq!(names(&mut facts), Some(vec!["b".into()]));
    }

    #[test]
    fn what_may_no_longer_be_read_is_unknown_and_what_fails_for_a_moment_is_not() {
        let mut facts = Facts::default();
        assert!(!facts.is_told());
        facts.take_in(Ok(Event::InitDone));
        assert!(!facts.take_in(failed(503, "ServiceUnavailable")));
        assert_eq!(names(&mut facts), Some(vec![]));
        assert!(facts.take_in(failed(403, "Forbidden")));
        assert_eq!(names(&mut facts), None);
        assert!(!facts.take_in(failed(403, "Forbidden")));
        assert!(facts.is_told());
    }
}
