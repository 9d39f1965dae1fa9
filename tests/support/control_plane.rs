//! A real Kubernetes control plane on loopback: etcd, API server, controller manager. No scheduler, no kubelet, no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use super::parts::parts;
use super::process::{Process, free_port, tail};
use super::wait;

/// How long the API server may take to be ready: it needs three seconds on a machine with nothing else to do.
const READY: Duration = Duration::from_secs(90);

/// Name of the log in the control plane's folder that [`ControlPlane::start_audited`] asks for: one JSON event a line.
pub const AUDIT_LOG: &str = "audit.log";

/// What is logged: who did what to which object with which outcome, once the answer has begun, for every service account.
const AUDIT_POLICY: &str = r#"{ "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{ "level": "Metadata", "userGroups": ["system:serviceaccounts"] }] }"#;

/// The running control plane. Its parts are dropped, so ended, from the outermost to etcd.
#[derive(Debug)]
pub struct ControlPlane {
    controller_manager: Process,
    api_server: Process,
    etcd: Process,
    kubeconfig: PathBuf,
    client: ClientHandle,
    again: Again,
}

/// How the API server was started.
#[derive(Debug)]
struct Again {
    folder: PathBuf,
    arguments: Vec<String>,
}

// The client has no Debug of its own.
struct ClientHandle(Client);

impl std::fmt::Debug for ClientHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Client")
    }
}

impl ControlPlane {
    /// Starts it with its files in `folder`; the tokens it mints carry `issuer`.
    ///
    /// # Panics
    /// If it is not ready in time, with the end of the log.
    pub async fn start(folder: &Path, issuer: &str) -> Self {
        Self::start_with(folder, issuer, &[]).await
    }

    /// The same, with what service accounts do in [`AUDIT_LOG`].
    ///
    /// # Panics
    /// If it is not ready in time, with the end of the log.
    pub async fn start_audited(folder: &Path, issuer: &str) -> Self {
        let policy = folder.join("audit-policy.json");
        fs::write(&policy, AUDIT_POLICY).expect("the bed's folder can be written to");
        let log = folder.join(AUDIT_LOG);
        let more = [format!("--audit-policy-file={}", policy.display()), format!("--audit-log-path={}", log.display())];
        Self::start_with(folder, issuer, &more).await
    }

    async fn start_with(folder: &Path, issuer: &str, more: &[String]) -> Self {
        let etcd_url = format!("http://127.0.0.1:{}", free_port());
        let etcd = etcd(folder, &etcd_url);

        let port = free_port();
        let token = random_token();
        let certificates = folder.join("certificates");
        let own = api_server_arguments(folder, &certificates, port, &token, &etcd_url, issuer);
        let arguments: Vec<String> = own.into_iter().chain(more.iter().cloned()).collect();
        let mut api_server = Process::start("kube-apiserver", &parts().kube_apiserver, &arguments, &[], folder);
        let kubeconfig = write_kubeconfig(folder, &certificates, port, &token);

        let ready = wait::until(READY, || {
            let gone = api_server.check().err();
            let kubeconfig = &kubeconfig;
            async move {
                if let Some(gone) = gone {
                    // No use in waiting for the deadline.
                    panic!("{gone}");
                }
                let client = client(kubeconfig).await?;
                get(&client, "/readyz").await.map(|_| client)
            }
        });
        let client = match ready.await {
            Ok(client) => client,
            Err(error) => panic!("kube-apiserver is not ready: {error}\n{}\n{}", tail(api_server.log()), tail(etcd.log())),
        };
        let controller_manager = controller_manager(folder, &certificates, &kubeconfig);
        let again = Again { folder: folder.to_owned(), arguments };
        Self { controller_manager, api_server, etcd, kubeconfig, client: ClientHandle(client), again }
    }

    /// Ends the API server: nobody listens at its port any more; see [`Self::start_api_server`].
    pub fn stop_api_server(&mut self) {
        self.api_server.kill();
    }

