//! The account: moto for everything but Bedrock, `MiniStack` behind a stub for Bedrock. Both were written by others and are wrong somewhere:
//! that they accept a call shows its form, never a rule of AWS.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};

use super::bedrock_stub::BedrockStub;
use super::http;
use super::parts::parts;
use super::process::{Process, free_port, tail};
use super::recorder::Recorder;
use super::wait;

/// How long an emulator may take to answer: half a second on a machine with nothing else to do.
const READY: Duration = Duration::from_mins(1);

/// Both emulators, running, with one account.
#[derive(Debug)]
pub struct Emulators {
    // Two beds may share the account, so that nobody has it alone.
    moto: Mutex<Process>,
    ministack: Process,
    /// Where moto listens.
    pub moto_url: String,
    /// What stands in front of `MiniStack`: it has what no emulator has.
    pub bedrock: BedrockStub,
    /// The account number both use.
    pub account: String,
    /// The Region of every client.
    pub region: String,
}

impl Emulators {
    /// Starts both, empty, with their files in `folder`.
    ///
    /// # Panics
    /// If one does not answer in time, with the end of its log.
    pub async fn start(folder: &Path, account: &str, region: &str) -> Self {
        let (moto_port, ministack_port) = (free_port(), free_port());
        let moto = moto(folder, moto_port, account);
        let ministack = ministack(folder, ministack_port, account);
        let (moto_url, ministack_url) = (format!("http://127.0.0.1:{moto_port}"), format!("http://127.0.0.1:{ministack_port}"));
        let mut emulators = Self {
            moto: Mutex::new(moto),
            ministack,
            bedrock: BedrockStub::start(&ministack_url, &moto_url),
            moto_url,
            account: account.to_owned(),
            region: region.to_owned(),
        };
        answers(emulators.moto.get_mut().expect("no holder panics"), &emulators.moto_url).await;
        answers(&mut emulators.ministack, &ministack_url).await;
        emulators
    }

    /// Lets moto answer nothing for a while; see [`Self::resume_moto`].
    pub fn pause_moto(&self) {
        self.moto().pause();
    }

    /// Lets moto go on with what it was asked.
    pub fn resume_moto(&self) {
        self.moto().resume();
    }

    fn moto(&self) -> MutexGuard<'_, Process> {
        self.moto.lock().expect("no holder panics")
    }

    /// What a program needs in its environment to work with this account, and with no other.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.moto_url.as_str()),
            ("AWS_ENDPOINT_URL_BEDROCK", &self.bedrock.url),
            ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &self.bedrock.url),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", &self.region),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            // The files of whoever runs the tests may name a real account.
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The tests' own way into moto, independent of this process's environment.
    pub fn sdk_config(&self) -> SdkConfig {
        self.sdk_config_for(&self.moto_url)
    }

    /// The same for Bedrock.
    pub fn bedrock_config(&self) -> SdkConfig {
        self.sdk_config_for(&self.bedrock.url)
    }

    /// A client for EC2.
    pub fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.sdk_config())
    }

    /// A client for EKS.
    pub fn eks(&self) -> aws_sdk_eks::Client {
        aws_sdk_eks::Client::new(&self.sdk_config())
    }

    /// A client for IAM.
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.sdk_config())
    }

    /// A client for KMS.
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.sdk_config())
    }

    /// A client for STS.
    pub fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk_config())
    }

    /// A client for Bedrock's control plane.
    pub fn bedrock(&self) -> aws_sdk_bedrock::Client {
        aws_sdk_bedrock::Client::new(&self.bedrock_config())
    }

    /// Counts the calls that reach moto. `MiniStack` has no recorder.
    pub fn recorder(&self) -> Recorder {
        Recorder::new(&self.moto_url)
    }

    /// Makes moto as it was when it started. What is made after this has the same ids each time. `MiniStack` keeps its models.
    ///
    /// # Panics
    /// If moto does not answer.
    pub async fn reset(&self) {
        self.moto_command("reset").await;
        self.moto_command("seed?a=42").await;
    }

    /// Lets moto load what it loads only once, so that the ids after the first [`reset`](Self::reset) are those after any other.
    ///
    /// # Panics
    /// If moto does not answer.
    pub async fn warm_up(&self) {
        self.ec2().describe_vpc_endpoint_services().send().await.expect("DescribeVpcEndpointServices");
        self.moto_command("reset").await;
        self.ec2().describe_vpcs().send().await.expect("DescribeVpcs");
    }

    async fn moto_command(&self, command: &str) {
        let answer = http::post(&format!("{}/moto-api/{command}", self.moto_url), "").await;
        answer.and_then(http::ok).unwrap_or_else(|error| panic!("moto's {command}: {error}"));
    }

    /// The process groups of both.
    pub fn groups(&self) -> Vec<i32> {
        vec![self.moto().group(), self.ministack.group()]
    }

    fn sdk_config_for(&self, endpoint: &str) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test bed")))
            .build()
    }
}

fn moto(folder: &Path, port: u16, account: &str) -> Process {
    let environment = [
        ("MOTO_ACCOUNT_ID", account.to_owned()),
        // Permission checks of the operator look at managed policies.
        ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true".to_owned()),
        ("MOTO_RECORDER_FILEPATH", folder.join("moto.recording").display().to_string()),
    ];
    let port = port.to_string();
    Process::start("moto", &parts().moto_server, ["-H", "127.0.0.1", "-p", &port], &owned(environment), folder)
}

fn ministack(folder: &Path, port: u16, account: &str) -> Process {
    let environment = [
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("MINISTACK_ACCOUNT_ID", account.to_owned()),
        ("LOG_LEVEL", "WARNING".to_owned()),
    ];
    Process::start("ministack", &parts().ministack, [""; 0], &owned(environment), folder)
}

fn owned<const N: usize>(environment: [(&str, String); N]) -> Vec<(String, String)> {
    environment.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

async fn answers(process: &mut Process, url: &str) {
    let asked = wait::until(READY, || {
        let gone = process.check().err();
        async move {
            if let Some(gone) = gone {
                panic!("{gone}");
            }
            http::ok(http::post(url, "Action=GetCallerIdentity&Version=2011-06-15").await?)
        }
    });
    if let Err(error) = asked.await {
        panic!("{url} does not answer: {error}\n{}", tail(process.log()));
    }
}
