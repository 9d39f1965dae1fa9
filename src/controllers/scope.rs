//! What has to be proven before anything is written: that this is the account and cluster meant, and that no other API server writes.

use crate::api::Verdict;
use crate::api::annotations::TAKE_OVER_CLAIM;
use crate::api::conditions::Reason;
use crate::observed::environment::EnvironmentObservation;
use crate::plan::Finding;
use crate::plan::environment::{EnvironmentInputs, claims, scope_findings};

use super::environment::Pass;

/// Whether it is the network or the OIDC provider that is not as it has to be.
fn is_lacking(finding: &Finding) -> bool {
    matches!(finding.reason, Reason::VpcNotFound | Reason::VpcDnsDisabled | Reason::OidcProviderNotFound)
}

impl Pass<'_> {
    /// The inputs of a judgement or removal, for which nothing else counts.
    pub(super) fn inputs<'a>(&'a self, observed: &'a EnvironmentObservation) -> EnvironmentInputs<'a> {
        EnvironmentInputs {
            take_over: self.object.metadata.annotations.as_ref().and_then(|all| all.get(TAKE_OVER_CLAIM)).map(String::as_str),
            ..EnvironmentInputs::of(&self.rules, observed)
        }
    }

    /// Whether account, cluster and network are the ones meant, and nobody else's. Before that nothing is written, and nothing is swept.
    pub(super) fn scope_proven(&self, observed: &EnvironmentObservation) -> bool {
        self.scope_verdicts(observed).iter().all(|verdict| *verdict == Verdict::Pass)
    }

    /// Whether the scope is proven and the environment's claim was read to be ours.
    pub(super) fn is_ours(&self, observed: &EnvironmentObservation) -> bool {
        self.scope_proven(observed) && claims::is_ours(&self.inputs(observed))
    }

    /// Whether the environment is proven to describe another account or cluster, or another API server's: nothing there is for us to
    /// change.
    pub(super) fn describes_another(&self, observed: &EnvironmentObservation) -> bool {
        const ANOTHER: [Reason; 4] = [Reason::AccountMismatch, Reason::ClusterMismatch, Reason::ClusterNotFound, Reason::ClaimedElsewhere];
        scope_findings(&self.inputs(observed)).iter().any(|finding| ANOTHER.contains(&finding.reason))
    }

    /// What the environment lacks, if account and cluster are the ones meant and nobody else's: power is then given to nobody, and
    /// taken away as ever.
    pub(super) fn lacks(&self, observed: &EnvironmentObservation) -> Option<String> {
        let findings = scope_findings(&self.inputs(observed));
        let meant = findings.iter().all(|finding| finding.verdict == Verdict::Pass || is_lacking(finding));
        findings.into_iter().find(is_lacking).filter(|_| meant).map(|finding| finding.message)
    }

    /// Whether unclaimed roles may be cut off: account, cluster and claim are ours, whatever the network lacks.
    pub(super) fn may_sweep(&self, observed: &EnvironmentObservation) -> bool {
        let inputs = self.inputs(observed);
        let meant = scope_findings(&inputs).iter().all(|finding| finding.verdict == Verdict::Pass || is_lacking(finding));
        meant && claims::is_ours(&inputs)
    }

    /// Whether another API server holds the environment's claim.
    pub(super) fn is_elsewhere(&self, observed: &EnvironmentObservation) -> bool {
        scope_findings(&self.inputs(observed)).iter().any(|finding| finding.reason == Reason::ClaimedElsewhere)
    }

    /// The verdicts on account, cluster, network, OIDC provider and claim.
    pub(super) fn scope_verdicts(&self, observed: &EnvironmentObservation) -> Vec<Verdict> {
        scope_findings(&self.inputs(observed)).into_iter().map(|finding| finding.verdict).collect()
    }
}
