//! From text to documents: YAML and, being a part of it, JSON.

use saphyr_parser::Parser;

use super::compose::{Composer, Document};
use super::problem::Finding;

/// The largest text taken, many times what the API server takes at once.
const LARGEST: usize = 4 << 20;

/// Reads all documents of a text. What cannot be read is told in the findings; each document is read on its own, so
/// an error in one does not hide the others.
pub(super) fn read(text: &str) -> (Vec<Document>, Vec<Finding>) {
    if text.len() > LARGEST {
        let message = format!("larger than {} MiB: split it into several files", LARGEST >> 20);
        return (Vec::new(), vec![Finding::fatal(1, "", message)]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut documents, mut findings) = (Vec::new(), Vec::new());
    for (above, part) in parts(text) {
        let mut composer = Composer::default();
        let outcome = read_part(part, above, &mut composer);
        documents.append(&mut composer.documents);
        if let Err(finding) = outcome {
            findings.append(&mut composer.flaws);
            findings.push(finding);
        }
    }
    documents.retain(|document| !document.root.is_null());
    (documents, findings)
}

/// Cuts the text before each `---` line, as the Kubernetes tools do. Returns each part with the number of lines above
/// it. Directives and comments stay with the document they stand before.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut above, mut at) = (0, 0, 0);
    let mut has_content = false;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let marker = line.strip_prefix("---").map(str::trim);
        let is_marker = marker.is_some_and(|after| after.is_empty() || after.starts_with('#'));
        if is_marker && has_content {
            parts.push((above, &text[start..at]));
            (start, above, has_content) = (at, number, false);
        }
        let bare = line.trim();
        has_content |= is_marker || !(bare.is_empty() || bare.starts_with(['#', '%']));
        at += line.len();
    }
    parts.push((above, &text[start..]));
    parts
}

fn read_part(part: &str, above: usize, composer: &mut Composer) -> Result<(), Finding> {
    refuse_control_characters(part, above)?;
    let mut parser = Parser::new_from_str(part);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let message = format!("not readable as YAML: {}: check the indentation, colons and quotes here", error.info());
            Finding::fatal(above + error.marker().line().max(1), "", message)
        })?;
        composer.take(event, above + span.start.line().max(1))?;
    }
    Ok(())
}

/// The parser would take a NUL for the end of the text, and silently drop the rest of the manifest.
fn refuse_control_characters(part: &str, above: usize) -> Result<(), Finding> {
    let barred = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let Some(at) = part.find(barred) else {
        return Ok(());
    };
    let line = above + 1 + part[..at].matches('\n').count();
    let character = u32::from(part[at..].chars().next().unwrap_or_default());
    let message = format!("holds the control character U+{character:04X}: remove it, or write it as an escape in double quotes");
    Err(Finding::fatal(line, "", message))
}
