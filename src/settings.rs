//! Where settings come from: flags, then environment, then a file, then defaults.
//!
//! The file is `e2e-store.yaml` in the working directory or what `--config` names; the `config.yaml`
//! of the studio's own e2e app has the same form. Secrets are never printed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};

use crate::{problem::Problem, wire::target::Target};

const DEFAULT_FILE: &str = "e2e-store.yaml";
const DEFAULT_ENDPOINT: &str = "localhost:26155";
const DEFAULT_INTERNAL_ENDPOINT: &str = "localhost:50052";

/// The key of the stand-in, and ours where none is given.
pub(crate) const DEFAULT_API_KEY: &str = "e2e-store";

/// Where spans go
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "OTLP")]
pub(crate) struct OtlpArgs {
    /// OTLP gRPC endpoint: `host:port`, or with `http://` or `https://` [default: localhost:26155]
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_ENDPOINT")]
    pub(crate) endpoint: Option<Target>,

    /// API key of the studio; `JUNJO_API_KEY` works, too [default: e2e-store]
    #[arg(long, value_name = "KEY", env = "E2E_STORE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
}

/// Where the studio's internal service is, and the settings file
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Internal service")]
pub(crate) struct InternalArgs {
    /// Endpoint of FlushWAL and PrepareHotSnapshot [default: localhost:50052]
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_INTERNAL_ENDPOINT")]
    pub(crate) internal_endpoint: Option<Target>,

    /// Token of the studio's internal service; `JUNJO_INTERNAL_GRPC_TOKEN` works, too
    #[arg(long, value_name = "TOKEN", env = "E2E_STORE_INTERNAL_TOKEN", hide_env_values = true)]
    pub(crate) internal_token: Option<String>,

    /// Settings file [default: e2e-store.yaml, where there is one]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CONFIG", help_heading = "Settings")]
    pub(crate) config: Option<PathBuf>,
}

/// Everything that was settled about connections and the default workload.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) endpoint: Target,
    /// Whether a user named the endpoint, by flag, environment or file.
    pub(crate) endpoint_given: bool,
    pub(crate) internal_endpoint: Target,
    pub(crate) api_key: String,
    pub(crate) internal_token: Option<String>,
    pub(crate) service_name: Option<String>,
    pub(crate) num_workflows: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "or_default")]
    exporter: Exporter,
    #[serde(default, deserialize_with = "or_default")]
    app: App,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exporter {
    endpoint: Option<String>,
    host: Option<String>,
    port: Option<Port>,
    internal_endpoint: Option<String>,
    api_key: Option<String>,
    service_name: Option<String>,
    insecure: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct App {
    num_workflows: Option<u64>,
    /// Read by the studio's own app; this tool has no log.
    #[serde(rename = "log_level")]
    _log_level: Option<String>,
}

/// The studio's own file has it in quotes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Port {
    Number(i64),
    Text(String),
}

/// A section of which every line is commented out is null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Settings {
    /// `otlp` is none for commands that send no spans.
    pub(crate) fn resolve(otlp: Option<&OtlpArgs>, internal: &InternalArgs) -> anyhow::Result<Self> {
        let (file, path) = File::load(internal.config.as_deref())?;
        let tls = !file.exporter.insecure.unwrap_or(true);
        let from_file = file.exporter.address(&path)?;
        let named = otlp.and_then(|args| args.endpoint.clone()).or(from_file);
        let internal_endpoint = match (&internal.internal_endpoint, &file.exporter.internal_endpoint) {
            (Some(target), _) => target.clone(),
            (None, Some(text)) => parse(text, "exporter.internal_endpoint", &path)?,
            (None, None) => fixed(DEFAULT_INTERNAL_ENDPOINT),
        };
        if file.app.num_workflows == Some(0) {
            return Err(wrong_value(&path, "app.num_workflows", "a run has at least one workflow").into());
        }
        Ok(Self {
            endpoint_given: named.is_some(),
            endpoint: named.unwrap_or_else(|| fixed(DEFAULT_ENDPOINT)).or_tls(tls),
            internal_endpoint: internal_endpoint.or_tls(false),
            api_key: api_key(otlp.and_then(|args| args.api_key.as_ref()))
                .or(file.exporter.api_key)
                .unwrap_or_else(|| DEFAULT_API_KEY.to_owned()),
            internal_token: internal_token(internal.internal_token.as_ref()),
            service_name: file.exporter.service_name,
            num_workflows: file.app.num_workflows,
        })
    }
}

/// The API key of a flag, or of the name that users already have.
pub(crate) fn api_key(flag: Option<&String>) -> Option<String> {
    flag.cloned().or_else(|| std::env::var("JUNJO_API_KEY").ok())
}

