//! Who, what and from where: the names that the rows use.

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const FOREIGN: &str = "999988887777";
/// The judge knows the condition keys of a few issuers only, and this is the one of them whose keys are named as EKS's are.
pub(super) const ISSUER: &str = "accounts.google.com";

pub(super) const HAIKU: &str = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";
pub(super) const HAIKU_WEST: &str = "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";
pub(super) const LITE: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0";
pub(super) const PRO: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0";
pub(super) const TITAN: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1";
pub(super) const SONNET: &str = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const SONNET_EAST_2: &str = "arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const SONNET_WEST: &str = "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const SONNET_EU: &str = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const PREMIER: &str = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-premier-v1:0";
pub(super) const US_SONNET: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const US_SONNET_WEST: &str =
    "arn:aws:bedrock:us-west-2:111122223333:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const US_PREMIER: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-premier-v1:0";
pub(super) const US_HAIKU: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0";
pub(super) const GLOBAL: &str = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/global.anthropic.claude-3-5-sonnet-20241022-v2:0";
pub(super) const APP_PROFILE: &str = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abcdef012345";
pub(super) const ROUTER: &str = "arn:aws:bedrock:us-east-1:111122223333:prompt-router/abcdef012345";
pub(super) const PROVISIONED: &str = "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abcdef012345";
pub(super) const IMPORTED: &str = "arn:aws:bedrock:us-east-1:111122223333:imported-model/abcdef012345";
pub(super) const DEPLOYED: &str = "arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/abcdef012345";
pub(super) const ASYNC: &str = "arn:aws:bedrock:us-east-1:111122223333:async-invoke/abcdef012345";
pub(super) const PROJECT: &str = "arn:aws:bedrock:us-east-1:111122223333:project/abcdef012345";
pub(super) const TOOL: &str = "arn:aws:bedrock::111122223333:system-tool/amazon.nova_grounding";
pub(super) const GUARDRAIL: &str = "arn:aws:bedrock:us-east-1:111122223333:guardrail/abcdef012345";
pub(super) const MANTLE_PROJECT: &str = "arn:aws:bedrock-mantle:us-east-1:111122223333:project/default";
pub(super) const SEARCH: &str = "arn:aws:bedrock-websearch:us-east-1:aws:tool/search";
pub(super) const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555";
pub(super) const FOREIGN_KEY: &str = "arn:aws:kms:us-east-1:999988887777:key/11111111-2222-3333-4444-555555555555";
pub(super) const OPERATOR: &str = "arn:aws:iam::111122223333:role/platform/hipaa-operator";
pub(super) const KEY_ADMIN: &str = "arn:aws:iam::111122223333:role/security/key-admin";
pub(super) const CI: &str = "arn:aws:iam::111122223333:role/ci";
pub(super) const BACKUP: &str = "arn:aws:iam::111122223333:role/backup";
pub(super) const FOREIGN_ROLE: &str = "arn:aws:iam::999988887777:role/somebody";
pub(super) const OTHER_ENVIRONMENT: &str =
    "arn:aws:iam::111122223333:role/hipaa-operator/us-east-1/clinic/staging/clinic.notes-0000000000000000";

pub(super) const INVOKE: &str = "bedrock:InvokeModel";
pub(super) const STREAM: &str = "bedrock:InvokeModelWithResponseStream";
pub(super) const COUNT: &str = "bedrock:CountTokens";

/// Where a call comes from, and with what.
pub(super) type From = &'static [(&'static str, &'static str)];
pub(super) const VPC: From = &[("aws:SourceVpc", "vpc-0a1b2c3d4e5f60718"), ("aws:RequestedRegion", "us-east-1")];
pub(super) const VPC_WEST: From = &[("aws:SourceVpc", "vpc-0a1b2c3d4e5f60718"), ("aws:RequestedRegion", "us-west-2")];
pub(super) const OTHER_VPC: From = &[("aws:SourceVpc", "vpc-09999999999999999"), ("aws:RequestedRegion", "us-east-1")];
pub(super) const INTERNET: From = &[("aws:RequestedRegion", "us-east-1")];
/// The second half of a call through a profile: AWS calls the model in the destination Region, with no VPC.
pub(super) const BY_SONNET: From = &[("aws:RequestedRegion", "us-east-1"), ("bedrock:InferenceProfileArn", US_SONNET)];
pub(super) const BY_SONNET_EAST_2: From = &[("aws:RequestedRegion", "us-east-2"), ("bedrock:InferenceProfileArn", US_SONNET)];
pub(super) const BY_SONNET_WEST: From = &[("aws:RequestedRegion", "us-west-2"), ("bedrock:InferenceProfileArn", US_SONNET)];
pub(super) const BY_SONNET_EU: From = &[("aws:RequestedRegion", "eu-west-1"), ("bedrock:InferenceProfileArn", US_SONNET)];
pub(super) const BY_OTHER_PROFILE: From = &[("aws:RequestedRegion", "us-east-1"), ("bedrock:InferenceProfileArn", APP_PROFILE)];
pub(super) const BY_PREMIER: From = &[("aws:RequestedRegion", "us-east-1"), ("bedrock:InferenceProfileArn", US_PREMIER)];
pub(super) const SHORT_TERM_KEY: From =
    &[("aws:SourceVpc", "vpc-0a1b2c3d4e5f60718"), ("aws:RequestedRegion", "us-east-1"), ("bedrock:BearerTokenType", "SHORT_TERM")];
