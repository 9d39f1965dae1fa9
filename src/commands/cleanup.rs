//! The command `cleanup`: before the operator is uninstalled, everything goes that nobody would ever take away afterwards.

mod lease;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use kube::Api;
use kube::api::ListParams;

use crate::api::PhiEnvironment;
use crate::cluster::fault::fault_of;
use crate::controllers::cleanup::{Cleanup, Report};
use crate::controllers::one_shot;

/// Arguments of `cleanup`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Run it after the operator was stopped (kubectl scale deployment hipaa-operator --replicas=0) and before it is uninstalled. It works on
every PhiEnvironment of the cluster and everything bound to them: roles, policies and annotations go first, network policies after
them, then what each environment's deletionPolicy does not retain. Keys are always kept, and tagged as orphaned. Last go the finalizers,
which nobody would ever remove afterwards, and the operator's own Lease and hand-over lists. The objects themselves stay: they belong to
whoever applied them, and kubectl delete of them then ends at once. An operator that is started again makes everything anew.
Of an environment in Audit only the finalizers go. Running it again finishes what an earlier run left.

Exit code: 0 done, 1 something is left or has to be confirmed, 2 the cluster cannot be used or the operator runs.")]
pub struct CleanupArguments {
    /// Only tell what would be done.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do it. Without it nothing is changed.
    #[arg(short, long)]
    pub yes: bool,
    /// Namespace of the operator's own objects.
    #[arg(long, env = "HIPAA_OPERATOR_NAMESPACE", default_value = "hipaa-operator")]
    pub namespace: String,
    /// Seconds to wait for what takes its time, such as the deletion of endpoints.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Go on although AWS endpoints are overridden in the environment (`AWS_ENDPOINT_URL`...): calls go there instead of to AWS.
    #[arg(long, env = "HIPAA_OPERATOR_ALLOW_ENDPOINT_OVERRIDE")]
    pub allow_endpoint_override: bool,
}

/// How it ended: the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do.
    Done,
    /// Something is left, or waits for `--yes`.
    Left,
    /// The cluster cannot be used, or the operator runs.
    Unusable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Left => 1,
            Outcome::Unusable => 2,
        })
    }
}

/// Shows what there is to do and, if asked, does it.
///
/// # Errors
/// When `output` or `errors` cannot be written.
pub async fn run(arguments: &CleanupArguments, output: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Outcome> {
    match act(arguments, output).await {
        Ok(outcome) => outcome,
        Err(message) => writeln!(errors, "hipaa-operator: {message}").map(|()| Outcome::Unusable),
    }
}

/// The outer error says why the cluster cannot be used, the inner that the output cannot be written.
async fn act(arguments: &CleanupArguments, output: &mut dyn Write) -> Result<io::Result<Outcome>, String> {
    super::refuse_overrides(arguments.allow_endpoint_override)?;
    let client = super::cluster().await?;
    let listed = Api::<PhiEnvironment>::all(client.clone()).list(&ListParams::default().limit(1)).await;
    listed.map_err(|error| format!("the cluster's PhiEnvironments cannot be listed: {}", fault_of("ListPhiEnvironments", &error)))?;
    let lease = lease::read(&client, &arguments.namespace).await?;
    if arguments.yes
        && let Some(holder) = lease.as_ref().and_then(lease::living)
    {
        return Err(format!(
            "the operator runs ({holder} holds the Lease {}/{}); stop it first: kubectl -n {} scale deployment hipaa-operator --replicas=0",
            arguments.namespace,
            lease::NAME,
            arguments.namespace
        ));
    }
    let begun = one_shot(client.clone(), arguments.namespace.clone()).await?;
    let cleanup = |act| Cleanup {
        context: &begun.context,
        act,
        until: Instant::now() + Duration::from_secs(arguments.timeout),
        report: Report::default(),
    };
    let mut plan = cleanup(false).run().await;
    if lease.is_some() {
        plan.doing.push(format!("Lease {}/{}: delete it", arguments.namespace, lease::NAME));
    }
    if let Err(error) = output.write_all(shown(&plan).as_bytes()) {
        return Ok(Err(error));
    }
    if !arguments.yes {
        return Ok(without_confirmation(arguments.dry_run, &plan, output));
    }
    let mut report = cleanup(true).run().await;
    if report.left.is_empty() && lease.is_some() {
        lease::delete(&client, &arguments.namespace).await.unwrap_or_else(|message| report.left.push(message));
    }
    Ok(ended(&report, output))
}

fn without_confirmation(dry_run: bool, plan: &Report, output: &mut dyn Write) -> io::Result<Outcome> {
    if plan.doing.is_empty() || dry_run {
        return Ok(if plan.left.is_empty() { Outcome::Done } else { Outcome::Left });
    }
    writeln!(output, "Nothing was changed: pass --yes to do it.").map(|()| Outcome::Left)
}

fn ended(report: &Report, output: &mut dyn Write) -> io::Result<Outcome> {
    let mut text = format!("Done: {} steps.\n", report.doing.len());
    list(&mut text, "Left", &report.left);
    output.write_all(text.as_bytes())?;
    Ok(if report.left.is_empty() { Outcome::Done } else { Outcome::Left })
}

fn shown(plan: &Report) -> String {
    let mut text = String::new();
    if plan.doing.is_empty() {
        text.push_str("There is nothing to take away.\n");
    }
    list(&mut text, "To be taken away", &plan.doing);
    list(&mut text, "Kept", &plan.kept);
    list(&mut text, "Left", &plan.left);
    text
}

fn list(text: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    // Writing to a text does not fail.
    let _ = writeln!(text, "{heading}:");
    for line in lines {
        let line: String = line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
        let _ = writeln!(text, "  {line}");
    }
}
