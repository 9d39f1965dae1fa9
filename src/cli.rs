//! The command line. Every flag of `run` can also be given in the environment.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{self, ExitCode};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use hipaa_operator::api::all_definitions;
use hipaa_operator::commands::{self, cleanup, explain, observe};
use hipaa_operator::controllers::{Settings, Start, run};
use hipaa_operator::domain::lease::Terms;
use hipaa_operator::preview::command::{self as plan, PlanArguments};
use hipaa_operator::telemetry::logs::{LogFormat, install};
use hipaa_operator::telemetry::metrics::Metrics;
use hipaa_operator::telemetry::server::{Readiness, serve};

/// Makes an EKS cluster a place where protected health information may be sent to Amazon Bedrock, and proves it.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(RunArguments),
    /// Show every AWS and Kubernetes object that manifests would lead to; needs no cluster and no account.
    Plan(PlanArguments),
    /// Save the facts of a live account and cluster for `plan --observed`; reads only.
    Observe(observe::ObserveArguments),
    /// Tell what a service account can really do, where that comes from and what is denied; reads only.
    Explain(explain::ExplainArguments),
    /// Take away what was made, before the operator is uninstalled; the operator has to be stopped.
    Cleanup(cleanup::CleanupArguments),
    /// Print the custom resource definitions as YAML.
    Crds,
}

#[derive(Debug, Args)]
struct RunArguments {
    /// Address of /livez, /readyz and /metrics.
    #[arg(long, env = "HIPAA_OPERATOR_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Namespace of the operator's own objects.
    #[arg(long, env = "HIPAA_OPERATOR_NAMESPACE", default_value = "hipaa-operator")]
    namespace: String,
    /// Seconds between two sweeps of an environment.
    #[arg(long, env = "HIPAA_OPERATOR_SWEEP_INTERVAL", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    sweep_interval: u64,
    /// Seconds for which a read of IAM that does not show our last write, or one of KMS that does not find a new key, is not believed.
    #[arg(long, env = "HIPAA_OPERATOR_IAM_SETTLING", default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=600))]
    iam_settling: u64,
    /// Seconds after which a pass is given up.
    #[arg(long, env = "HIPAA_OPERATOR_PASS_TIMEOUT", default_value_t = 120, value_parser = clap::value_parser!(u64).range(10..=600))]
    pass_timeout: u64,
    /// Passes at the same time, for each kind.
    #[arg(long, env = "HIPAA_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    #[command(flatten)]
    lease: LeaseArguments,
    /// Start although AWS endpoints are overridden in the environment (`AWS_ENDPOINT_URL`...): calls go there instead of to AWS.
    #[arg(long, env = "HIPAA_OPERATOR_ALLOW_ENDPOINT_OVERRIDE")]
    allow_endpoint_override: bool,
    /// Form of the log lines.
    #[arg(long, env = "HIPAA_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Which events are logged, such as `info` or `hipaa_operator=debug,warn`.
    #[arg(long, env = "HIPAA_OPERATOR_LOG", default_value = "info")]
    log: String,
}

/// Of all replicas the one leads that holds the Lease `hipaa-operator` in the operator's namespace. Fractions of a second are for tests.
#[derive(Debug, Args)]
struct LeaseArguments {
    /// Seconds for which a leader that is silent is waited for.
    #[arg(long, env = "HIPAA_OPERATOR_LEASE_DURATION", default_value = "15", value_parser = lease_seconds)]
    lease_duration: Duration,
    /// Seconds after which a leader that could not renew its lease ends itself; less than the duration.
    #[arg(long, env = "HIPAA_OPERATOR_LEASE_RENEW_DEADLINE", default_value = "10", value_parser = lease_seconds)]
    lease_renew_deadline: Duration,
    /// Seconds between two renewals, and between two looks of a follower; less than the renew deadline.
    #[arg(long, env = "HIPAA_OPERATOR_LEASE_RETRY", default_value = "2", value_parser = lease_seconds)]
    lease_retry: Duration,
    /// Name of the pod, by which the holder of the lease is known; the name of the host if not given.
    #[arg(long, env = "HIPAA_OPERATOR_POD_NAME")]
    pod_name: Option<String>,
}

