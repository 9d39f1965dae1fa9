//! What is written once and used again: anchors with their aliases, and merged maps.

use std::collections::{BTreeMap, HashMap};

use super::node::{Data, Node};

/// How many bytes anchors and aliases may copy in a document: a few lines could ask for terabytes.
const COPIED: usize = 4 << 20;

/// The marked values of a document.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    kept: HashMap<usize, Node>,
    copied: usize,
}

impl Anchors {
    /// Keeps a copy of a marked value; the number 0 stands for no mark.
    ///
    /// # Errors
    /// Returns that too much is copied.
    pub fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), &'static str> {
        if anchor > 0 {
            self.charge(node.weight())?;
            self.kept.insert(anchor, node.clone());
        }
        Ok(())
    }

    /// A copy of what an alias stands for.
    ///
    /// # Errors
    /// Returns that too much is copied, or that the value is not complete yet.
    pub fn copy(&mut self, anchor: usize) -> Result<Node, &'static str> {
        let node = self.kept.get(&anchor);
        let weight = node.map(Node::weight).ok_or("an alias inside what it stands for: write the value out")?;
        self.charge(weight)?;
        self.kept.get(&anchor).cloned().ok_or("an alias for nothing")
    }

    fn charge(&mut self, weight: usize) -> Result<(), &'static str> {
        self.copied = self.copied.saturating_add(weight);
        if self.copied > COPIED {
            return Err("anchors and aliases copy too much: write the values out");
        }
        Ok(())
    }
}

/// Whether `<<` can take the value.
pub(super) fn is_mergeable(node: &Node) -> bool {
    match &node.data {
        Data::Map(_) => true,
        Data::List(items) => items.iter().all(|item| matches!(item.data, Data::Map(_))),
        Data::Leaf(_) => false,
    }
}

/// Takes the entries of merged maps over. What is written out wins over what is merged, and an earlier merge over a
/// later one.
pub(super) fn merge(entries: &mut BTreeMap<String, Node>, merged: Vec<Node>) {
    for node in merged {
        match node.data {
            Data::Map(more) => {
                for (name, node) in more {
                    entries.entry(name).or_insert(node);
                }
            }
            Data::List(maps) => merge(entries, maps),
            Data::Leaf(_) => {}
        }
    }
}
