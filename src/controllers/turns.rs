//! Whose turn it is: objects that were woken or are due, one namespace after the other, and no object twice at the same time.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Instant;

/// An object of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Its namespace; none for the cluster's own kinds.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// The objects that want a pass.
///
/// Namespaces take turns, so that one with thousands of objects delays another by one pass at a time and not by thousands.
#[derive(Debug, Default)]
pub struct Turns {
    /// Those that go first, whatever their namespace.
    urgent: VecDeque<Name>,
    /// By namespace, in the order they came.
    waiting: HashMap<Option<String>, VecDeque<Name>>,
    /// The namespaces that have something waiting, the next one first.
    order: VecDeque<Option<String>>,
    waits: HashSet<Name>,
    running: HashSet<Name>,
    /// Woken while running.
    again: HashSet<Name>,
    /// Of those, the ones to go first.
    hurried: HashSet<Name>,
    /// To be looked at later; then those that are marked go first.
    later: BTreeMap<(Instant, u64), (Name, bool)>,
    due: HashMap<Name, (Instant, u64)>,
    count: u64,
}

impl Turns {
    /// The object wants a pass as soon as possible; if one runs, another one after it.
    pub fn wake(&mut self, name: Name) {
        self.forget_later(&name);
        if self.running.contains(&name) {
            self.again.insert(name);
        } else if self.waits.insert(name.clone()) {
            let queue = self.waiting.entry(name.namespace.clone()).or_default();
            if queue.is_empty() {
                self.order.push_back(name.namespace.clone());
            }
            queue.push_back(name);
        }
    }

    /// The same, before all that are only woken.
    pub fn hurry(&mut self, name: Name) {
        if self.running.contains(&name) {
            self.hurried.insert(name.clone());
            self.wake(name);
        } else {
            self.forget_later(&name);
            self.waits.insert(name.clone());
            self.urgent.push_back(name);
        }
    }

