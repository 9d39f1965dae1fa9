//! From the parser's events to documents with positions.

use std::collections::BTreeMap;

use saphyr_parser::{Event, ScalarStyle, Tag};
use serde_json::Value;

use super::node::{Data, Node, push_index, push_key};
use super::problem::Finding;
use super::reuse::{self, Anchors};
use super::{scalar, words};

/// How deep a document may nest: far more than any manifest needs, far less than the stack holds.
const DEEPEST: usize = 64;

/// A document, and what is wrong with its writing.
#[derive(Debug)]
pub(super) struct Document {
    pub root: Node,
    pub flaws: Vec<Finding>,
}

/// Puts documents together, one event at a time; never recurses.
#[derive(Debug, Default)]
pub(super) struct Composer {
    /// The documents that are complete.
    pub documents: Vec<Document>,
    /// What is wrong with the document in the making.
    pub flaws: Vec<Finding>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: Anchors,
}

/// A list or map whose end has not been seen.
#[derive(Debug)]
struct Open {
    line: usize,
    anchor: usize,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    List(Vec<Node>),
    Map(Map),
}

#[derive(Debug, Default)]
struct Map {
    entries: BTreeMap<String, Node>,
    key: Option<Key>,
    /// The values of `<<`.
    merged: Vec<Node>,
}

/// A name whose value has not been seen.
#[derive(Debug)]
struct Key {
    name: String,
    line: usize,
    /// A plain `<<`: the value's entries are taken over.
    merges: bool,
}

impl Composer {
    /// Takes the next event, seen on `line`.
    ///
    /// # Errors
    /// Returns why the rest of the text cannot be read.
    pub fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Finding> {
        let outcome = match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), line),
            Event::SequenceStart(anchor, tag) => self.begin(Shape::List(Vec::new()), anchor, tag.as_deref(), line),
            Event::MappingStart(anchor, tag) => self.begin(Shape::Map(Map::default()), anchor, tag.as_deref(), line),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, line),
            Event::DocumentEnd => {
                let flaws = std::mem::take(&mut self.flaws);
                let root = self.root.take();
                self.documents.extend(root.map(|root| Document { root, flaws }));
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        };
        outcome.map_err(|message| Finding::fatal(line, self.path(), message))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, line: usize) -> Result<(), String> {
        let is_plain = match tag.map(tag_name).as_deref() {
            None => style == ScalarStyle::Plain,
            Some("!!str" | "!") => false,
            Some("!!int" | "!!float" | "!!bool" | "!!null") => true,
            Some(other) => return Err(foreign_tag(other)),
        };
        let leaf = |value| Node { line, text: None, data: Data::Leaf(value) };
        if let Some(map) = self.map_awaiting_name() {
            let name = if is_plain { scalar::name(text)? } else { text.to_owned() };
            map.key = Some(Key { merges: is_plain && text == "<<", name: name.clone(), line });
            return Ok(self.anchors.keep(anchor, &leaf(Value::String(name)))?);
        }
        let value = if is_plain { scalar::plain(text)? } else { Value::String(text.to_owned()) };
        let text = (is_plain && !value.is_string()).then(|| text.to_owned());
        self.place(Node { text, ..leaf(value) }, anchor)
    }

    fn begin(&mut self, shape: Shape, anchor: usize, tag: Option<&Tag>, line: usize) -> Result<(), String> {
        match tag.map(tag_name).as_deref() {
            None | Some("!!seq" | "!!map" | "!") => {}
            Some(other) => return Err(foreign_tag(other)),
        }
        if self.map_awaiting_name().is_some() {
            return Err("a list or map as the name of a field: write a plain word before the colon".into());
        }
        if self.open.len() >= DEEPEST {
            return Err(format!("nested more than {DEEPEST} levels deep: no manifest needs that, flatten it"));
        }
        self.open.push(Open { line, anchor, shape });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(Open { line, anchor, shape }) = self.open.pop() else {
            return Ok(());
        };
        let data = match shape {
            Shape::List(items) => Data::List(items),
            Shape::Map(mut map) => {
                reuse::merge(&mut map.entries, map.merged);
                Data::Map(map.entries)
            }
        };
        self.place(Node { line, text: None, data }, anchor)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), String> {
        let node = self.anchors.copy(anchor)?;
        let Some(map) = self.map_awaiting_name() else {
            return self.place(Node { line, ..node }, 0);
        };
        let name = node.as_str().ok_or("an alias to something other than text as the name of a field: write the name out")?;
        map.key = Some(Key { name: name.to_owned(), line, merges: false });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.anchors.keep(anchor, &node)?;
        let path = self.path();
        let map = match self.open.last_mut().map(|open| &mut open.shape) {
            None => {
                self.root = Some(node);
                return Ok(());
            }
            Some(Shape::List(items)) => {
                items.push(node);
                return Ok(());
            }
            Some(Shape::Map(map)) => map,
        };
        if map.key.as_ref().is_some_and(|key| key.merges) {
            if !reuse::is_mergeable(&node) {
                return Err("`<<` takes a map, or a list of maps: write `<<: *name` for a map marked `&name`".into());
            }
            map.key = None;
            map.merged.push(node);
        } else if let Some(Key { name, line, .. }) = map.key.take() {
            if let Some(first) = map.entries.get(&name).map(|first| first.line) {
                let message = format!("written twice, first on line {first}: keep one of the two");
                self.flaws.push(Finding::fatal(line, path, message));
            } else {
                map.entries.insert(name, Node { line, ..node });
            }
        }
        Ok(())
    }

    fn map_awaiting_name(&mut self) -> Option<&mut Map> {
        match self.open.last_mut().map(|open| &mut open.shape) {
            Some(Shape::Map(map)) if map.key.is_none() => Some(map),
            _ => None,
        }
    }

    /// The field whose value is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match &open.shape {
                Shape::List(items) => push_index(&mut path, items.len()),
                Shape::Map(Map { key: Some(key), .. }) => push_key(&mut path, &key.name),
                Shape::Map(_) => {}
            }
        }
        path
    }
}

/// A tag in its short form.
fn tag_name(tag: &Tag) -> String {
    let handle = if tag.is_yaml_core_schema() { "!!" } else { &tag.handle };
    format!("{handle}{}", tag.suffix)
}

fn foreign_tag(tag: &str) -> String {
    format!("the tag {} means nothing in a manifest: remove it", words::clipped(tag))
}
