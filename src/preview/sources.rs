//! From files to declarations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::api::{GROUP, all_definitions};
use crate::manifests::{self, Manifest, Problem, Severity, Source};

use super::{Declared, KnownFacts, PreviewError, Subject};

/// Something wrong, with the place in the files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Complaint {
    pub file: String,
    /// Counted from 1; none where no line can be told.
    pub line: Option<usize>,
    pub field: String,
    pub subject: Option<Subject>,
    pub reason: String,
    pub message: String,
    /// Whether the input cannot be used, rather than breaks a rule.
    #[serde(skip)]
    pub unusable: bool,
}

impl Complaint {
    pub fn unusable(file: &str, line: Option<usize>, reason: &str, message: impl Into<String>) -> Self {
        let (file, reason, message) = (file.to_owned(), reason.to_owned(), message.into());
        Self { file, line, field: String::new(), subject: None, reason, message, unusable: true }
    }

    fn of(problem: Problem, reason: &str) -> Self {
        let unusable = problem.severity == Severity::Unusable;
        let subject = problem.subject.map(|subject| Subject { kind: subject.kind, namespace: subject.namespace, name: subject.name });
        let (reason, message) = (reason.to_owned(), problem.message);
        Self { file: problem.file, line: Some(problem.line), field: problem.field, subject, reason, message, unusable }
    }
}

/// What the files hold.
#[derive(Default)]
pub(super) struct Given {
    pub declared: Declared,
    pub complaints: Vec<Complaint>,
    manifests: Vec<Manifest>,
    /// The files, as they were given.
    order: Vec<String>,
}

/// Reads files, folders (their `*.yaml`, `*.yml` and `*.json`) and, for `-`, `input`.
pub(super) fn read(names: &[String], input: &mut dyn Read) -> (Vec<Source>, Vec<Complaint>) {
    let (mut sources, mut complaints) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for name in names {
        let texts = if name == "-" {
            let mut bytes = Vec::new();
            vec![("-".to_owned(), input.read_to_end(&mut bytes).map(|_| bytes))]
        } else {
            match files(Path::new(name)) {
                Ok(files) => files.into_iter().map(|file| (file.display().to_string(), fs::read(&file))).collect(),
                Err(message) => {
                    complaints.push(Complaint::unusable(name, None, "Unreadable", message));
                    continue;
                }
            }
        };
        for (name, bytes) in texts {
            // A file that is named twice, say by itself and by its folder, is read once.
            if !seen.insert(fs::canonicalize(&name).unwrap_or_else(|_| PathBuf::from(&name))) {
                continue;
            }
            match bytes.map(String::from_utf8) {
                Ok(Ok(text)) => sources.push(Source { name, text }),
                Ok(Err(error)) => complaints.push(not_text(&name, &error)),
                Err(error) => complaints.push(Complaint::unusable(&name, None, "Unreadable", format!("cannot be read: {error}"))),
            }
        }
    }
    (sources, complaints)
}

fn not_text(name: &str, error: &std::string::FromUtf8Error) -> Complaint {
    let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = 1 + good.split(|&byte| byte == b'\n').count().saturating_sub(1);
    Complaint::unusable(name, Some(line), "Unreadable", "is no text in UTF-8: pass a YAML or JSON manifest")
}

fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}; pass a file, a folder, or - for standard input");
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_manifest =
        |path: &PathBuf| path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_manifest(path) && path.is_file()).collect();
    files.sort();
    if files.is_empty() { Err("the folder holds no *.yaml, *.yml or *.json: pass one with manifests".to_owned()) } else { Ok(files) }
}

/// Reads the facts of `--observed`.
pub(super) fn facts(name: &str) -> Result<KnownFacts, Box<Complaint>> {
    let complaint = |line, message: String| Box::new(Complaint::unusable(name, line, "InvalidFacts", message));
    let text = fs::read_to_string(name).map_err(|error| complaint(None, format!("cannot be read: {error}")))?;
    serde_saphyr::from_str(&text).map_err(|error| {
        let line = error.location().map(|location| usize::try_from(location.line()).unwrap_or_default());
        let what = error.without_snippet().to_string();
        complaint(line, format!("holds no facts that are understood: {what}; write environments: {{NAME: {{vpcId: ...}}}}"))
    })
}

