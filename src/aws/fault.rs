//! From the SDK's errors to ours, by code and status only: texts change, and may carry what must not be logged.

use std::error::Error;
use std::io::ErrorKind;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use hyper_util::client::legacy::Error as ConnectionError;

use crate::domain::Fault;
use crate::domain::fault::FaultClass;

/// Codes by class; the first table that knows a code wins. EC2 names its errors at
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>, the others on the page of each operation.
const TABLES: [(FaultClass, &[&str]); 8] = [
    (FaultClass::Throttled, &THROTTLED),
    (FaultClass::Unreachable, &UNREACHABLE),
    (FaultClass::Credentials, &CREDENTIALS),
    (FaultClass::Denied, &DENIED),
    (FaultClass::NotFound, &NOT_FOUND),
    (FaultClass::Conflict, &CONFLICT),
    (FaultClass::Quota, &QUOTA),
    (FaultClass::Invalid, &INVALID),
];

/// The SDK's own list of throttling codes, but for `LimitExceededException`, by which KMS means a quota.
const THROTTLED: [&str; 13] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

const UNREACHABLE: [&str; 17] = [
    "DependencyTimeoutException",
    "InternalError",
    "InternalException",
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "KMSInternalException",
    "KeyUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServerException",
    "ServiceFailure",
    "ServiceFailureException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
    "UnavailableException",
];

/// What says who we are was not accepted: a token that has run out, a key that is gone, a clock that is wrong, a trust that does not let
/// our token in (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).
const CREDENTIALS: [&str; 24] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "InvalidIdentityTokenException",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotSignedException",
    "RegionDisabledException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
    CREDENTIALS_UNAVAILABLE,
    NO_CONNECTION_TO_PROVIDER,
    NO_CREDENTIALS,
];

/// EC2's `AuthFailure` is here although it may also mean credentials: it is what EC2 says of another account's things too.
const DENIED: [&str; 8] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "Blocked",
    "NotAuthorized",
    "OptInRequired",
    "PendingVerification",
    "UnauthorizedOperation",
];

/// EC2's `*.NotFound` are found by their ending.
const NOT_FOUND: [&str; 3] = ["NoSuchEntity", "NotFoundException", "ResourceNotFoundException"];

/// `*.Duplicate` and `*.InUse` are found by their ending.
const CONFLICT: [&str; 12] = [
    "AlreadyExistsException",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConflictException",
    "DeleteConflict",
    "DependencyViolation",
    "EntityAlreadyExists",
    "EntityTemporarilyUnmodifiable",
    "IncorrectState",
    "InvalidState",
    "KMSInvalidStateException",
    "ResourceInUseException",
];

/// `*LimitExceeded` are found by their ending.
const QUOTA: [&str; 4] =
    ["InsufficientFreeAddressesInSubnet", "LimitExceededException", "ServiceQuotaExceededException", "VpcEndpointLimitExceeded"];

/// Those of `INVALID_STARTS` and `*.Malformed` are found by their shape.
const INVALID: [&str; 17] = [
    "DisabledException",
    "IdempotentParameterMismatch",
    "InvalidAliasNameException",
    "InvalidArnException",
    "InvalidInput",
    "InvalidRequest",
    "InvalidRequestException",
    "InvalidServiceName",
    "InvalidTagKey.Malformed",
    "MissingParameter",
    "OperationNotPermitted",
    "PolicyNotAttachable",
    "TagException",
    "UnknownParameter",
    "UnmodifiableEntity",
    "UnsupportedOperation",
    "UnsupportedOperationException",
];

const INVALID_STARTS: [&str; 3] = ["InvalidParameter", "MalformedPolicyDocument", "Validation"];

/// Our own code for a process without credentials.
const NO_CREDENTIALS: &str = "NoCredentials";
/// Our own code for credentials that could not be fetched.
const CREDENTIALS_UNAVAILABLE: &str = "CredentialsUnavailable";
/// Our own code for a provider of credentials that we have no connection to.
const NO_CONNECTION_TO_PROVIDER: &str = "NoConnectionToCredentials";

/// What a service's error code means; where the code says nothing, the HTTP status decides between the service's failure and ours.
#[must_use]
pub fn class_of(code: &str, status: Option<u16>) -> FaultClass {
    let tabled = TABLES.iter().find(|(_, codes)| codes.contains(&code)).map(|(class, _)| *class);
    tabled.or_else(|| class_by_shape(code)).unwrap_or(match status {
        Some(429) => FaultClass::Throttled,
        Some(500..) => FaultClass::Unreachable,
        _ => FaultClass::Unexpected,
    })
}

