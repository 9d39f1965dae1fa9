//! The claims on settings of the account: each is set by one environment alone, and is someone else's before it is claimed.

use std::collections::BTreeSet;

use crate::domain::names;
use crate::plan::action::{ClaimOn, Setting};
use crate::plan::{Action, Plan};

use super::{Claimant, EnvironmentInputs, Standing};

/// What may be done about a setting that is not as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::plan::environment) enum Leave {
    /// Claim it, if it is not ours yet, and set it.
    Write(Vec<Action>),
    /// Another environment keeps it: who, and the policy that is the claim.
    Taken(String),
    /// Nobody of ours does, and it has a value that someone chose.
    Foreign,
}

/// The claims on settings of an environment.
pub(in crate::plan::environment) struct SettingClaims<'a> {
    claimant: Option<Claimant<'a>>,
    kept: BTreeSet<String>,
}

impl<'a> SettingClaims<'a> {
    pub(in crate::plan::environment) fn of(inputs: &EnvironmentInputs<'a>) -> Self {
        Self { claimant: Claimant::of(inputs).and_then(Result::ok), kept: BTreeSet::new() }
    }

    /// Keeps what of ours there is of a claim on a setting that this environment may set, and clears away what it superseded.
    pub(in crate::plan::environment) fn keep(&mut self, setting: &Setting) -> Vec<Action> {
        let thing = setting.claim();
        let Some(claimant) = &self.claimant else { return Vec::new() };
        let standing = claimant.on_thing(&thing);
        let ours = standing == Standing::Ours;
        let actions = if ours { claimant.keep(ClaimOn::Setting(setting.clone()), &thing, standing) } else { Vec::new() };
        self.kept.insert(thing);
        actions
    }

    /// What may be done to set it. `may_take` says that its value is nobody's choice, or that we may replace it.
    pub(in crate::plan::environment) fn leave(&self, setting: &Setting, may_take: bool, write: Action) -> Leave {
        let thing = setting.claim();
        let Some(claimant) = &self.claimant else { return Leave::Write(Vec::new()) };
        match claimant.on_thing(&thing) {
            Standing::Ours => Leave::Write(vec![write]),
            Standing::Free if may_take => Leave::Write(vec![claimant.take(ClaimOn::Setting(setting.clone()), &thing), write]),
            Standing::Free => Leave::Foreign,
            Standing::Taken(claim) => Leave::Taken(match &claim.holder {
                Some(holder) => format!("environment {} of cluster {} (claim {})", holder.environment, holder.cluster_arn, claim.arn),
                None => format!("someone whom the claim {} does not name", claim.arn),
            }),
        }
    }

    /// Releases the claims of ours on settings that this environment may not set any more. Their values stay.
    pub(in crate::plan::environment) fn release_others(self) -> Plan {
        let Some(claimant) = self.claimant else { return Plan::default() };
        let others = claimant.claims.things().filter(|thing| thing.starts_with(names::CLAIMS_ON_SETTINGS) && !self.kept.contains(*thing));
        let actions = others.filter(|thing| claimant.holds(thing)).flat_map(|thing| claimant.release(thing)).collect();
        Plan { actions, ..Plan::default() }
    }
}
