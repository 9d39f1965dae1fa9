//! The account: one narrow adapter per AWS service. SDK types end here; what goes in and out are our own words.
//!
//! Every call passes [`CallObserver`] and fails as a [`Fault`](crate::domain::Fault). Absence is not a failure: reads give `None`,
//! removals of what is gone succeed. Nothing is retried here beyond the SDK's own attempts, nothing is cached.

mod alarm;
mod calls;
mod config;
mod fault;
mod http;
mod traffic;

pub mod bedrock;
pub mod ec2;
pub mod eks;
pub mod iam;
pub mod kms;
pub mod patience;
pub mod sts;

pub use alarm::Alarm;
pub use bedrock::Bedrock;
pub use calls::CallObserver;
pub use config::{Settings, endpoint_overrides};
pub use ec2::Ec2;
pub use eks::Eks;
pub use fault::class_of;
pub use iam::Iam;
pub use kms::Kms;
pub use sts::Sts;

/// Everything we may ask of an account in one Region. Cheap to clone: connections and credentials are shared.
#[derive(Clone, Debug)]
pub struct Account {
    /// VPC, endpoints, security groups.
    pub ec2: Ec2,
    /// Keys.
    pub kms: Kms,
    /// Roles and policies.
    pub iam: Iam,
    /// Who we are.
    pub sts: Sts,
    /// The cluster.
    pub eks: Eks,
    /// Models and profiles.
    pub bedrock: Bedrock,
    calls: CallObserver,
}

impl Account {
    /// Clients for `settings`, with the credentials of the process. Makes no call yet: what is wrong with the credentials shows in the
    /// first one.
    pub async fn connect(settings: &Settings, calls: CallObserver) -> Self {
        let config = config::load(settings, calls.traffic()).await;
        Self {
            ec2: Ec2::new(&config, calls.clone()),
            kms: Kms::new(&config, calls.clone()),
            iam: Iam::new(&config, calls.clone()),
            sts: Sts::new(&config, calls.clone()),
            eks: Eks::new(&config, calls.clone()),
            bedrock: Bedrock::new(&config, calls.clone()),
            calls,
        }
    }

    /// By how much slower than in good times the slowest service is asked: 1 if nobody throttles us.
    #[must_use]
    pub fn slowness(&self) -> f64 {
        self.calls.slowness()
    }

    /// Waits until no call is made any more because the credentials do not work.
    pub async fn broken(&self) {
        self.calls.broken().await;
    }

    /// Waits until broken credentials work again, probing them meanwhile: one call for each probe, whatever the number of objects. Not to
    /// be run twice at the same time.
    pub async fn recovered(&self) {
        loop {
            tokio::time::sleep(self.calls.next_probe()).await;
            if self.sts.probe().await {
                return;
            }
        }
    }
}
