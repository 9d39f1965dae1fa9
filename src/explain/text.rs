//! The explanation for people to read.

use std::fmt::Write;

use super::{Answer, Explanation, Power};

/// The explanation as text.
#[must_use]
pub fn text(explanation: &Explanation) -> String {
    let Explanation { service_account, workload, environment, role, path, guardrails, allowed, denied, not_as_declared, unknown } =
        explanation;
    let mut out = format!("Service account {service_account} (PhiWorkload {workload}, PhiEnvironment {environment})\n");
    let role = role.as_deref().map_or_else(|| "It has no role that is known.".to_owned(), |role| format!("Its role is {role}."));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{role}");
    section(&mut out, "Path", path);
    section(&mut out, "Guardrail", guardrails);
    let can = |power: &&Power| power.effective == Answer::Yes;
    section(&mut out, "What it can do", &allowed.iter().filter(can).map(told).collect::<Vec<_>>());
    section(
        &mut out,
        "What its policies allow and does not get through, or may not",
        &allowed.iter().filter(|power| !can(power)).map(told).collect::<Vec<_>>(),
    );
    let denied: Vec<String> = denied
        .iter()
        .map(|denial| {
            let only_if = if denial.only_if.is_empty() { String::new() } else { format!("\n    if {}", denial.only_if.join(" and ")) };
            format!(
                "{} on {}{only_if}\n    by {} ({})",
                denial.actions.join(", "),
                denial.resources.join(", "),
                denial.policy,
                denial.origin
            )
        })
        .collect();
    section(&mut out, "What is denied whatever allows it", &denied);
    section(&mut out, "Not as declared", not_as_declared);
    section(&mut out, "Not known", unknown);
    out
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    let _ = write!(out, "\n{title}\n");
    if lines.is_empty() {
        out.push_str("  nothing\n");
    }
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn told(power: &Power) -> String {
    let mut text = format!("{} on {}", power.action, power.resource);
    if !power.only_if.is_empty() {
        let _ = write!(text, "\n    only if {}", power.only_if.join(" and "));
    }
    if !power.unless.is_empty() {
        let _ = write!(text, "\n    unless {}", power.unless.join(", or "));
    }
    let _ = write!(
        text,
        "\n    role {}, boundary {}, endpoint {}: {}",
        word(power.role_lets_through),
        word(power.boundary_lets_through),
        word(power.endpoint_lets_through),
        match power.effective {
            Answer::Yes | Answer::NotAsked => "it gets through",
            Answer::No => "it does not get through",
            Answer::Unknown => "whether it gets through is not known",
        }
    );
    let origins = if power.origins.is_empty() { "nothing that is declared".to_owned() } else { power.origins.join("; ") };
    let _ = write!(text, "\n    from {origins}, by {}", power.policy);
    text
}

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Unknown => "not known",
        Answer::NotAsked => "not asked",
    }
}
