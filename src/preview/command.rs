//! The command `plan`: files in, preview out, and an exit code for a pipeline.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use super::observed::KnownFacts;
use super::sources::{self, Complaint, Given};
use super::{Item, Preview, PreviewFinding, preview, text};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Manifests: files, folders (their *.yaml, *.yml and *.json), or - for standard input.
    #[arg(short, long, value_name = "FILE", num_args = 1.., required = true)]
    pub filename: Vec<String>,
    /// How the plan is written.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Facts of the account and the cluster, YAML or JSON, in place of placeholders: as `observe` writes them, or by hand.
    #[arg(long, value_name = "FILE")]
    pub observed: Option<String>,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// To be read, say in a pull request.
    Text,
    /// To be processed.
    Json,
}

/// How it ended: the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong.
    Fine,
    /// The manifests break a rule.
    RuleBroken,
    /// The input cannot be used.
    Unusable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::RuleBroken => 1,
            Outcome::Unusable => 2,
        })
    }
}

/// Plans what the files declare and writes it to `output`. Whatever is wrong with the files is part of what is written.
///
/// # Errors
/// When `output` cannot be written.
pub fn run(arguments: &PlanArguments, input: &mut dyn Read, output: &mut dyn Write) -> io::Result<Outcome> {
    let (sources, mut complaints) = sources::read(&arguments.filename, input);
    let mut given = Given::load(&sources);
    let known = match arguments.observed.as_deref().map(sources::facts).transpose() {
        Ok(known) => known.unwrap_or_default(),
        Err(complaint) => {
            complaints.push(*complaint);
            KnownFacts::default()
        }
    };
    complaints.extend(contradictions(&given, &known, arguments.observed.as_deref().unwrap_or_default()));
    if given.is_empty() && complaints.is_empty() {
        let message = "nothing to plan: pass files that declare a PhiEnvironment, PhiWorkload or BedrockAccess";
        complaints.push(Complaint::unusable(&arguments.filename.join(" "), None, "NothingDeclared", message));
    }
    let plan = preview(&given.declared, &known);
    given.complain(&plan.errors);
    complaints.append(&mut given.complaints);
    match arguments.output {
        Output::Json => write_json(&plan, &complaints, output)?,
        Output::Text => text::write(&plan, &complaints, output)?,
    }
    Ok(outcome(&complaints))
}

fn outcome(complaints: &[Complaint]) -> Outcome {
    if complaints.iter().any(|complaint| complaint.unusable) {
        Outcome::Unusable
    } else if complaints.is_empty() {
        Outcome::Fine
    } else {
        Outcome::RuleBroken
    }
}

/// Facts that say something else than the declarations.
fn contradictions(given: &Given, known: &KnownFacts, file: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for environment in &given.declared.environments {
        let name = environment.metadata.name.clone().unwrap_or_default();
        let (aws, facts) = (&environment.spec.aws, known.of(&name));
        let pairs = [
            ("vpcId", "VPC", aws.vpc_id.as_ref(), facts.vpc_id),
            ("accountId", "account", Some(&aws.account_id), facts.account_id),
            ("region", "Region", Some(&aws.region), facts.region),
            ("clusterName", "cluster", Some(&aws.cluster_name), facts.cluster_name),
        ];
        for (field, what, declared, told) in pairs {
            if let (Some(declared), Some(told)) = (declared, told)
                && *declared != told
            {
                let message = format!(
                    "environments.{name}.{field} is {told}, but PhiEnvironment {name} names {declared}: write the same {what} in both"
                );
                complaints.push(Complaint::unusable(file, None, "InvalidFacts", message));
            }
        }
    }
    complaints
}

fn write_json(plan: &Preview, complaints: &[Complaint], output: &mut dyn Write) -> io::Result<()> {
    let Preview { aws, kubernetes, findings, errors: _ } = plan;
    serde_json::to_writer_pretty(&mut *output, &Whole { aws, kubernetes, findings, errors: complaints })?;
    writeln!(output)
}

/// The plan as JSON; the errors are those of the declarations and of the files, each with its place.
#[derive(Serialize)]
struct Whole<'a> {
    aws: &'a [Item],
    kubernetes: &'a [Value],
    findings: &'a [PreviewFinding],
    errors: &'a [Complaint],
}