/// The same for the internal service's token.
pub(crate) fn internal_token(flag: Option<&String>) -> Option<String> {
    flag.cloned().or_else(|| std::env::var("JUNJO_INTERNAL_GRPC_TOKEN").ok())
}

impl File {
    /// The file and its name for messages; defaults where no file is asked for and none is there.
    fn load(config: Option<&Path>) -> anyhow::Result<(Self, PathBuf)> {
        let path = config.unwrap_or(Path::new(DEFAULT_FILE)).to_owned();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound && config.is_none() => {
                return Ok((Self::default(), path));
            }
            Err(err) => {
                let hint = "copy `e2e-store.example.yaml`, or leave --config out";
                return Err(Problem::new(format!("cannot read config `{}`", path.display()), hint)
                    .caused_by(err)
                    .into());
            }
        };
        let file: Option<Self> = serde_saphyr::from_str(&text).map_err(|err| {
            let hint = "compare it with `e2e-store.example.yaml`";
            Problem::new(format!("config `{}` is not understood", path.display()), hint)
                .caused_by(err.to_string())
        })?;
        Ok((file.unwrap_or_default(), path))
    }
}

impl Exporter {
    fn address(&self, path: &Path) -> Result<Option<Target>, Problem> {
        if let Some(endpoint) = &self.endpoint {
            return parse(endpoint, "exporter.endpoint", path).map(Some);
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
                parse(&format!("{host}:{}", port.unwrap_or(26_155)), "exporter.host", path).map(Some)
            }
        }
    }
}

fn parse(text: &str, key: &str, path: &Path) -> Result<Target, Problem> {
    text.parse::<Target>().map_err(|err| wrong_value(path, key, &err.to_string()))
}

fn wrong_value(path: &Path, key: &str, why: &str) -> Problem {
    let what = format!("`{key}` in config `{}`: {why}", path.display());
    Problem::new(what, "compare it with `e2e-store.example.yaml`")
}

fn fixed(endpoint: &str) -> Target {
    endpoint.parse().expect("the default endpoint is well formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(yaml: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, yaml).unwrap();
        let otlp = OtlpArgs { endpoint: None, api_key: None };
        let internal = InternalArgs { internal_endpoint: None, internal_token: None, config: Some(path) };
        match Settings::resolve(Some(&otlp), &internal) {
            Ok(settings) => format!("{} {:?}", settings.endpoint, settings.num_workflows),
            Err(err) => err.to_string().replace(dir.path().to_str().unwrap(), "DIR"),
        }
    }

    #[test]
    fn the_config_of_the_studios_own_app_is_taken_as_it_is() {
        let yaml = "exporter:\n  host: \"studio\"\n  port: \"26155\"\n  api_key: \"k\"\n  service_name: \"s\"\n  insecure: false\n\
                    app:\n  num_workflows: 3\n  log_level: \"INFO\"\n";
        assert_eq!(resolved(yaml), "https://studio:26155 Some(3)");
    }

    #[test]
    fn an_empty_file_leaves_the_defaults() {
        assert_eq!(resolved(""), "http://localhost:26155 None");
        assert_eq!(resolved("exporter:\napp:\n"), "http://localhost:26155 None");
        assert_eq!(resolved("exporter: {port: 7}"), "http://localhost:7 None");
        assert_eq!(resolved("exporter: {endpoint: 'https://s:1', insecure: true}"), "https://s:1 None");
    }

    #[test]
    fn the_example_is_taken_as_it_is_and_names_no_studio() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e-store.example.yaml");
        let otlp = OtlpArgs { endpoint: None, api_key: None };
        let internal = InternalArgs { internal_endpoint: None, internal_token: None, config: Some(path) };
        assert!(!Settings::resolve(Some(&otlp), &internal).unwrap().endpoint_given);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        assert_eq!(
            resolved("exporter: {port: 99999}"),
            "`exporter.port` in config `DIR/config.yaml`: `99999` is not a port number"
        );
        assert_eq!(
            resolved("exporter: {port: http}"),
            "`exporter.port` in config `DIR/config.yaml`: `http` is not a port number"
        );
        assert_eq!(
            resolved("exporter: {endpoint: nowhere}"),
            "`exporter.endpoint` in config `DIR/config.yaml`: an endpoint is `host:port`, `http://host:port` or `https://host:port`"
        );
        assert_eq!(
            resolved("app: {num_workflows: 0}"),
            "`app.num_workflows` in config `DIR/config.yaml`: a run has at least one workflow"
        );
        assert_eq!(resolved("exporters: {}"), "config `DIR/config.yaml` is not understood");
    }
}
