//! The `hipaa-operator` binary.

use std::process::ExitCode;

use clap::Parser;

mod cli;

/// Threads that passes run on, beside the one that keeps the lease. A pass waits for answers most of its time, so that more of them, one
/// for each core of a large machine, would only wake each other.
const THREADS: usize = 1;

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()
}

fn main() -> ExitCode {
    // One crypto provider for the process: the cluster's client and the AWS SDK would otherwise each look for a default. That one is
    // installed already is no failure.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = cli::Cli::parse();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return cli::failed(&format!("no threads to run on: {error}")),
    };
    let code = runtime.block_on(cli.run());
    // What still runs is not waited for, such as a look-up of a host name that hangs: a process that has lost its lease ends at once.
    runtime.shutdown_background();
    code
}
