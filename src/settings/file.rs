//! The settings file: where it is looked for, and what may stand in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use etcetera::{BaseStrategy, choose_base_strategy};
use serde::{Deserialize, Deserializer};

use crate::{
    audit::verdict::FailOn,
    base::{notice, problem::Problem, regular},
    checks::catalog::Severity,
    wire::{target::Target, transport::Compression},
};

const DEFAULT_FILE: &str = "e2e-store.yaml";
/// Below the user's folder of settings.
const USER_FILE: &str = "e2e-store/config.yaml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) exporter: Exporter,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) app: App,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) audit: AuditSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exporter {
    pub(super) endpoint: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<Port>,
    pub(super) internal_endpoint: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) ca_cert: Option<PathBuf>,
    pub(super) client_cert: Option<PathBuf>,
    pub(super) client_key: Option<PathBuf>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) compression: Option<Compression>,
    pub(super) service_name: Option<String>,
    pub(super) insecure: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct App {
    pub(super) num_workflows: Option<u64>,
    /// Read by the studio's own app; this tool has no log.
    #[serde(rename = "log_level")]
    _log_level: Option<String>,
}

/// How an audit judges where no flag says otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditSettings {
    /// By check.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) severity: BTreeMap<String, Severity>,
    pub(crate) fail_on: Option<FailOn>,
    pub(crate) baseline: Option<PathBuf>,
    /// Checks, and families of checks.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) skip: Vec<String>,
    /// The file that they are from.
    #[serde(skip)]
    pub(crate) file: PathBuf,
}

/// The studio's own file has it in quotes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Port {
    Number(i64),
    Text(String),
}

/// A section of which every line is commented out is null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl AuditSettings {
    pub(crate) fn load(config: Option<&Path>) -> anyhow::Result<Self> {
        let Found { file, path, is_there, .. } = Found::load(config)?;
        Ok(Self { file: if is_there { path } else { PathBuf::default() }, ..file.audit })
    }
}

/// Who put a settings file where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The user: by its name, or in their own folder.
    User,
    /// Whoever made the folder that the user works in.
    WorkingDirectory,
}

/// A settings file, or the defaults where there is none.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    /// For messages.
    pub(super) path: PathBuf,
    pub(super) origin: Origin,
    pub(super) is_there: bool,
}

impl Found {
    pub(super) fn load(config: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = config {
            let text = regular::read_to_string(path).map_err(|err| unread(path, err))?;
            let file = File::parse(&text, path)?;
            return Ok(Self { file, path: path.to_owned(), origin: Origin::User, is_there: true });
        }
        let here = PathBuf::from(DEFAULT_FILE);
        if let Some(file) = File::read(&here)? {
            return Ok(Self { file, path: here, origin: Origin::WorkingDirectory, is_there: true });
        }
        if let Some(path) = user_file()
            && let Some(file) = File::read(&path)?
        {
            return Ok(Self { file, path, origin: Origin::User, is_there: true });
        }
        Ok(Self { file: File::default(), path: here, origin: Origin::User, is_there: false })
    }
}

/// `$XDG_CONFIG_HOME/e2e-store/config.yaml`, or what takes its place on this system.
fn user_file() -> Option<PathBuf> {
    choose_base_strategy().ok().map(|strategy| strategy.config_dir().join(USER_FILE))
}

/// Once, however many parts of a command ask for settings.
fn say_unread(path: &Path, err: &io::Error) {
    static SAID: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned()) {
        let hint = "its settings do not count; --config FILE names another";
        notice::note(&format!("note: config `{}` cannot be read ({err}): {hint}", path.display()));
    }
}

fn unread(path: &Path, err: io::Error) -> Problem {
    let hint = "copy `e2e-store.example.yaml`, or leave --config out";
    Problem::new(format!("cannot read config `{}`", path.display()), hint).caused_by(err)
}

impl File {
    /// None where no file is there, or one that cannot be read: nobody named it, so it ends no command.
    fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        match regular::read_to_string(path) {
            Ok(text) => Ok(Some(Self::parse(&text, path)?)),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => {
                say_unread(path, &err);
                Ok(None)
            }
        }
    }

    pub(super) fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        // A snippet of the file around a mistake could show a secret.
        let options = serde_saphyr::options! { with_snippet: false };
        let file: Option<Self> = serde_saphyr::from_str_with_options(text, options).map_err(|err| {
            let hint = "compare it with `e2e-store.example.yaml`";
            Problem::new(format!("config `{}` is not understood", path.display()), hint)
                .caused_by(err.to_string())
        })?;
        Ok(file.unwrap_or_default())
    }
}

/// The settings that the file gives a value for, by their arguments' ids, and its name; none where there is no
/// file.
pub(crate) fn keys_in_file(
    config: Option<&Path>,
) -> anyhow::Result<Option<(PathBuf, BTreeSet<&'static str>)>> {
    let Found { file: File { exporter, .. }, path, is_there, .. } = Found::load(config)?;
    if !is_there {
        return Ok(None);
    }
    let given = [
        ("endpoint", exporter.endpoint.is_some() || exporter.host.is_some() || exporter.port.is_some()),
        ("internal_endpoint", exporter.internal_endpoint.is_some()),
        ("api_key", exporter.api_key.is_some()),
        ("ca_cert", exporter.ca_cert.is_some()),
        ("client_cert", exporter.client_cert.is_some()),
        ("client_key", exporter.client_key.is_some()),
        ("headers", !exporter.headers.is_empty()),
        ("compression", exporter.compression.is_some()),
    ];
    Ok(Some((path, given.into_iter().filter_map(|(key, is_given)| is_given.then_some(key)).collect())))
}

impl Exporter {
    pub(super) fn address(&self, path: &Path) -> Result<Option<Target>, Problem> {
        if let Some(endpoint) = &self.endpoint {
            return self::endpoint(endpoint, "exporter.endpoint", path).map(Some);
        }
        let port = match &self.port {
            None => None,
            Some(Port::Number(number)) => Some(u16::try_from(*number).map_err(|_| {
                wrong_value(path, "exporter.port", &format!("`{number}` is not a port number"))
            })?),
            Some(Port::Text(text)) => Some(text.parse().map_err(|_| {
                wrong_value(path, "exporter.port", &format!("`{text}` is not a port number"))
            })?),
        };
        match (&self.host, port) {
            (None, None) => Ok(None),
            (host, port) => {
                let host = host.as_deref().unwrap_or("localhost");
                endpoint(&format!("{host}:{}", port.unwrap_or(26_155)), "exporter.host", path).map(Some)
            }
        }
    }
}

pub(super) fn endpoint(text: &str, key: &str, path: &Path) -> Result<Target, Problem> {
    text.parse::<Target>().map_err(|err| wrong_value(path, key, &err.to_string()))
}

pub(super) fn wrong_value(path: &Path, key: &str, why: &str) -> Problem {
    let what = format!("`{key}` in config `{}`: {why}", path.display());
    Problem::new(what, "compare it with `e2e-store.example.yaml`")
}
