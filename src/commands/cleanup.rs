//! The command `cleanup`: before the operator is uninstalled, everything goes that nobody would ever take away afterwards.

mod lease;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use kube::Api;
use kube::api::ListParams;

use crate::api::PhiEnvironment;
use crate::cluster::fault::fault_of;
use crate::cluster::lease::LEASE;
use crate::controllers::cleanup::Report;
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
    match Box::pin(act(arguments, output)).await {
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
    let held = if arguments.yes { Some(lease::take(&client, &arguments.namespace).await?) } else { None };
    let begun = one_shot(client.clone(), arguments.namespace.clone()).await?;
    let Some(mut held) = held else {
        let mut plan = begun.cleanup(false, arguments.timeout).await;
        if lease::read(&client, &arguments.namespace).await?.is_some() {
            plan.doing.push(format!("Lease {}/{LEASE}: delete it", arguments.namespace));
        }
        return Ok(output.write_all(shown(&plan).as_bytes()).and_then(|()| without_confirmation(arguments.dry_run, &plan, output)));
    };
    let work = async {
        let plan = begun.cleanup(false, arguments.timeout).await;
        let told = output.write_all(shown(&plan).as_bytes());
        (told, begun.cleanup(true, arguments.timeout).await)
    };
    let (told, mut report) = tokio::select! {
        lost = held.keep() => return Err(lost),
        done = work => done,
    };
    held.release().await;
    if report.left.is_empty() {
        lease::delete(&client, &arguments.namespace).await.unwrap_or_else(|message| report.left.push(message));
    }
    Ok(told.and_then(|()| ended(&report, output)))
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