impl Given {
    /// Loads the sources and takes what can be used.
    pub fn load(sources: &[Source]) -> Self {
        let loaded = manifests::load(sources, &all_definitions());
        let mut given = Self { order: sources.iter().map(|source| source.name.clone()).collect(), ..Self::default() };
        for problem in loaded.problems {
            let reason = if problem.severity == Severity::Unusable { "InvalidManifest" } else { "RuleBroken" };
            let complaint = Complaint::of(problem, reason);
            if let Some(subject) = complaint.subject.clone().filter(|_| !complaint.is_of_use_case()) {
                given.declared.refused.insert(subject);
            }
            given.complaints.push(complaint);
        }
        for manifest in loaded.manifests {
            given.take(manifest);
        }
        given
    }

    fn take(&mut self, manifest: Manifest) {
        let of_group = manifest.api_version().starts_with(GROUP);
        let of_core = manifest.api_version() == "v1" && ["Namespace", "ServiceAccount"].contains(&manifest.kind());
        if !of_group && !of_core {
            return;
        }
        if let Some(first) = self.manifests.iter().find(|other| subject(other) == subject(&manifest)) {
            let message = format!("is declared a second time; the first is {}:{}: remove one of them", first.file, first.line);
            let problem = manifest.problem("metadata.name", message, Severity::RuleBroken);
            self.complaints.push(Complaint::of(problem, "DeclaredTwice"));
            return;
        }
        if self.is_refused(&subject(&manifest)) {
            self.declared.refused.insert(subject(&manifest));
        } else if let Err(problem) = self.declare(&manifest) {
            self.declared.refused.insert(subject(&manifest));
            self.complaints.push(Complaint::of(problem, "InvalidManifest"));
        }
        self.manifests.push(manifest);
    }

    /// Problems give long names in part, ending in an ellipsis.
    fn is_refused(&self, wanted: &Subject) -> bool {
        let is_meant = |refused: &Subject| match refused.name.strip_suffix('…') {
            Some(part) => wanted.name.starts_with(part) && (&refused.kind, &refused.namespace) == (&wanted.kind, &wanted.namespace),
            None => refused == wanted,
        };
        self.declared.refused.iter().any(is_meant)
    }

    fn declare(&mut self, manifest: &Manifest) -> Result<(), Problem> {
        let declared = &mut self.declared;
        match manifest.kind() {
            "PhiEnvironment" => declared.environments.push(manifests::parse(manifest)?),
            "PhiWorkload" => declared.workloads.push(manifests::parse(manifest)?),
            "BedrockAccess" => declared.accesses.push(manifests::parse(manifest)?),
            "Namespace" => {
                declared.namespaces.insert(manifest.name().to_owned(), labels(manifest));
            }
            "ServiceAccount" => {
                let namespace = manifest.namespace().unwrap_or_default().to_owned();
                declared.service_accounts.insert((namespace, manifest.name().to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the files hold no object of the group, not even a broken one.
    pub fn is_empty(&self) -> bool {
        self.manifests.iter().all(|manifest| manifest.api_version() == "v1") && self.complaints.is_empty()
    }

    /// Adds the rules that the preview found broken, each with its place. What the definitions' own rules said of a use case is
    /// dropped where the preview says it too.
    pub fn complain(&mut self, errors: &[PreviewError]) {
        let said = |complaint: &Complaint| {
            errors.iter().any(|error| Some(&error.subject) == complaint.subject.as_ref() && error.reason_is_of_use_case())
        };
        self.complaints.retain(|complaint| !(complaint.is_of_use_case() && said(complaint)));
        for error in errors {
            let manifest = self.manifests.iter().find(|manifest| subject(manifest) == error.subject);
            self.complaints.push(Complaint {
                file: manifest.map(|manifest| manifest.file.clone()).unwrap_or_default(),
                line: manifest.map(|manifest| manifest.line_of(&error.field)),
                field: error.field.clone(),
                subject: Some(error.subject.clone()),
                reason: error.reason.to_owned(),
                message: error.message.clone(),
                unusable: false,
            });
        }
        let place = |complaint: &Complaint| self.order.iter().position(|file| *file == complaint.file);
        self.complaints.sort_by_key(|complaint| (place(complaint), complaint.line));
    }
}

impl Complaint {
    /// Whether a definition's rule on use cases says it, which the plan says with a reason of its own.
    fn is_of_use_case(&self) -> bool {
        self.reason == "RuleBroken" && self.message.starts_with("this useCase")
    }
}

impl PreviewError {
    fn reason_is_of_use_case(&self) -> bool {
        ["UseCaseProhibited", "OverseerMissing"].contains(&self.reason)
    }
}

fn subject(manifest: &Manifest) -> Subject {
    Subject { kind: manifest.kind().to_owned(), namespace: manifest.namespace().map(str::to_owned), name: manifest.name().to_owned() }
}

fn labels(manifest: &Manifest) -> BTreeMap<String, String> {
    let labels = manifest.value["metadata"]["labels"].as_object();
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
