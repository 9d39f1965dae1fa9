//! The preview to be read, say in a pull request.

use std::io::{self, Write};

use serde_json::Value;

use super::sources::Complaint;
use super::{Item, Preview, Subject};

/// Writes everything, the summary last.
pub(super) fn write(plan: &Preview, complaints: &[Complaint], output: &mut dyn Write) -> io::Result<()> {
    let mut heading: Option<&Subject> = None;
    for item in &plan.aws {
        if heading != Some(&item.subject) {
            let title = title(&item.subject);
            writeln!(output, "{title}\n{}\n", "=".repeat(title.chars().count()))?;
            heading = Some(&item.subject);
        }
        write_item(item, output)?;
    }
    if !plan.kubernetes.is_empty() {
        writeln!(output, "Kubernetes objects\n==================\n")?;
    }
    for manifest in &plan.kubernetes {
        write_manifest(manifest, output)?;
    }
    if !plan.findings.is_empty() {
        writeln!(output, "Findings\n========\n")?;
        for finding in &plan.findings {
            let control = finding.control.as_ref().map(|control| format!(" {control}")).unwrap_or_default();
            let message = plain(&finding.message);
            writeln!(output, "- {}{control}: {}: {}: {message}", finding.severity, title(&finding.subject), finding.reason)?;
        }
        writeln!(output)?;
    }
    if !complaints.is_empty() {
        writeln!(output, "Errors\n======\n")?;
        for complaint in complaints {
            writeln!(output, "- {}", sentence(complaint))?;
        }
        writeln!(output)?;
    }
    writeln!(output, "{}", summary(plan, complaints))
}

fn write_item(item: &Item, output: &mut dyn Write) -> io::Result<()> {
    let withheld = if item.withheld { " (withheld)" } else { "" };
    let sign = match item.operation.as_str() {
        "Create" => '+',
        "Delete" => '-',
        _ => '~',
    };
    writeln!(output, "{sign} {} {} {} {}{withheld}", item.operation, item.service, item.kind, item.name)?;
    for (name, value) in &item.properties {
        match value {
            Value::String(text) => writeln!(output, "    {name}: {text}")?,
            Value::Object(map) => {
                writeln!(output, "    {name}:")?;
                for (key, value) in map {
                    writeln!(output, "      {key}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
                }
            }
            other => writeln!(output, "    {name}: {other}")?,
        }
    }
    for (name, document) in [("trust", &item.trust), ("document", &item.document)] {
        if let Some(document) = document {
            writeln!(output, "    {name}:")?;
            for line in serde_json::to_string_pretty(document)?.lines() {
                writeln!(output, "      {line}")?;
            }
        }
    }
    writeln!(output)
}

fn write_manifest(manifest: &Value, output: &mut dyn Write) -> io::Result<()> {
    let mut manifest = manifest.clone();
    let withheld = manifest.as_object_mut().and_then(|map| map.remove("withheld")).is_some();
    writeln!(output, "---{}", if withheld { " # withheld" } else { "" })?;
    let yaml = serde_saphyr::to_string(&manifest).map_err(io::Error::other)?;
    writeln!(output, "{}\n", yaml.trim_end())
}

fn title(subject: &Subject) -> String {
    match &subject.namespace {
        Some(namespace) => format!("{} {namespace}/{}", subject.kind, subject.name),
        None => format!("{} {}", subject.kind, subject.name),
    }
}

/// `FILE:LINE: SUBJECT: FIELD: REASON: MESSAGE`, without what is not known.
fn sentence(complaint: &Complaint) -> String {
    let place = complaint.line.map_or_else(|| complaint.file.clone(), |line| format!("{}:{line}", complaint.file));
    let subject = complaint.subject.as_ref().map(title);
    let field = Some(complaint.field.clone()).filter(|field| !field.is_empty());
    let parts = [Some(place), subject, field, Some(complaint.reason.clone()), Some(complaint.message.clone())];
    plain(&parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

fn summary(plan: &Preview, complaints: &[Complaint]) -> String {
    let (aws, cluster) = (plan.aws.len(), plan.kubernetes.len());
    let withheld = plan.aws.iter().filter(|item| item.withheld).count()
        + plan.kubernetes.iter().filter(|manifest| manifest.get("withheld").is_some()).count();
    let withheld = if withheld > 0 { format!(", {withheld} of them withheld by Audit or a hold") } else { String::new() };
    let (findings, errors) = (plan.findings.len(), complaints.len());
    format!("Plan: {aws} objects in the account, {cluster} in the cluster{withheld}; {findings} findings, {errors} errors.")
}

/// On one line, without characters that could rewrite the reader's terminal.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
