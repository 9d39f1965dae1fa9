use super::*;

#[test]
fn codes_have_their_class() {
    use FaultClass::{Conflict, Credentials, Denied, Invalid, NotFound, Quota, Throttled, Unexpected, Unreachable};
    let table = [
        ("RequestLimitExceeded", Throttled),
        ("Throttling", Throttled),
        ("ThrottlingException", Throttled),
        ("TooManyRequestsException", Throttled),
        ("KMSInternalException", Unreachable),
        ("ServiceFailure", Unreachable),
        ("InternalServerException", Unreachable),
        ("UnauthorizedOperation", Denied),
        ("AccessDenied", Denied),
        ("AccessDeniedException", Denied),
        ("AuthFailure", Denied),
        ("InvalidClientTokenId", Credentials),
        ("UnrecognizedClientException", Credentials),
        ("ExpiredToken", Credentials),
        ("ExpiredTokenException", Credentials),
        ("SignatureDoesNotMatch", Credentials),
        ("RequestExpired", Credentials),
        ("InvalidVpcID.NotFound", NotFound),
        ("InvalidVpcEndpointId.NotFound", NotFound),
        ("InvalidGroup.NotFound", NotFound),
        ("InvalidPermission.NotFound", NotFound),
        ("NoSuchEntity", NotFound),
        ("NotFoundException", NotFound),
        ("ResourceNotFoundException", NotFound),
        ("InvalidGroup.Duplicate", Conflict),
        ("InvalidPermission.Duplicate", Conflict),
        ("InvalidGroup.InUse", Conflict),
        ("EntityAlreadyExists", Conflict),
        ("AlreadyExistsException", Conflict),
        ("DeleteConflict", Conflict),
        ("DependencyViolation", Conflict),
        ("KMSInvalidStateException", Conflict),
        ("LimitExceeded", Quota),
        ("LimitExceededException", Quota),
        ("VpcEndpointLimitExceeded", Quota),
        ("RulesPerSecurityGroupLimitExceeded", Quota),
        ("ServiceQuotaExceededException", Quota),
        ("InvalidParameter", Invalid),
        ("InvalidParameterValue", Invalid),
        ("InvalidParameterCombination", Invalid),
        ("InvalidVpcID.Malformed", Invalid),
        ("ValidationError", Invalid),
        ("ValidationException", Invalid),
        ("MalformedPolicyDocument", Invalid),
        ("MalformedPolicyDocumentException", Invalid),
        ("SomethingNew", Unexpected),
        ("", Unexpected),
    ];
    for (code, class) in table {
        assert_eq!(class_of(code, Some(400)), class, "{code}");
    }
}

#[test]
fn tables_share_no_code() {
    let mut codes: Vec<&str> = TABLES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all);
}

#[test]
fn status_speaks_where_the_code_does_not() {
    assert_eq!(class_of("", Some(503)), FaultClass::Unreachable);
    assert_eq!(class_of("SomethingNew", Some(500)), FaultClass::Unreachable);
    assert_eq!(class_of("", Some(429)), FaultClass::Throttled);
    assert_eq!(class_of("RequestLimitExceeded", Some(503)), FaultClass::Throttled);
    assert_eq!(of_answer(None, Some(502)), (FaultClass::Unreachable, "HTTP 502".to_owned()));
}
