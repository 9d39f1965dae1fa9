//! One trial: a flow, a fault at one of its calls, and whether everything ends as if nothing had happened.

use std::cell::Cell;
use std::time::{Duration, Instant};

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use hipaa_operator::cluster::objects::WithStatus;
use kube::api::ListParams;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::NAMESPACE;
use crate::flow::Flow;
use crate::lane::{Lane, Setting};
use crate::picture::{Difference, Picture};
use crate::support::call::Call;
use crate::support::fault_proxy::plan::{Fault, Plan, Which};
use crate::support::fault_proxy::refusal::Refusal;
use crate::support::wait;

/// How long anything may take to come to rest.
const SOON: Duration = Duration::from_mins(1);
/// How long a flow may take to reach a call.
const REACHED: Duration = Duration::from_secs(15);
/// The most calls that may be sent in a second while every one of them is throttled.
const CALLS_IN_A_SECOND: usize = 60;

/// A flow that nothing disturbed.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Its calls, in the order of their arrival.
    pub calls: Vec<Call>,
    /// What was there when it had come to rest.
    pub picture: Picture,
}

/// A fault to try.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name in the results.
    pub name: &'static str,
    /// How the account behaves.
    pub setting: Setting,
    /// What happens to which call; `None` if the setting is all that is tried.
    pub plan: Option<Plan>,
}

/// How a trial ended.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Whether the call came that was to be struck.
    pub struck: bool,
    /// How the end differs from that of the undisturbed flow.
    pub difference: Difference,
    /// How long it took.
    pub took: Duration,
    /// The most memory that the operator used, in MiB.
    pub memory: Option<u64>,
    /// The most calls in a second while all were throttled.
    pub throttled: Option<usize>,
}

impl Ending {
    /// Whether everything is as if nothing had happened, and no more was asked of the account than may be.
    pub fn good(&self) -> bool {
        self.difference.is_empty() && self.throttled.is_none_or(|calls| calls <= CALLS_IN_A_SECOND)
    }
}

impl Trial {
    /// In words, such as `kill at ec2 CreateVpcEndpoint #2`.
    pub fn told(&self) -> String {
        match self.plan.as_ref().map(|plan| &plan.which) {
            None => self.name.to_owned(),
            Some(Which::Number(number)) => format!("{} at call {number}", self.name),
            Some(Which::Named(call, nth)) => format!("{} at {} {} #{nth}", self.name, call.service, call.operation),
        }
    }

    /// Tries it on a lane on which the flow before has come to rest.
    pub async fn run(&self, flow: Flow, lane: &mut Lane, wanted: &Picture) -> Result<Ending, String> {
        let began = Instant::now();
        flow.begin(lane, self.plan.clone()).await?;
        let struck = self.plan.is_none() || lane.proxy.struck(REACHED).await;
        if struck && self.plan.as_ref().is_some_and(|plan| matches!(plan.fault, Fault::HeldBefore | Fault::HeldAfter)) {
            lane.kill();
            lane.proxy.plan(None);
            lane.relaunch().await?;
        }
        let difference = flow.settles(lane, wanted, SOON).await.err().unwrap_or_default();
        let throttled = most_in_a_second(lane);
        Ok(Ending { struck, difference, took: began.elapsed(), memory: lane.peak_memory(), throttled })
    }
}

/// Runs a flow that nothing disturbs, to the moment when everything has come to rest.
pub async fn reference(flow: Flow, lane: &Lane, before: Option<&Picture>) -> Result<Reference, String> {
    flow.begin(lane, None).await?;
    match (flow, before) {
        (Flow::Repair, Some(before)) => {
            flow.settles(lane, before, SOON).await.map_err(|difference| format!("a repair does not restore:\n{difference}"))?;
        }
        (Flow::Delete, _) => wait::until(SOON, || flow.between_passes(lane)).await?,
        _ => ready(flow, lane).await?,
    }
    let calls = lane.proxy.seen().into_iter().map(|seen| seen.call).collect();
    Ok(Reference { calls, picture: lane.picture().await? })
}

/// Waits until all objects are ready and a pass has changed nothing; no further pass begins then.
async fn ready(flow: Flow, lane: &Lane) -> Result<(), String> {
    let changes = Cell::new(usize::MAX);
    let rested = wait::until(SOON, || async {
        flow.between_passes(lane).await?;
        let now = lane.proxy.seen().iter().filter(|seen| seen.call.mutating).count();
        let outcome = if changes.replace(now) == now { all_ready(lane).await } else { Err("a pass has changed something".to_owned()) };
        if outcome.is_err() {
            lane.proxy.resume();
        }
        outcome
    });
    rested.await
}

async fn all_ready(lane: &Lane) -> Result<(), String> {
    let client = lane.bed.client();
    is_ready(Api::<PhiEnvironment>::all(client.clone())).await?;
    is_ready(Api::<PhiWorkload>::namespaced(client.clone(), NAMESPACE)).await?;
    is_ready(Api::<BedrockAccess>::namespaced(client, NAMESPACE)).await
}

async fn is_ready<K>(api: Api<K>) -> Result<(), String>
where
    K: WithStatus + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    for object in api.list(&ListParams::default()).await.map_err(|error| error.to_string())? {
        let conditions = object.status().map(K::conditions).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        if !ready.is_some_and(|ready| ready.status == "True" && ready.observed_generation == object.meta().generation) {
            return Err(format!("{} is not ready: {ready:?}", K::kind(&())));
        }
    }
    Ok(())
}

/// The most calls that came within a second while all were throttled; `None` if none was.
fn most_in_a_second(lane: &Lane) -> Option<usize> {
    let seen = lane.proxy.seen();
    let times: Vec<_> =
        seen.iter().filter(|seen| matches!(seen.met, Some(Fault::Refused(Refusal::Throttled, _)))).map(|seen| seen.at).collect();
    let within = |from: &Instant| times.iter().filter(|at| **at >= *from && **at - *from < Duration::from_secs(1)).count();
    times.iter().map(within).max()
}