impl LeaseArguments {
    /// The terms of the lease, and our own name in it: never that of another process, nor of an earlier one of the same pod.
    fn resolve(self) -> Result<(Terms, String), String> {
        let Self { lease_duration, lease_renew_deadline, lease_retry, pod_name } = self;
        let terms = Terms::new(lease_duration, lease_renew_deadline, lease_retry)?;
        let host = || fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
        let name = pod_name.filter(|name| !name.is_empty()).or_else(|| host().ok()).unwrap_or_else(|| "hipaa-operator".to_owned());
        // A fresh hasher is randomly keyed.
        Ok((terms, format!("{name}_{:016x}", RandomState::new().hash_one(process::id()))))
    }
}

fn lease_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is wanted".to_owned())?;
    if (0.05..=3_600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("0.05 to 3600 seconds are wanted".to_owned())
    }
}

impl Cli {
    /// Does what was asked. What goes wrong is one line on standard error.
    pub async fn run(self) -> ExitCode {
        let mut out = io::stdout().lock();
        let outcome = match self.command {
            Command::Run(arguments) => operate(arguments).await.map(|()| ExitCode::SUCCESS),
            Command::Plan(arguments) => written(plan::run(&arguments, &mut io::stdin(), &mut out).map(ExitCode::from)),
            Command::Observe(arguments) => observe::run(&arguments, &mut out).await.map(|()| ExitCode::SUCCESS),
            Command::Explain(arguments) => written(explain::run(&arguments, &mut out, &mut io::stderr()).await.map(ExitCode::from)),
            Command::Cleanup(arguments) => written(cleanup::run(&arguments, &mut out, &mut io::stderr()).await.map(ExitCode::from)),
            Command::Crds => written(print_definitions(&mut out).map(|()| ExitCode::SUCCESS)),
        };
        match outcome {
            Ok(code) => code,
            Err(message) => failed(&message),
        }
    }
}

/// Says what went wrong on standard error.
pub fn failed(message: &str) -> ExitCode {
    // Nothing is left to be done if standard error is closed.
    let _ = writeln!(io::stderr(), "hipaa-operator: {message}");
    ExitCode::FAILURE
}

/// A reader that went away, such as `head`, is no failure.
fn written(outcome: io::Result<ExitCode>) -> Result<ExitCode, String> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        outcome => outcome.map_err(|error| format!("cannot write: {error}")),
    }
}

fn print_definitions(out: &mut impl Write) -> io::Result<()> {
    for definition in all_definitions() {
        let yaml = serde_saphyr::to_string(&definition).map_err(io::Error::other)?;
        writeln!(out, "---\n{}", yaml.trim_end())?;
    }
    Ok(())
}

async fn operate(arguments: RunArguments) -> Result<(), String> {
    let RunArguments {
        listen,
        namespace,
        sweep_interval,
        iam_settling,
        pass_timeout,
        concurrency,
        lease,
        allow_endpoint_override,
        log_format,
        log,
    } = arguments;
    install(log_format, &log).map_err(|error| format!("--log {log}: {error}"))?;
    let (terms, identity) = lease.resolve()?;
    commands::refuse_overrides(allow_endpoint_override)?;
    let client = commands::cluster().await?;
    let stop = CancellationToken::new();
    end_on_signal(stop.clone())?;
    let metrics = Metrics::default();
    let readiness = Readiness::default();
    let server = serve(listen, readiness.clone(), metrics.clone(), stop.clone());
    let seconds = Duration::from_secs;
    let settings = Settings {
        sweep_interval: seconds(sweep_interval),
        iam_settling: seconds(iam_settling),
        pass_timeout: seconds(pass_timeout),
        concurrency,
    };
    let start = Start { client, namespace, metrics, settings, identity, terms, readiness, stop: stop.clone() };
    let controllers = Box::pin(run(start));
    let serving = async { server.await.map_err(|error| format!("cannot serve on {listen}: {error}")) };
    let controlling = async {
        let outcome = controllers.await;
        stop.cancel();
        outcome
    };
    tokio::try_join!(serving, controlling).map(|_| ())
}

/// Cancels on SIGTERM, which Kubernetes sends, and on SIGINT.
fn end_on_signal(stop: CancellationToken) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ending: running passes are finished first");
        stop.cancel();
    });
    Ok(())
}
