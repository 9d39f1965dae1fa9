//! Where the real parts lie, as told by `tests/testbed/build`, which builds what is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The paths of the real parts.
#[derive(Debug)]
pub struct Parts {
    /// The etcd server.
    pub etcd: PathBuf,
    /// The Kubernetes API server.
    pub kube_apiserver: PathBuf,
    /// The Kubernetes controller manager.
    pub kube_controller_manager: PathBuf,
    /// Helm, which renders and installs the charts.
    pub helm: PathBuf,
    /// The AWS emulator for nearly everything.
    pub moto_server: PathBuf,
    /// The AWS emulator for Bedrock.
    pub ministack: PathBuf,
    /// The Python with the linters of IAM policies.
    pub linters_python: PathBuf,
    /// The npm folder that holds the IAM policy judge.
    pub judge_node_modules: PathBuf,
}

/// The parts, built on the first call if need be: that takes minutes, and says so on stderr.
///
/// # Panics
/// If a part cannot be built; the reason is on stderr.
pub fn parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/build");
        let output = Command::new(&script)
            .arg("--paths")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        assert!(output.status.success(), "{} failed, see above", script.display());
        parse(&String::from_utf8_lossy(&output.stdout))
    })
}

fn parse(text: &str) -> Parts {
    let path = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map_or_else(|| panic!("tests/testbed/build --paths does not name {name}"), PathBuf::from)
    };
    Parts {
        etcd: path("ETCD"),
        kube_apiserver: path("KUBE_APISERVER"),
        kube_controller_manager: path("KUBE_CONTROLLER_MANAGER"),
        helm: path("HELM"),
        moto_server: path("MOTO_SERVER"),
        ministack: path("MINISTACK"),
        linters_python: path("LINTERS_PYTHON"),
        judge_node_modules: path("JUDGE_NODE_MODULES"),
    }
}
