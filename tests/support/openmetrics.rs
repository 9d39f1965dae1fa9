//! Reads the text form of metrics as strictly as its specification asks
//! (<https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>), as far as the operator uses it.

use std::collections::{BTreeMap, BTreeSet};

/// One value with its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Name with its suffix, such as `hipaa_operator_reconciles_total`.
    pub name: String,
    /// Labels by name.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// All samples of `text`, or what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF")?;
    let mut family: Option<(String, String)> = None;
    let (mut families, mut series, mut samples) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for line in body.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name) = (words.next().unwrap_or_default(), words.next().ok_or_else(|| wrong("no name"))?);
            let rest = words.next().filter(|rest| !rest.is_empty()).ok_or_else(|| wrong("nothing is said"))?;
            match word {
                "HELP" | "UNIT" => {}
                "TYPE" => {
                    let known = ["counter", "gauge", "histogram", "unknown", "info"].contains(&rest);
                    if !known || !families.insert(name.to_owned()) {
                        return Err(wrong("an unknown type, or a second one"));
                    }
                    family = Some((name.to_owned(), rest.to_owned()));
                }
                _ => return Err(wrong("an unknown comment")),
            }
            continue;
        }
        let sample = sample(line).ok_or_else(|| wrong("no sample"))?;
        let (name, kind) = family.as_ref().ok_or_else(|| wrong("a sample without a family"))?;
        let suffixes: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        if !suffixes.iter().any(|suffix| sample.name == format!("{name}{suffix}")) {
            return Err(wrong("a sample of another family"));
        }
        if kind != "gauge" && sample.value < 0.0 || !series.insert(format!("{} {:?}", sample.name, sample.labels)) {
            return Err(wrong("a negative count, or a second value of one series"));
        }
        samples.push(sample);
    }
    Ok(samples)
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    let mut pairs = BTreeMap::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        // Our words hold no comma, quote or backslash, so none is escaped.
        let (name, value) = label.split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        let plain = !value.contains(['"', '\\']) && is_name(name);
        (plain && pairs.insert(name.to_owned(), value.to_owned()).is_none()).then_some(())?;
    }
    is_name(name).then_some(())?;
    Some(Sample { name: name.to_owned(), labels: pairs, value: value.parse().ok()? })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(|one| one.is_ascii_lowercase() || one == '_')
}
