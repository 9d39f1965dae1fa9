//! What can be compared: things by their place, and what each of them is like.

use std::collections::BTreeMap;

/// A thing in the account or the cluster.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Thing {
    /// The place that it fills, such as `endpoint com.amazonaws.us-east-1.sts`: two things in one place are one too many.
    pub place: String,
    /// What it is like, by the name of the part.
    pub parts: BTreeMap<String, String>,
}

impl Thing {
    /// A thing of these parts.
    pub fn new<const N: usize>(place: String, parts: [(&str, String); N]) -> Self {
        Self { place, parts: parts.map(|(name, text)| (name.to_owned(), text)).into() }
    }
}

/// Everything of ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Picture {
    things: Vec<Thing>,
}

/// How a picture differs from the one that it should be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Difference {
    /// Things that are missing.
    pub lost: Vec<String>,
    /// Places that more than one thing fills.
    pub doubled: Vec<String>,
    /// Things in places where nothing should be.
    pub orphaned: Vec<String>,
    /// Parts that are not as they should be.
    pub changed: Vec<String>,
}

impl Picture {
    /// Of these things. `names` says by what word each identifier is known: two accounts give other identifiers to the same things.
    pub fn new(things: Vec<Thing>, names: &BTreeMap<String, String>) -> Self {
        let renamed = |text: &String| names.iter().fold(text.clone(), |text, (id, name)| text.replace(id, name));
        let mut things: Vec<_> = things
            .into_iter()
            .map(|thing| Thing {
                place: renamed(&thing.place),
                parts: thing.parts.iter().map(|(name, text)| (name.clone(), renamed(text))).collect(),
            })
            .collect();
        things.sort();
        Self { things }
    }

    /// How this differs from `wanted`.
    pub fn against(&self, wanted: &Self) -> Difference {
        let (found, wanted) = (by_place(&self.things), by_place(&wanted.things));
        let mut difference = Difference::default();
        for (place, things) in &wanted {
            match found.get(place).map_or(&[][..], Vec::as_slice) {
                [] => difference.lost.push((*place).to_owned()),
                [one] => difference.changed.extend(changes(one, things[0])),
                _ => difference.doubled.push((*place).to_owned()),
            }
        }
        for (place, things) in &found {
            match wanted.contains_key(place) {
                false if things.len() > 1 => difference.doubled.push((*place).to_owned()),
                false => difference.orphaned.push((*place).to_owned()),
                true => {}
            }
        }
        difference
    }
}

impl Difference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, places) in [("lost", &self.lost), ("doubled", &self.doubled), ("orphaned", &self.orphaned), ("changed", &self.changed)] {
            for place in places {
                writeln!(formatter, "  {what}: {place}")?;
            }
        }
        Ok(())
    }
}

fn by_place(things: &[Thing]) -> BTreeMap<&str, Vec<&Thing>> {
    let mut places = BTreeMap::<_, Vec<_>>::new();
    for thing in things {
        places.entry(thing.place.as_str()).or_default().push(thing);
    }
    places
}

fn changes(found: &Thing, wanted: &Thing) -> Vec<String> {
    let names = wanted.parts.keys().chain(found.parts.keys().filter(|name| !wanted.parts.contains_key(*name)));
    let differing = names.filter(|name| found.parts.get(*name) != wanted.parts.get(*name));
    let told = |name: &String| format!("{}, {name}: {:?} instead of {:?}", found.place, found.parts.get(name), wanted.parts.get(name));
    differing.map(told).collect()
}