fn class_by_shape(code: &str) -> Option<FaultClass> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| code.ends_with(ending));
    if ends(&[".NotFound"]) {
        Some(FaultClass::NotFound)
    } else if ends(&[".Duplicate", ".InUse"]) {
        Some(FaultClass::Conflict)
    } else if ends(&["LimitExceeded"]) {
        Some(FaultClass::Quota)
    } else if ends(&[".Malformed"]) || INVALID_STARTS.iter().any(|start| code.starts_with(start)) {
        Some(FaultClass::Invalid)
    } else {
        None
    }
}

/// The fault that an SDK error is.
pub(super) fn fault_of<E>(service: &'static str, operation: &'static str, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (class, code) = match error {
        SdkError::ServiceError(answer) => of_answer(answer.err().code(), status),
        SdkError::ResponseError(_) => of_answer(None, status),
        SdkError::TimeoutError(_) => (FaultClass::Unreachable, String::new()),
        // Credentials are fetched before the first byte is sent, and their failure arrives as one of dispatch.
        SdkError::DispatchFailure(_) => match (refused_federation(error), credentials_trouble(error), no_connection(error)) {
            (Some(fault), ..) => return fault,
            (None, Some(code), _) => (FaultClass::Credentials, code.to_owned()),
            (None, None, Some(code)) => (FaultClass::NoPath, code.to_owned()),
            (None, None, None) => (FaultClass::Unreachable, String::new()),
        },
        // The request did not satisfy the SDK: a required member was missing or malformed.
        SdkError::ConstructionFailure(_) => (FaultClass::Invalid, "ConstructionFailure".into()),
        _ => (FaultClass::Unexpected, "Unknown".into()),
    };
    Fault { class, service, operation, code }
}

/// The fault of an operation that answered 200 and a code of failure.
pub(super) fn refusal(service: &'static str, operation: &'static str, code: String) -> Fault {
    Fault { class: class_of(&code, None), service, operation, code }
}

/// The fault of an answer without a member that the service always gives.
pub(super) fn incomplete(service: &'static str, operation: &'static str) -> Fault {
    Fault { class: FaultClass::Unexpected, service, operation, code: "IncompleteAnswer".into() }
}

/// The fault of an answer whose policy document is none.
pub(super) fn unreadable(service: &'static str, operation: &'static str) -> Fault {
    Fault { class: FaultClass::Unexpected, service, operation, code: "UnreadableDocument".into() }
}

/// The fault of a request that the SDK would not build.
pub(super) fn unbuildable(service: &'static str, operation: &'static str) -> Fault {
    Fault { class: FaultClass::Invalid, service, operation, code: "ConstructionFailure".into() }
}

/// Proxies and gateways answer without a code; then the status is shown in its place.
fn of_answer(code: Option<&str>, status: Option<u16>) -> (FaultClass, String) {
    let class = class_of(code.unwrap_or_default(), status);
    let code = code.map(str::to_owned).or_else(|| status.map(|status| format!("HTTP {status}")));
    (class, code.unwrap_or_default())
}

/// The call that failed is then another than the one we made: the role's trust did not let our token in. Whatever STS calls it, no call
/// can be made before it does, unless STS is only busy.
fn refused_federation(error: &(dyn Error + 'static)) -> Option<Fault> {
    let code = causes(error).find_map(|cause| cause.downcast_ref::<AssumeRoleWithWebIdentityError>())?.code()?;
    let fault = refusal("sts", "AssumeRoleWithWebIdentity", code.to_owned());
    let busy = matches!(fault.class, FaultClass::Throttled | FaultClass::Unreachable);
    Some(if busy { fault } else { Fault { class: FaultClass::Credentials, ..fault } })
}

/// What was wrong with the credentials, if the error's causes say that they were.
fn credentials_trouble(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let trouble = causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    Some(match trouble {
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => NO_CREDENTIALS,
        _ if no_connection(trouble).is_some() => NO_CONNECTION_TO_PROVIDER,
        _ => CREDENTIALS_UNAVAILABLE,
    })
}

/// Why there is no connection, if there never was one: a name that does not resolve, a refusal, a timeout, TLS.
fn no_connection(error: &(dyn Error + 'static)) -> Option<&'static str> {
    causes(error).find(|cause| cause.downcast_ref::<ConnectionError>().is_some_and(ConnectionError::is_connect))?;
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    Some(match kind {
        Some(ErrorKind::ConnectionRefused) => "ConnectionRefused",
        Some(ErrorKind::ConnectionReset) => "ConnectionReset",
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "NoRoute",
        _ if causes(error).any(|cause| cause.downcast_ref::<ConnectorError>().is_some_and(ConnectorError::is_timeout)) => "ConnectTimeout",
        // A name that does not resolve has no type of its own.
        _ => "NoConnection",
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests;
