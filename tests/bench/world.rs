//! The operator on its test bed, and what can be read of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use hipaa_operator::api::{BedrockAccess, PhiEnvironment};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::load::{self, ENVIRONMENT};
use crate::proxy::{Counter, Proxy};
use crate::support::bed::Bed;
use crate::support::operator::Operator;
use crate::support::seed::Shape;
use crate::support::wait;
use crate::usage::Watched;

/// How long nothing may move before it is given up.
const STILL: Duration = Duration::from_mins(2);
/// How long the counters have to stand before the operator counts as at rest.
const REST: Duration = Duration::from_secs(2);

/// Everything that runs.
pub struct World {
    pub watched: Watched,
    pub calls: Counter,
    // The operator ends before what it talks to.
    pub operator: Operator,
    _proxies: [Proxy; 2],
    pub bed: Bed,
}

/// The state of all counters at one moment.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub cpu_seconds: f64,
    pub aws_calls: u64,
    pub aws_mutating_calls: u64,
    /// AWS calls as the operator counts them itself: one for each operation, however often it was tried.
    pub aws_operations: u64,
    pub kubernetes_writes: u64,
    /// The same writes as the API server counts them.
    pub kubernetes_requests: u64,
}

impl World {
    /// Starts everything; the environment is ready, and nothing is bound to it.
    pub async fn start(program: &Path) -> Result<Self, String> {
        let bed = Box::pin(Bed::start(Shape::default())).await;
        let calls = Counter::default();
        let moto = Proxy::start(&bed.emulators.moto_url, &calls).await;
        let bedrock = Proxy::start(&bed.emulators.bedrock.url, &calls).await;
        bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: hipaa-operator } }").await;
        let endpoints = [
            ("AWS_ENDPOINT_URL", moto.url.as_str()),
            ("AWS_ENDPOINT_URL_BEDROCK", &bedrock.url),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &bedrock.url),
        ];
        let mut operator = bed.operator_with(program, &["--allow-endpoint-override", "--log", "warn"], &endpoints);
        operator.wait_ready().await;
        let watched = Watched::of(operator.group(), program);
        let world = Self { watched, calls, operator, _proxies: [moto, bedrock], bed };
        world.environment_ready().await?;
        Ok(world)
    }

    async fn environment_ready(&self) -> Result<(), String> {
        let shape = &self.bed.shape;
        load::create_environment(&self.bed.client(), &shape.account, &shape.region, &shape.cluster_name).await?;
        let asked = wait::until(STILL, || async {
            let environment = self.environments().get(ENVIRONMENT).await.map_err(|error| error.to_string())?;
            let conditions = environment.status.map(|status| status.conditions).unwrap_or_default();
            if is_ready(&conditions, environment.metadata.generation) { Ok(()) } else { Err(told(&conditions)) }
        });
        asked.await.map_err(|error| format!("the environment does not become ready: {error}"))?;
        self.rest().await
    }

    /// Waits until every one of `count` accesses is ready.
    pub async fn all_ready(&self, count: usize) -> Result<(), String> {
        let mut ready = std::collections::BTreeSet::new();
        let mut last = "nothing was seen".to_owned();
        let mut events = Box::pin(watcher(Api::<BedrockAccess>::all(self.bed.client()), watcher::Config::default()));
        while ready.len() < count {
            let event = tokio::time::timeout(STILL, events.next()).await;
            let Ok(Some(event)) = event else {
                return Err(format!("{} of {count} accesses are ready, and nothing moves any more; last seen: {last}", ready.len()));
            };
            if let Ok(Event::Apply(access) | Event::InitApply(access)) = event {
                let conditions = access.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
                let name = format!("{}/{}", access.namespace().unwrap_or_default(), access.name_any());
                if is_ready(conditions, access.metadata.generation) {
                    ready.insert(name);
                } else {
                    last = format!("{name}: {}", told(conditions));
                }
            }
        }
        Ok(())
    }

    /// Asks for a sweep and waits until it is done.
    pub async fn sweep(&self, number: u64) -> Result<(), String> {
        let wish = format!("sweep-{number}");
        let patch = json!({ "metadata": { "annotations": { "hipaa-operator.io/reconcile-at": wish } } });
        let asked = self.environments().patch(ENVIRONMENT, &PatchParams::default(), &Patch::Merge(&patch)).await;
        asked.map_err(|error| format!("the environment: {error}"))?;
        let honoured = wait::until(STILL, || async {
            let environment = self.environments().get(ENVIRONMENT).await.map_err(|error| error.to_string())?;
            let last = environment.status.and_then(|status| status.last_reconcile_at);
            if last.as_ref() == Some(&wish) { Ok(()) } else { Err(format!("the last sweep asked for and done is {last:?}")) }
        });
        honoured.await
    }

    /// Waits until the operator has nothing left to do: its passes and writes stand still.
    pub async fn rest(&self) -> Result<(), String> {
        let (mut before, mut since, end) = (String::new(), Instant::now(), Instant::now() + STILL);
        while since.elapsed() < REST {
            if Instant::now() > end {
                return Err("the operator does not come to rest".to_owned());
            }
            tokio::time::sleep(wait::INTERVAL * 5).await;
            let counted = ["hipaa_operator_reconciles_total", "hipaa_operator_kubernetes_writes_total"];
            let metrics = self.operator.metrics().await;
            // The lease is renewed for as long as there is a leader.
            let is_work = |line: &&str| counted.iter().any(|name| line.starts_with(name)) && !line.contains("kind=\"lease\"");
            let now: String = metrics.lines().filter(is_work).collect();
            if now != before {
                (before, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// All counters as they are now.
    pub async fn counts(&self) -> Result<Counts, String> {
        let cpu_seconds = self.watched.cpu_seconds();
        let calls = self.calls.calls();
        let metrics = self.operator.metrics().await;
        let server = self.bed.control_plane.get("/metrics").await?;
        let is_work = |line: &str| !line.contains("kind=\"lease\"") && !line.contains("kind=\"heartbeat\"");
        Ok(Counts {
            cpu_seconds,
            aws_calls: calls.values().sum(),
            aws_mutating_calls: calls.iter().filter(|(call, _)| call.mutating).map(|(_, count)| count).sum(),
            aws_operations: sum(&metrics, |line| line.starts_with("hipaa_operator_aws_calls_total")),
            kubernetes_writes: sum(&metrics, |line| line.starts_with("hipaa_operator_kubernetes_writes_total") && is_work(line)),
            kubernetes_requests: sum(&server, is_write_of_the_operator),
        })
    }

    /// The operator's passes and its writes to Kubernetes since its start, by kind.
    pub async fn details(&self) -> Vec<String> {
        let metrics = self.operator.metrics().await;
        let lines = metrics.lines().filter_map(|line| line.strip_prefix("hipaa_operator_"));
        lines
            .filter(|line| line.starts_with("reconciles_total") || line.starts_with("kubernetes_writes_total"))
            .map(str::to_owned)
            .collect()
    }

    /// The process groups of everything that runs.
    pub fn groups(&self) -> Vec<i32> {
        [self.bed.groups(), vec![self.operator.group()]].concat()
    }

    fn environments(&self) -> Api<PhiEnvironment> {
        Api::all(self.bed.client())
    }
}

/// The directory where the built programs lie: this one is `<target>/debug/examples/bench`.
pub fn target() -> PathBuf {
    let me = std::env::current_exe().expect("this program has a path");
    me.ancestors().nth(3).expect("it lies in cargo's target folder").to_owned()
}

/// Whether a line of the API server's metrics counts writes that nobody but the operator makes here: this program creates objects, and
/// changes only the environment's annotation; the controller manager touches none of these resources in these ways.
fn is_write_of_the_operator(line: &str) -> bool {
    let has = |label: &str, value: &str| line.contains(&format!("{label}=\"{value}\""));
    let changes = has("verb", "PATCH") || has("verb", "APPLY") || has("verb", "PUT");
    let ours = ["phienvironments", "phiworkloads", "bedrockaccesses"].iter().any(|resource| has("resource", resource));
    let annotates = has("resource", "phienvironments") && has("subresource", "") && has("verb", "PATCH");
    line.starts_with("apiserver_request_total{")
        && ((ours && changes && !annotates)
            || (has("resource", "networkpolicies") && (changes || has("verb", "POST")))
            || (has("resource", "serviceaccounts") && has("verb", "APPLY"))
            || (has("resource", "events") && has("group", "events.k8s.io") && (changes || has("verb", "POST"))))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
fn sum(metrics: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let values = metrics.lines().filter(|line| wanted(line)).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.map(|value| value as u64).sum()
}

fn is_ready(conditions: &[Condition], generation: Option<i64>) -> bool {
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    ready.is_some_and(|ready| ready.status == "True" && ready.observed_generation == generation)
}

fn told(conditions: &[Condition]) -> String {
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    ready.map_or_else(|| "it has no condition Ready yet".to_owned(), |ready| format!("Ready is {}: {}", ready.status, ready.message))
}
