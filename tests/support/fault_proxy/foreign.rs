//! The roles of others: an account's details in many pages, some of them short, with what is real on one in the middle.

use std::fmt::Write as _;
use std::ops::Range;

/// The operation whose answer is paged.
pub const PAGED: &str = "GetAccountAuthorizationDetails";

/// How many roles of others there are. Each has a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Foreign {
    /// How many roles.
    pub roles: usize,
    /// How many versions each policy has.
    pub versions: usize,
    /// How many roles there are on a page, but for every fourth, which has none.
    pub on_a_page: usize,
}

impl Foreign {
    /// The pages that the account's details take.
    pub fn pages(self) -> usize {
        // Every fourth page is empty.
        (self.roles.div_ceil(self.on_a_page) * 4).div_ceil(3)
    }

    /// One page, from 0, of what the request's `form` filters for; `real` is the whole answer of the emulator to the same filter.
    pub fn page(self, number: usize, real: &str, form: &str) -> String {
        let (mut roles, mut policies) = (String::new(), String::new());
        if number == self.pages() / 2 {
            roles.push_str(inner(real, "RoleDetailList"));
            policies.push_str(inner(real, "Policies"));
        }
        for role in self.on_page(number) {
            self.role(role, &mut roles, &mut policies).expect("a String takes all");
        }
        // The list of the other kind is there, and empty.
        for (kind, list) in [("Role", &mut roles), ("LocalManagedPolicy", &mut policies)] {
            if !form.split('&').any(|field| field.starts_with("Filter.member.") && field.ends_with(&format!("={kind}"))) {
                list.clear();
            }
        }
        let more = if number + 1 < self.pages() {
            format!("<IsTruncated>true</IsTruncated><Marker>{}</Marker>", number + 1)
        } else {
            "<IsTruncated>false</IsTruncated>".to_owned()
        };
        format!(
            "<GetAccountAuthorizationDetailsResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <GetAccountAuthorizationDetailsResult><RoleDetailList>{roles}</RoleDetailList><Policies>{policies}</Policies>{more}\
             </GetAccountAuthorizationDetailsResult><ResponseMetadata><RequestId>page</RequestId></ResponseMetadata>\
             </GetAccountAuthorizationDetailsResponse>"
        )
    }

    fn on_page(self, number: usize) -> Range<usize> {
        if number % 4 == 3 {
            return 0..0;
        }
        let full_before = number - number / 4;
        let first = full_before * self.on_a_page;
        first.min(self.roles)..(first + self.on_a_page).min(self.roles)
    }

    fn role(self, number: usize, roles: &mut String, policies: &mut String) -> std::fmt::Result {
        let created = "<CreateDate>2026-01-01T00:00:00Z</CreateDate>";
        let trust = escaped(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
        );
        write!(
            roles,
            "<member><Path>/</Path><RoleName>foreign-{number}</RoleName><RoleId>AROA{number:017}</RoleId>\
             <Arn>arn:aws:iam::123456789012:role/foreign-{number}</Arn>{created}<AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument>\
             <AttachedManagedPolicies><member><PolicyName>foreign-{number}</PolicyName>\
             <PolicyArn>arn:aws:iam::123456789012:policy/foreign-{number}</PolicyArn></member></AttachedManagedPolicies></member>"
        )?;
        write!(
            policies,
            "<member><PolicyName>foreign-{number}</PolicyName><PolicyId>ANPA{number:017}</PolicyId><Path>/</Path>\
             <Arn>arn:aws:iam::123456789012:policy/foreign-{number}</Arn><DefaultVersionId>v{}</DefaultVersionId><PolicyVersionList>",
            self.versions
        )?;
        for version in 1..=self.versions {
            let default = version == self.versions;
            let document = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::bucket-{number}-{version}/*"}}]}}"#
            );
            write!(
                policies,
                "<member><Document>{}</Document><VersionId>v{version}</VersionId><IsDefaultVersion>{default}</IsDefaultVersion>{created}</member>",
                escaped(&document)
            )?;
        }
        policies.push_str("</PolicyVersionList></member>");
        Ok(())
    }
}

/// IAM gives documents percent-encoded.
fn escaped(document: &str) -> String {
    percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn inner<'a>(text: &'a str, element: &str) -> &'a str {
    let from = text.split_once(&format!("<{element}>")).map(|(_, rest)| rest);
    from.and_then(|rest| rest.rsplit_once(&format!("</{element}>"))).map_or("", |(inner, _)| inner)
}