    /// The next object, which is then running; if there is no `room`, only one that is urgent.
    pub fn next(&mut self, now: Instant, room: bool) -> Option<Name> {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let (name, urgent) = entry.remove();
            if urgent { self.hurry(name) } else { self.wake(name) }
        }
        loop {
            let name = match self.urgent.pop_front() {
                Some(name) => name,
                None if room => self.next_in_turn()?,
                None => return None,
            };
            // Who was hurried stands in two queues.
            if self.waits.remove(&name) {
                self.running.insert(name.clone());
                return Some(name);
            }
        }
    }

    fn next_in_turn(&mut self) -> Option<Name> {
        let namespace = self.order.pop_front()?;
        let queue = self.waiting.get_mut(&namespace)?;
        let name = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&namespace);
        } else {
            self.order.push_back(namespace);
        }
        Some(name)
    }

    /// The pass over the object has ended; it wants another one at `later`, if nothing wakes it before, and then, if it is `urgent`,
    /// before all that are only woken.
    pub fn done(&mut self, name: &Name, later: Option<Instant>, urgent: bool) {
        self.running.remove(name);
        if self.again.remove(name) {
            if self.hurried.remove(name) { self.hurry(name.clone()) } else { self.wake(name.clone()) }
        } else if let Some(at) = later {
            self.count += 1;
            self.later.insert((at, self.count), (name.clone(), urgent));
            self.due.insert(name.clone(), (at, self.count));
        }
    }

    /// When the next object is due, if nothing is waiting.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.later.keys().next().map(|(at, _)| *at)
    }

    fn forget_later(&mut self, name: &Name) {
        if let Some(key) = self.due.remove(name) {
            self.later.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn name(namespace: &str, name: &str) -> Name {
        Name { namespace: Some(namespace.to_owned()), name: name.to_owned() }
    }

    /// Takes and ends passes one by one; gives the order.
    fn drain(turns: &mut Turns, now: Instant) -> Vec<String> {
        let mut order = Vec::new();
        while let Some(next) = turns.next(now, true) {
            turns.done(&next, None, false);
            order.push(format!("{}/{}", next.namespace.unwrap_or_default(), next.name));
        }
        order
    }

    #[test]
    fn a_namespace_of_thousands_starves_nobody() {
        let now = Instant::now();
        let mut turns = Turns::default();
        (0..5000).for_each(|number| turns.wake(name("crowd", &number.to_string())));
        turns.wake(name("clinic", "notes"));
        turns.wake(name("ward", "a"));
        turns.wake(name("ward", "b"));
        let order = drain(&mut turns, now);
        assert_eq!(order[..6], ["crowd/0", "clinic/notes", "ward/a", "crowd/1", "ward/b", "crowd/2"]);
        assert_eq!(order.len(), 5003);
    }

    #[test]
    fn what_is_woken_often_takes_its_turn_once() {
        let now = Instant::now();
        let mut turns = Turns::default();
        (0..3).for_each(|_| turns.wake(name("clinic", "notes")));
        assert_eq!(drain(&mut turns, now), ["clinic/notes"]);
    }

    #[test]
    fn what_is_woken_while_it_runs_runs_once_more_and_never_twice_at_once() {
        let now = Instant::now();
        let mut turns = Turns::default();
        let notes = name("clinic", "notes");
        turns.wake(notes.clone());
        assert_eq!(turns.next(now, true), Some(notes.clone()));
        turns.wake(notes.clone());
        turns.wake(notes.clone());
        assert_eq!(turns.next(now, true), None);
        turns.done(&notes, Some(now + Duration::from_mins(1)), false);
        assert_eq!(turns.next(now, true), Some(notes.clone()), "the wake-up wins over the later time");
        turns.done(&notes, None, false);
        assert_eq!(turns.next(now, true), None);
    }

    #[test]
    fn what_goes_does_not_wait_for_those_that_stay() {
        let now = Instant::now();
        let mut turns = Turns::default();
        let (first, going) = (name("clinic", "first"), name("clinic", "going"));
        turns.wake(first.clone());
        turns.wake(going.clone());
        turns.hurry(going.clone());
        assert_eq!(turns.next(now, false), Some(going.clone()), "also without room");
        assert_eq!(turns.next(now, false), None);
        turns.hurry(going.clone());
        turns.done(&going, None, false);
        assert_eq!(drain(&mut turns, now), ["clinic/going", "clinic/first"], "and never twice at once");
    }

    #[test]
    fn what_goes_is_tried_again_before_those_that_stay() {
        let now = Instant::now();
        let mut turns = Turns::default();
        let going = name("clinic", "going");
        turns.hurry(going.clone());
        assert_eq!(turns.next(now, false), Some(going.clone()));
        let later = now + Duration::from_secs(2);
        turns.done(&going, Some(later), true);
        (0..3).for_each(|number| turns.wake(name("clinic", &number.to_string())));
        assert_eq!(turns.next(now, false), None, "not before its time");
        assert_eq!(turns.next(later, false), Some(going), "and then without room");
    }

    #[test]
    fn what_is_due_later_waits_and_the_earlier_of_two_times_counts() {
        let now = Instant::now();
        let mut turns = Turns::default();
        let notes = name("clinic", "notes");
        turns.wake(notes.clone());
        turns.next(now, true);
        turns.done(&notes, Some(now + Duration::from_mins(1)), false);
        assert_eq!(turns.next(now, true), None);
        assert_eq!(turns.next_due(), Some(now + Duration::from_mins(1)));
        assert_eq!(turns.next(now + Duration::from_mins(1), true), Some(notes.clone()));
        turns.done(&notes, Some(now + Duration::from_secs(90)), false);
        turns.wake(notes.clone());
        assert_eq!(turns.next(now, true), Some(notes.clone()));
        turns.done(&notes, None, false);
        assert_eq!(turns.next(now + Duration::from_hours(1), true), None, "the later time is forgotten with the wake-up");
        assert_eq!(turns.next_due(), None);
    }
}
