//! Errors in the form and with the code that each service gives them.

use axum::body::Body;
use axum::http::{Response, StatusCode};

/// Why a call is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The service failed: 500.
    ServerError,
    /// Too many calls.
    Throttled,
    /// The credentials have expired.
    ExpiredCredentials,
}

impl Refusal {
    /// What the service answers.
    pub fn answer(self, service: &str) -> Response<Body> {
        let (status, code) = self.status_and_code(service);
        match service {
            "ec2" => ec2(status, code),
            "iam" | "sts" => query(status, code),
            _ => json(status, code),
        }
    }

    fn status_and_code(self, service: &str) -> (u16, &'static str) {
        match (self, service) {
            (Self::ServerError, "ec2") => (500, "InternalError"),
            (Self::ServerError, "iam") => (500, "ServiceFailure"),
            (Self::ServerError, "sts") => (500, "InternalFailure"),
            (Self::ServerError, "kms") => (500, "KMSInternalException"),
            (Self::ServerError, "eks") => (500, "ServerException"),
            (Self::ServerError, _) => (500, "InternalServerException"),
            (Self::Throttled, "ec2") => (503, "RequestLimitExceeded"),
            (Self::Throttled, "iam" | "sts") => (400, "Throttling"),
            (Self::Throttled, "kms") => (400, "ThrottlingException"),
            (Self::Throttled, _) => (429, "ThrottlingException"),
            (Self::ExpiredCredentials, "ec2") => (400, "RequestExpired"),
            (Self::ExpiredCredentials, "iam" | "sts") => (403, "ExpiredToken"),
            (Self::ExpiredCredentials, "kms") => (400, "ExpiredTokenException"),
            (Self::ExpiredCredentials, _) => (403, "ExpiredTokenException"),
        }
    }
}

/// EC2's own form of the query protocol.
pub fn ec2(status: u16, code: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>{code}</Code><Message>injected</Message></Error></Errors>\
         <RequestID>injected</RequestID></Response>"
    );
    response(status, "text/xml", body)
}

fn query(status: u16, code: &str) -> Response<Body> {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>injected</Message></Error>\
         <RequestId>injected</RequestId></ErrorResponse>"
    );
    response(status, "text/xml", body)
}

fn json(status: u16, code: &str) -> Response<Body> {
    let mut answer = response(status, "application/x-amz-json-1.1", format!("{{\"__type\":\"{code}\",\"message\":\"injected\"}}"));
    answer.headers_mut().insert("x-amzn-errortype", code.parse().expect("a code fits a header"));
    answer
}

/// A whole answer.
pub fn response(status: u16, kind: &str, body: String) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("it is a status");
    Response::builder().status(status).header("content-type", kind).body(Body::from(body)).expect("it is a response")
}
