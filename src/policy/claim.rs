//! Claims: who may write for an environment, or make the endpoint of a service in a VPC, told to the whole account.
//!
//! A claim is a customer-managed policy that is never attached. Its name says what is claimed, and IAM gives a name to one policy only:
//! of two that claim the same thing at the same time one wins, wherever their API servers are
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>). Its document says who holds it, so that the bulk read of
//! the account tells it without a call of its own.

use crate::domain::tags;

use super::document::{Effect, PolicyDocument, Statement, Values};

/// The description that claims carry.
pub const DESCRIPTION: &str = "Claim of hipaa-operator, never attached: its document names the cluster and environment that hold it";

/// A call that cannot be denied (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>): whoever attached a claim
/// would change nothing.
const WITHOUT_EFFECT: &str = "sts:GetCallerIdentity";
const OPERATOR: &str = "StringEquals";
const API_SERVER: &str = "hipaa-operator.io/api-server";
const ISSUER: &str = "hipaa-operator.io/issuer";

/// Who holds a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// ARN of the EKS cluster.
    pub cluster_arn: String,
    /// Name of the environment.
    pub environment: String,
    /// Identity of the API server: the UID of its namespace `kube-system`, which lives as long as the cluster.
    pub api_server: String,
    /// OIDC issuer of the cluster as it was when the claim was taken, without the scheme. EKS never gives it to another cluster.
    pub issuer: String,
}

impl Holder {
    /// The document that names this holder. Anything that is no tag of a principal would be refused or mean something.
    #[must_use]
    pub fn document(&self) -> PolicyDocument {
        let fields = [
            (tags::CLUSTER, &self.cluster_arn),
            (tags::ENVIRONMENT, &self.environment),
            (API_SERVER, &self.api_server),
            (ISSUER, &self.issuer),
        ];
        let statement = Statement::deny("Claim", &[WITHOUT_EFFECT], vec!["*".to_owned()]);
        let named =
            fields.into_iter().fold(statement, |statement, (field, value)| statement.when(OPERATOR, &key(field), vec![value.clone()]));
        PolicyDocument::of(vec![named])
    }

    /// The holder that a document names; `None` if it names none.
    #[must_use]
    pub fn of(document: &PolicyDocument) -> Option<Self> {
        let statement = document.statement.iter().find(|statement| statement.effect == Effect::Deny)?;
        let named = statement.condition.get(OPERATOR)?;
        let field = |field: &str| match named.get(&key(field)) {
            Some(Values(values)) => values.first().cloned(),
            None => None,
        };
        Some(Self {
            cluster_arn: field(tags::CLUSTER)?,
            environment: field(tags::ENVIRONMENT)?,
            api_server: field(API_SERVER)?,
            issuer: field(ISSUER)?,
        })
    }

    /// Whether both are the same environment of the same cluster, be it of one API server or of two.
    #[must_use]
    pub fn is_namesake(&self, other: &Self) -> bool {
        self.cluster_arn == other.cluster_arn && self.environment == other.environment
    }

    /// Whether both are the same environment of the same API server.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_namesake(other) && self.api_server == other.api_server
    }
}

fn key(field: &str) -> String {
    format!("aws:PrincipalTag/{field}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder {
            cluster_arn: "arn:aws:eks:us-east-1:123456789012:cluster/prod".into(),
            environment: "prod".into(),
            api_server: "8d2f".into(),
            issuer: "oidc.example/id/1".into(),
        }
    }

    #[test]
    fn a_document_names_its_holder_and_gives_nothing() {
        let document = holder().document();
        assert!(document.only_denies() && document.fits_managed_policy());
        let read = PolicyDocument::parse(&document.to_json()).unwrap();
        assert_eq!(Holder::of(&read), Some(holder()));
    }

    #[test]
    fn another_document_names_nobody() {
        let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        assert_eq!(Holder::of(&PolicyDocument::parse(deny).unwrap()), None);
        let mut spoiled = holder().document();
        spoiled.statement[0].condition.get_mut(OPERATOR).unwrap().remove(&key(API_SERVER));
        assert_eq!(Holder::of(&spoiled), None);
        assert_eq!(Holder::of(&PolicyDocument::of(Vec::new())), None);
    }
}
