//! Which objects of a watched kind belong together. Kept by the watch, so that a look-up costs what it finds and not what is watched.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

/// What tells groups of one namespace apart; `None` for an object that belongs to no group.
pub type GroupOf<K> = fn(&K) -> Option<&str>;

/// Names of objects by namespace and group.
type Groups = HashMap<String, HashMap<String, BTreeSet<String>>>;

/// An index of a store of namespaced objects. Clones share what they hold.
#[derive(Clone)]
pub struct Index<K: Resource + Clone + 'static>
where
    K::DynamicType: Eq + Hash + Clone,
{
    store: Store<K>,
    group_of: GroupOf<K>,
    groups: Arc<RwLock<Groups>>,
    /// How often a namespace came or went.
    moves: Arc<AtomicU64>,
}

impl<K: Resource + Clone + 'static> Index<K>
where
    K::DynamicType: Default + Eq + Hash + Clone,
{
    /// An empty index of `store`; [`Self::take_in`] fills it.
    #[must_use]
    pub fn new(store: Store<K>, group_of: GroupOf<K>) -> Self {
        Self { store, group_of, groups: Arc::default(), moves: Arc::default() }
    }

    /// Takes in an event of the watch that is in the store already.
    pub fn take_in(&self, event: &Event<K>) {
        match event {
            Event::Apply(object) => self.put(&mut self.write(), object),
            Event::Delete(object) => self.remove(&mut self.write(), object),
            Event::InitDone => {
                let mut fresh = Groups::new();
                self.store.state().iter().for_each(|object| self.put(&mut fresh, object));
                *self.write() = fresh;
                self.moves.fetch_add(1, Ordering::Relaxed);
            }
            Event::Init | Event::InitApply(_) => {}
        }
    }

    /// The names of the objects of a group. One that was made anew may belong elsewhere now.
    #[must_use]
    pub fn names(&self, namespace: &str, group: &str) -> BTreeSet<String> {
        self.read().get(namespace).and_then(|groups| groups.get(group)).cloned().unwrap_or_default()
    }

    /// The objects of a group, by name.
    #[must_use]
    pub fn of(&self, namespace: &str, group: &str) -> Vec<Arc<K>> {
        let mut key = ObjectRef::new("").within(namespace);
        let groups = self.read();
        let names = groups.get(namespace).and_then(|groups| groups.get(group));
        let found = names.into_iter().flatten().filter_map(|name| {
            key.name.clone_from(name);
            self.store.get(&key)
        });
        found.filter(|object| (self.group_of)(object) == Some(group)).collect()
    }

    /// The namespaces that hold any object of a group.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.read().keys().cloned().collect()
    }

    /// A number that differs from that of an earlier call if [`Self::namespaces`] may.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    fn put(&self, groups: &mut Groups, object: &K) {
        if let Some(group) = (self.group_of)(object) {
            let namespace = groups.entry(object.namespace().unwrap_or_default()).or_insert_with(|| {
                self.moves.fetch_add(1, Ordering::Relaxed);
                HashMap::new()
            });
            namespace.entry(group.to_owned()).or_default().insert(object.name_any());
        }
    }

    fn remove(&self, groups: &mut Groups, object: &K) {
        let (Some(group), Some(namespace)) = ((self.group_of)(object), object.meta().namespace.as_deref()) else {
            return;
        };
        let Some(within) = groups.get_mut(namespace) else {
            return;
        };
        if let Some(names) = within.get_mut(group) {
            names.remove(&object.name_any());
            if names.is_empty() {
                within.remove(group);
            }
        }
        if within.is_empty() {
            groups.remove(namespace);
            self.moves.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Groups> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Groups> {
        self.groups.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ServiceAccount;
    use kube::runtime::reflector::store;
    use kube::runtime::reflector::store::Writer;
    use serde_json::json;

    use super::*;

    /// Grouped by a label, for these tests.
    fn team(account: &ServiceAccount) -> Option<&str> {
        account.metadata.labels.as_ref()?.get("team").map(String::as_str)
    }

    fn account(namespace: &str, name: &str, team: Option<&str>) -> ServiceAccount {
        let labels = team.map(|team| json!({ "team": team }));
        serde_json::from_value(json!({ "metadata": { "namespace": namespace, "name": name, "labels": labels } })).unwrap()
    }

    fn tell(index: &Index<ServiceAccount>, writer: &mut Writer<ServiceAccount>, event: &Event<ServiceAccount>) {
        writer.apply_watcher_event(event);
        index.take_in(event);
    }

    fn names(index: &Index<ServiceAccount>, namespace: &str, group: &str) -> Vec<String> {
        index.of(namespace, group).iter().map(|found| found.name_any()).collect()
    }

    #[test]
    fn finds_what_is_there_where_it_is() {
        let (reader, mut writer) = store();
        let index = Index::new(reader, team);
        for (namespace, name, team) in [("a", "y", Some("1")), ("a", "x", Some("1")), ("a", "z", Some("2")), ("b", "x", Some("1"))] {
            tell(&index, &mut writer, &Event::Apply(account(namespace, name, team)));
        }
        tell(&index, &mut writer, &Event::Apply(account("c", "x", None)));
        assert_eq!(names(&index, "a", "1"), ["x", "y"]);
        assert_eq!(names(&index, "b", "1"), ["x"]);
        assert_eq!(names(&index, "c", "1"), [""; 0]);
        assert_eq!(index.namespaces().into_iter().collect::<Vec<_>>(), ["a", "b"]);

        let moves = index.moves();
        tell(&index, &mut writer, &Event::Apply(account("a", "x", Some("1"))));
        assert_eq!(index.moves(), moves, "no namespace came or went");
        tell(&index, &mut writer, &Event::Delete(account("b", "x", Some("1"))));
        tell(&index, &mut writer, &Event::Apply(account("a", "x", Some("2"))));
        assert_eq!(names(&index, "a", "1"), ["y"]);
        assert_eq!(names(&index, "a", "2"), ["x", "z"]);
        assert_eq!(index.namespaces().into_iter().collect::<Vec<_>>(), ["a"]);
        assert_ne!(index.moves(), moves);
    }

    #[test]
    fn a_new_list_replaces_what_was_known() {
        let (reader, mut writer) = store();
        let index = Index::new(reader, team);
        tell(&index, &mut writer, &Event::Apply(account("a", "x", Some("1"))));
        tell(&index, &mut writer, &Event::Init);
        tell(&index, &mut writer, &Event::InitApply(account("b", "y", Some("1"))));
        assert_eq!(names(&index, "a", "1"), ["x"], "a list that is not whole replaces nothing");
        tell(&index, &mut writer, &Event::InitDone);
        assert_eq!(names(&index, "a", "1"), [""; 0]);
        assert_eq!(names(&index, "b", "1"), ["y"]);
    }
}
