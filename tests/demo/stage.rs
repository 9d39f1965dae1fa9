//! The test bed with an operator on it, and waiting for something that can be seen there.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use hipaa_operator::cluster::objects::WithStatus;
use serde::de::DeserializeOwned;

use crate::out;
use crate::support::bed::Bed;
use crate::support::operator::{self, Operator};
use crate::support::seed::Shape;
use crate::support::wait;

/// Seconds between two sweeps of the account.
pub const SWEEP: &str = "5";
/// How long any step may take.
const STEP: Duration = Duration::from_mins(1);
/// How long all of them may take together.
const TOUR: Duration = Duration::from_mins(3);

/// Everything that runs.
pub struct Stage {
    // The operator ends before the bed it works on.
    pub operator: Operator,
    pub bed: Bed,
}

impl Stage {
    /// Starts everything; nothing is applied yet.
    ///
    /// # Panics
    /// If a part cannot be started, with the end of its log.
    pub async fn start() -> Self {
        out::heading("A cluster and an account");
        let starting = Box::pin(Bed::start(Shape::default()));
        let bed = out::attended("starting etcd, the API server, the controller manager and the emulators", starting).await;
        let version = bed.client().apiserver_version().await.expect("the API server tells its version").git_version;
        out::seen(&format!("a Kubernetes {version} control plane is ready; without nodes, so pods are made and stay Pending"));
        let (seeded, shape) = (&bed.seeded, &bed.shape);
        let (account, region, cluster) = (&shape.account, &shape.region, &shape.cluster_name);
        out::seen(&format!("account {account} in {region} (emulated) has EKS cluster {cluster} in {} and no endpoints", seeded.vpc_id));

        bed.apply("{ apiVersion: v1, kind: Namespace, metadata: { name: hipaa-operator } }").await;
        let flags = ["--sweep-interval", SWEEP, "--iam-settling", "0", "--allow-endpoint-override"];
        let mut operator = bed.operator(&operator::binary(), &flags);
        out::attended("the operator starts", operator.wait_ready()).await;
        out::seen(&format!("hipaa-operator run {} is ready", flags.join(" ")));
        Self { operator, bed }
    }

    /// Asks until the answer is `Ok`, with a line for every two seconds that it takes. The error tells what was last seen.
    pub async fn until<T, A>(&self, what: &str, mut ask: impl FnMut() -> A) -> Result<T, String>
    where
        A: Future<Output = Result<T, String>>,
    {
        let deadline = STEP.min((out::began() + TOUR).saturating_duration_since(Instant::now()));
        let last = RefCell::new("no answer yet".to_owned());
        // A box, because a future with an SDK call in it is large.
        let asking = Box::pin(wait::until(deadline, || {
            let asked = ask();
            async {
                let answer = asked.await;
                if let Err(error) = &answer {
                    last.borrow_mut().clone_from(error);
                }
                answer
            }
        }));
        let answer = out::attended_with(|| format!("waiting until {what}; so far: {}", last.borrow()), asking).await;
        answer.map_err(|error| format!("not seen within {} s: {what}\nlast seen: {error}", deadline.as_secs()))
    }

    /// Waits until the object says of its present generation that it is ready.
    pub async fn ready<K>(&self, namespace: Option<&str>, name: &str) -> Result<(), String>
    where
        K: WithStatus<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        let api = K::api(&self.bed.client(), namespace);
        let kind = K::kind(&());
        let message = self
            .until(&format!("{kind} {name} is Ready"), || async {
                let object = api.get(name).await.map_err(|error| error.to_string())?;
                let conditions = object.status().map(K::conditions).unwrap_or_default();
                let ready = conditions.iter().find(|condition| condition.type_ == "Ready").ok_or("it has no condition Ready yet")?;
                if ready.status == "True" && ready.observed_generation == object.meta().generation {
                    return Ok(ready.message.clone());
                }
                Err(format!("Ready is {}: {}: {}", ready.status, ready.reason, ready.message))
            })
            .await?;
        out::seen(&format!("{kind} {name} is Ready: {message}"));
        Ok(())
    }

    /// The process groups of everything that runs.
    pub fn groups(&self) -> Vec<i32> {
        [self.bed.groups(), vec![self.operator.group()]].concat()
    }
}
