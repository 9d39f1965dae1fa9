//! The `hipaa-operator` binary.

use std::process::ExitCode;

use clap::Parser;

mod cli;

#[tokio::main]
async fn main() -> ExitCode {
    // One crypto provider for the process: the cluster's client and the AWS SDK would otherwise each look for a default. That one is
    // installed already is no failure.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    cli::Cli::parse().run().await
}
