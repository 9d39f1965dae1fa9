//! The command line.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::api::all_definitions;
use crate::preview::command::{self, PlanArguments};

/// Makes an EKS cluster a place where protected health information may be sent to Amazon Bedrock, and proves it.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every AWS and Kubernetes object that manifests would lead to; needs no cluster and no account.
    Plan(PlanArguments),
    /// Print the custom resource definitions as YAML.
    Crds,
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let mut output = io::stdout().lock();
    let ended = match Cli::parse().command {
        Command::Plan(arguments) => command::run(&arguments, &mut io::stdin(), &mut output).map(ExitCode::from),
        Command::Crds => print_definitions(&mut output).map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|error| {
        // The reader went away, such as `head`.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return ExitCode::SUCCESS;
        }
        // Standard error is the last resort; if it is closed too, the exit code still tells.
        let _ = writeln!(io::stderr(), "cannot write: {error}");
        ExitCode::FAILURE
    })
}

fn print_definitions(output: &mut impl Write) -> io::Result<()> {
    for definition in all_definitions() {
        let yaml = serde_saphyr::to_string(&definition).map_err(io::Error::other)?;
        writeln!(output, "---\n{}", yaml.trim_end())?;
    }
    Ok(())
}
