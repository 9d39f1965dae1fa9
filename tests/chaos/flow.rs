//! The three flows: from nothing to all ready, from tampered with to healed, from ready to gone.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use hipaa_operator::api::{BedrockAccess, PhiEnvironment, PhiWorkload};
use kube::Api;
use kube::api::{DeleteParams, ListParams};

use crate::cluster::NAMESPACE;
use crate::lane::Lane;
use crate::picture::{Difference, Picture};
use crate::support::fault_proxy::plan::Plan;
use crate::support::manifests::{ENVIRONMENT, HAIKU, SONNET, WORKLOAD, access};
use crate::support::wait;
use crate::tampering;

/// How long a pass may keep the next one waiting: a call may take ten seconds, and a pass that failed is tried again after up to ten.
const PASS: Duration = Duration::from_secs(30);

/// What a flow declares: one environment, which leaves nothing behind, and one workload with two accesses.
fn declared() -> String {
    let (summaries, letters) = (access("summaries", HAIKU), access("letters", SONNET));
    format!("{ENVIRONMENT}  deletionPolicy: Delete\n---{WORKLOAD}---{summaries}---{letters}")
}

/// What the operator is brought to do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Flow {
    /// An environment, a workload and two accesses are declared; nothing is there yet.
    Provision,
    /// Nearly everything was tampered with.
    Repair,
    /// All that was declared is deleted.
    Delete,
}

impl fmt::Display for Flow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Provision => "provision",
            Self::Repair => "repair",
            Self::Delete => "delete",
        })
    }
}

impl Flow {
    /// All, in the order in which one leads to the next.
    pub const ALL: [Self; 3] = [Self::Provision, Self::Repair, Self::Delete];

    /// Begins it. The flow before has settled, so that no pass is under way.
    pub async fn begin(self, lane: &Lane, plan: Option<Plan>) -> Result<(), String> {
        match self {
            Self::Provision => {
                lane.proxy.plan(plan);
                lane.bed.try_apply(&declared()).await.map_err(|error| error.to_string())?;
            }
            Self::Repair => {
                tampering::all(lane).await?;
                lane.proxy.plan(plan);
            }
            Self::Delete => {
                lane.proxy.plan(plan);
                delete_all(lane).await?;
            }
        }
        lane.proxy.resume();
        Ok(())
    }

    /// Waits until account and cluster are as `wanted`, looked at between two passes, and lets no further pass begin.
    pub async fn settles(self, lane: &Lane, wanted: &Picture, deadline: Duration) -> Result<(), Difference> {
        let last = RefCell::new(Difference::default());
        let looked = wait::until(deadline, || async {
            self.between_passes(lane).await?;
            let difference = lane.picture().await?.against(wanted);
            if difference.is_empty() {
                return Ok(());
            }
            lane.proxy.resume();
            last.replace(difference);
            Err("it differs".to_owned())
        });
        looked.await.map_err(|error| {
            lane.proxy.resume();
            let mut last = last.take();
            if last.is_empty() {
                last.changed.push(error);
            }
            last
        })
    }

    /// Waits for a moment in which nothing is under way.
    pub async fn between_passes(self, lane: &Lane) -> Result<(), String> {
        if self == Self::Delete {
            // With the environment the passes end.
            return gone(lane).await;
        }
        if lane.proxy.pause(PASS).await { Ok(()) } else { Err("no pass began".to_owned()) }
    }
}

async fn delete_all(lane: &Lane) -> Result<(), String> {
    let client = lane.bed.client();
    let now = DeleteParams::default();
    let told = |error: kube::Error| error.to_string();
    let accesses = Api::<BedrockAccess>::namespaced(client.clone(), NAMESPACE);
    accesses.delete_collection(&now, &ListParams::default()).await.map_err(told)?;
    Api::<PhiWorkload>::namespaced(client.clone(), NAMESPACE).delete("notes", &now).await.map_err(told)?;
    Api::<PhiEnvironment>::all(client).delete("prod", &now).await.map_err(told)?;
    Ok(())
}

async fn gone(lane: &Lane) -> Result<(), String> {
    let environments = Api::<PhiEnvironment>::all(lane.bed.client());
    let left = environments.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
    if !left.items.is_empty() {
        return Err("the environment is still there".to_owned());
    }
    if lane.proxy.quiet(PASS).await { Ok(()) } else { Err("calls go on".to_owned()) }
}
