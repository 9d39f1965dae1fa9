//! A call to AWS, named by what its HTTP request shows.

/// One call to AWS.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Call {
    /// The service as the signature names it, such as `ec2`.
    pub service: String,
    /// The operation, such as `CreateRole`; of a REST call we do not know by name, method and path.
    pub operation: String,
    /// Whether it may change something.
    pub mutating: bool,
}

/// What a request shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path, with or without a query.
    pub path: &'a str,
    /// The header `authorization`.
    pub authorization: Option<&'a str>,
    /// The header `x-amz-target`.
    pub target: Option<&'a str>,
    /// The body, if it is text.
    pub form: Option<&'a str>,
}

impl Call {
    /// The call that a request makes.
    pub fn of(shown: &Shown) -> Self {
        let service = shown.service();
        let named = shown.target().or_else(|| shown.action()).or_else(|| shown.rest_operation(&service));
        let mutating = named.as_deref().map_or_else(|| !matches!(shown.method, "GET" | "HEAD"), changes_something);
        let operation = named.unwrap_or_else(|| format!("{} {}", shown.method, shown.bare_path()));
        Self { service, operation, mutating }
    }
}

impl Shown<'_> {
    /// `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`. Of what AWS takes unsigned, only
    /// STS concerns us.
    fn service(&self) -> String {
        let scope = self.authorization.and_then(|value| value.split_once("Credential=")).map(|(_, scope)| scope);
        scope.and_then(|scope| scope.split('/').nth(3)).unwrap_or("sts").to_owned()
    }

    /// `X-Amz-Target: TrentService.CreateKey`.
    fn target(&self) -> Option<String> {
        self.target?.rsplit('.').next().map(str::to_owned)
    }

    /// `Action=CreateRole&…`.
    fn action(&self) -> Option<String> {
        self.form?.split('&').find_map(|field| field.strip_prefix("Action=")).map(str::to_owned)
    }

    fn rest_operation(&self, service: &str) -> Option<String> {
        let path: Vec<_> = self.bare_path().trim_matches('/').split('/').collect();
        let operation = match (service, self.method, path.as_slice()) {
            ("eks", "GET", ["clusters"]) => "ListClusters",
            ("eks", "GET", ["clusters", _]) => "DescribeCluster",
            ("eks", "POST", ["clusters"]) => "CreateCluster",
            ("eks", "DELETE", ["clusters", _]) => "DeleteCluster",
            ("bedrock", "GET", ["foundation-model-availability", ..]) => "GetFoundationModelAvailability",
            ("bedrock", "GET", ["inference-profiles", _, ..]) => "GetInferenceProfile",
            ("bedrock", "GET", ["data-retention"]) => "GetAccountDataRetention",
            ("bedrock", "PUT", ["data-retention"]) => "PutAccountDataRetention",
            ("bedrock", "GET", ["enforcedGuardrailsConfiguration"]) => "ListEnforcedGuardrailsConfiguration",
            ("bedrock", "GET", ["logging", "modelinvocations"]) => "GetModelInvocationLoggingConfiguration",
            ("bedrock", "PUT", ["logging", "modelinvocations"]) => "PutModelInvocationLoggingConfiguration",
            ("bedrock", "DELETE", ["logging", "modelinvocations"]) => "DeleteModelInvocationLoggingConfiguration",
            _ => return None,
        };
        Some(operation.to_owned())
    }

    fn bare_path(&self) -> &str {
        self.path.split('?').next().unwrap_or(self.path)
    }
}

/// What is not known to read only may change something.
fn changes_something(operation: &str) -> bool {
    !["Get", "List", "Describe", "Head", "AssumeRole"].iter().any(|prefix| operation.starts_with(prefix))
}