    /// Starts the API server again, at the same place and with the same data, and waits until it is ready.
    ///
    /// # Panics
    /// If it is not ready in time, with the end of its log.
    pub async fn start_api_server(&mut self) {
        let Again { folder, arguments } = &self.again;
        self.api_server = Process::start("kube-apiserver", &parts().kube_apiserver, arguments, &[], folder);
        let ready = wait::until(READY, || async { self.get("/readyz").await });
        if let Err(error) = ready.await {
            panic!("kube-apiserver is not ready: {error}\n{}", tail(self.api_server.log()));
        }
    }

    /// A client that may do everything.
    pub fn client(&self) -> Client {
        self.client.0.clone()
    }

    /// A kubeconfig file for a user who may do everything.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What the API server answers to a GET of `path`.
    pub async fn get(&self, path: &str) -> Result<String, String> {
        get(&self.client.0, path).await
    }

    /// Lets the API server answer nothing for a while; see [`Self::resume_api_server`].
    pub fn pause_api_server(&mut self) {
        self.api_server.pause();
    }

    /// Lets the API server go on with what it was asked.
    pub fn resume_api_server(&mut self) {
        self.api_server.resume();
    }

    /// The process groups it consists of.
    pub fn groups(&self) -> Vec<i32> {
        [&self.controller_manager, &self.api_server, &self.etcd].map(Process::group).to_vec()
    }
}

fn etcd(folder: &Path, url: &str) -> Process {
    let peer = format!("http://127.0.0.1:{}", free_port());
    let arguments = [
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // Nothing here has to survive a power cut.
        "--unsafe-no-fsync".to_owned(),
    ];
    Process::start("etcd", &parts().etcd, arguments, &[], folder)
}

fn api_server_arguments(folder: &Path, certificates: &Path, port: u16, token: &str, etcd: &str, issuer: &str) -> Vec<String> {
    let tokens = folder.join("tokens.csv");
    fs::write(&tokens, format!("{token},admin,admin,\"system:masters\"\n")).expect("the bed's folder can be written to");
    // The server makes its serving key before it reads the key for tokens, so that one file can be both and no other tool
    // is needed to make keys.
    let key = certificates.join("apiserver.key");
    vec![
        format!("--etcd-servers={etcd}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        // Loopback is no address the endpoints of the `kubernetes` service may have.
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--cert-dir={}", certificates.display()),
        format!("--service-account-key-file={}", key.display()),
        format!("--service-account-signing-key-file={}", key.display()),
        format!("--service-account-issuer={issuer}"),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        format!("--token-auth-file={}", tokens.display()),
    ]
}

fn controller_manager(folder: &Path, certificates: &Path, kubeconfig: &Path) -> Process {
    let arguments = [
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--service-account-private-key-file={}", certificates.join("apiserver.key").display()),
        format!("--root-ca-file={}", certificates.join("apiserver.crt").display()),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
    ];
    Process::start("kube-controller-manager", &parts().kube_controller_manager, arguments, &[], folder)
}

fn write_kubeconfig(folder: &Path, certificates: &Path, port: u16, token: &str) -> PathBuf {
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bed",
        "clusters": [{ "name": "bed", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": certificates.join("apiserver.crt"),
        }}],
        "users": [{ "name": "admin", "user": { "token": token } }],
        "contexts": [{ "name": "bed", "context": { "cluster": "bed", "user": "admin" } }],
    });
    let path = folder.join("kubeconfig");
    fs::write(&path, kubeconfig.to_string()).expect("the bed's folder can be written to");
    path
}

async fn client(kubeconfig: &Path) -> Result<Client, String> {
    // Not the environment's choice of provider: several may be linked in.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).map_err(|error| error.to_string())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(|error| error.to_string())?;
    config.proxy_url = None;
    Client::try_from(config).map_err(|error| error.to_string())
}

async fn get(client: &Client, path: &str) -> Result<String, String> {
    let request = axum::http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map_err(|error| error.to_string())
}

fn random_token() -> String {
    let mut bytes = [0; 16];
    let mut source = fs::File::open("/dev/urandom").expect("the kernel gives random bytes");
    std::io::Read::read_exact(&mut source, &mut bytes).expect("the kernel gives random bytes");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}
