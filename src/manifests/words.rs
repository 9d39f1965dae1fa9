//! The wording that the checks share.

use serde_json::Value;

/// How much of a value or a key a message shows.
const SHOWN: usize = 60;

/// The text on one line and of bounded length, safe to print.
pub(super) fn clipped(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(printable).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The text in quotes, on one line and of bounded length.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", clipped(text))
}

/// Control characters as escapes, for they could rewrite the reader's terminal.
fn printable(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control().then(|| c.escape_default());
    let plain = (!c.is_control()).then_some(c);
    escape.into_iter().flatten().chain(plain)
}

/// A value as it would be written in a manifest.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => clipped(&other.to_string()),
    }
}

/// The names as `a, b or c`, a long list cut short; "nothing" for no names.
pub(super) fn any_of<I: IntoIterator<Item = String>>(names: I) -> String {
    const LISTED: usize = 24;
    let mut names: Vec<String> = names.into_iter().collect();
    if names.len() > LISTED {
        let more = names.len() - LISTED;
        names.truncate(LISTED);
        names.push(format!("{more} others"));
    }
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
    }
}

/// The candidate that a typing slip would turn into `word`, if one is near enough.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = if word.chars().count() < 5 { 1 } else { 2 };
    candidates
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 2 * allowed)
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be changed, added, dropped or swapped with their neighbour to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut current = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = changed.min(last[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(older[j - 2] + 1);
            }
            current.push(cost);
        }
        older = std::mem::replace(&mut last, current);
    }
    last[b.len()]
}

/// What the schema says should be written: the message of its first rule, else the first sentence of its
/// description, with its example; empty if it says nothing.
pub(super) fn advice(schema: &Value) -> String {
    let rule = schema["x-kubernetes-validations"][0]["message"].as_str();
    let said = rule.or_else(|| schema["description"].as_str().map(first_sentence)).unwrap_or_default();
    match &schema["example"] {
        Value::Null => said.to_owned(),
        example if said.is_empty() => format!("such as {}", shown(example)),
        example => format!("{said}, such as {}", shown(example)),
    }
}

/// The message, and what to write instead where the schema says it.
pub(super) fn advised(message: String, schema: &Value) -> String {
    match advice(schema) {
        advice if advice.is_empty() => message,
        advice => format!("{message} ({advice})"),
    }
}

/// The first sentence of a description, without its full stop.
fn first_sentence(description: &str) -> &str {
    let ends = [". ", ".\n", "\n\n"].iter().filter_map(|end| description.find(end)).min();
    let sentence = &description[..ends.unwrap_or(description.len())];
    sentence.trim().trim_end_matches('.')
}
