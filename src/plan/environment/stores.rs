//! The private path to the stores. Who has an endpoint among `spec.endpoints` is told of it there.

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::stores::missing_endpoint;

use super::{EnvironmentInputs, leads_to_store};

const FAMILY: ConditionType = ConditionType::EndpointsReady;

/// Services of stores that the VPC has no endpoint for. It keeps nobody from anything but these stores, and whoever names one is told:
/// it does not block the environment.
pub(super) fn judge(inputs: &EnvironmentInputs) -> Vec<Finding> {
    let (Ok(Some(vpc)), Ok(endpoints), Ok(others)) = (&inputs.observed.vpc, &inputs.observed.endpoints, &inputs.observed.other_endpoints)
    else {
        return Vec::new();
    };
    let rules = inputs.rules;
    let lacking = rules.store_services().filter(|service| {
        let declared = rules.endpoints.iter().any(|rule| rule.service == *service);
        !declared && !leads_to_store(rules, service, [endpoints, others])
    });
    lacking
        .map(|service| {
            let stores: Vec<_> = rules.stores.iter().filter(|store| store.kind.service() == Some(service)).collect();
            let names: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
            let missing = stores.first().map(|store| missing_endpoint(&vpc.id, &rules.scope.endpoint_service_name(service), store.kind));
            let message = format!("{}, so no call to the stores {} gets through", missing.unwrap_or_default(), names.join(", "));
            Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::EndpointNotFound, message).about(service).advisory()
        })
        .collect()
}

#[cfg(test)]
mod tests;
