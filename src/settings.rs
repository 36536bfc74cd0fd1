//! Where settings come from: flags, then environment, then a file, then defaults.
//!
//! The file is `e2e-store.yaml` in the working directory or what `--config` names; the `config.yaml`
//! of the studio's own e2e app has the same form. Secrets are never printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt, fs, io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer};

use crate::{
    audit::verdict::FailOn,
    base::problem::Problem,
    checks::catalog::Severity,
    wire::{
        target::Target,
        transport::{ClientIdentity, Compression, Header, Transport},
    },
};

const DEFAULT_FILE: &str = "e2e-store.yaml";
const DEFAULT_ENDPOINT: &str = "localhost:26155";
const DEFAULT_INTERNAL_ENDPOINT: &str = "localhost:50052";

/// Ample for a studio on another machine; one that takes longer is stuck.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The key of the stand-in, and ours where none is given.
pub(crate) const DEFAULT_API_KEY: &str = "e2e-store";

/// Endpoint, key and transport
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "OTLP")]
pub(crate) struct OtlpArgs {
    /// OTLP gRPC endpoint: `host:port`, or with `http://` or `https://` [default: localhost:26155]
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_ENDPOINT")]
    pub(crate) endpoint: Option<Target>,

    /// API key of the studio; also `JUNJO_API_KEY` [default: e2e-store]
    #[arg(long, value_name = "KEY", env = "E2E_STORE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// PEM file of trusted authorities for `https://` [default: the system's]
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CA_CERT")]
    ca_cert: Option<PathBuf>,

    /// PEM file of the client certificate
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CLIENT_CERT")]
    client_cert: Option<PathBuf>,

    /// PEM file of the client certificate's private key
    #[arg(long, value_name = "FILE", env = "E2E_STORE_CLIENT_KEY")]
    client_key: Option<PathBuf>,

    /// Metadata of every export (repeatable; in the environment one per line)
    #[arg(
        long = "header",
        value_name = "NAME=VALUE",
        env = "E2E_STORE_HEADERS",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    headers: Vec<RawHeader>,

    /// Compression of exports; the studio accepts none, a collector may
    #[arg(long, value_name = "FORMAT", env = "E2E_STORE_COMPRESSION")]
    compression: Option<Compression>,

    /// Timeout of an export in seconds [default: 10]
    #[arg(long, value_name = "SECONDS", env = "E2E_STORE_TIMEOUT", value_parser = at_least_one)]
    timeout: Option<NonZeroU64>,
}

/// A header as it was typed, which clap must not repeat in its own messages.
#[derive(Clone)]
struct RawHeader(String);

impl FromStr for RawHeader {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for RawHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawHeader")
    }
}

/// A count of which none would be none.
pub(crate) fn at_least_one(text: &str) -> Result<NonZeroU64, String> {
    let number: u64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    NonZeroU64::new(number).ok_or_else(|| "at least 1 is needed".to_owned())
}

/// Internal service and settings file
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Internal service")]
pub(crate) struct InternalArgs {
    /// Endpoint of FlushWAL and PrepareHotSnapshot [default: localhost:50052]
    #[arg(long, value_name = "ENDPOINT", env = "E2E_STORE_INTERNAL_ENDPOINT")]
    pub(crate) internal_endpoint: Option<Target>,

    /// Token of the studio's internal service; also `JUNJO_INTERNAL_GRPC_TOKEN`
    #[arg(long, value_name = "TOKEN", env = "E2E_STORE_INTERNAL_TOKEN", hide_env_values = true)]
    pub(crate) internal_token: Option<String>,

    /// Settings file [default: e2e-store.yaml, if present]
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
    pub(crate) transport: Transport,
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
    #[serde(default, deserialize_with = "or_default")]
    audit: AuditSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exporter {
    endpoint: Option<String>,
    host: Option<String>,
    port: Option<Port>,
    internal_endpoint: Option<String>,
    api_key: Option<String>,
    ca_cert: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    #[serde(default, deserialize_with = "or_default")]
    headers: BTreeMap<String, String>,
    compression: Option<Compression>,
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

impl AuditSettings {
    pub(crate) fn load(config: Option<&Path>) -> anyhow::Result<Self> {
        let (file, path) = File::load(config)?;
        Ok(Self { file: path, ..file.audit })
    }
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
        let transport = transport(otlp.unwrap_or(&OtlpArgs::default()), &file.exporter, &path)?;
        Ok(Self {
            endpoint_given: named.is_some(),
            endpoint: named.unwrap_or_else(|| fixed(DEFAULT_ENDPOINT)).or_tls(tls),
            internal_endpoint: internal_endpoint.or_tls(false),
            api_key: api_key(otlp.and_then(|args| args.api_key.as_ref()))
                .or(file.exporter.api_key)
                .unwrap_or_else(|| DEFAULT_API_KEY.to_owned()),
            transport,
            internal_token: internal_token(internal.internal_token.as_ref()),
            service_name: file.exporter.service_name,
            num_workflows: file.app.num_workflows,
        })
    }
}

/// Each option by itself from flag or environment, else from the file; headers all from the one or the other.
fn transport(args: &OtlpArgs, file: &Exporter, path: &Path) -> Result<Transport, Problem> {
    let client_cert = args.client_cert.as_ref().or(file.client_cert.as_ref());
    let client_key = args.client_key.as_ref().or(file.client_key.as_ref());
    let client_identity = match (client_cert, client_key) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some(ClientIdentity { cert: cert.clone(), key: key.clone() }),
        (Some(_), None) => return Err(half_an_identity("certificate", "key", "--client-key")),
        (None, Some(_)) => return Err(half_an_identity("key", "certificate", "--client-cert")),
    };
    Ok(Transport {
        ca_cert: args.ca_cert.as_ref().or(file.ca_cert.as_ref()).cloned(),
        client_identity,
        headers: headers(args, file, path)?,
        compression: args.compression.or(file.compression),
        timeout: args.timeout.map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(seconds.get())),
    })
}

fn half_an_identity(given: &str, lacking: &str, flag: &str) -> Problem {
    let what = format!("a client {given} without its {lacking} proves nothing");
    Problem::new(what, format!("name the {lacking} with {flag}"))
}

fn headers(args: &OtlpArgs, file: &Exporter, path: &Path) -> Result<Vec<Header>, Problem> {
    if args.headers.is_empty() {
        let place = format!("a header of `exporter.headers` in config `{}`", path.display());
        return file.headers.iter().map(|(name, value)| Header::new(&place, name, value)).collect();
    }
    let typed = args.headers.iter().filter(|RawHeader(text)| !text.trim().is_empty()).enumerate();
    typed.map(|(index, RawHeader(text))| Header::parse(&format!("header {}", index + 1), text)).collect()
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
        // A snippet of the file around a mistake could show a secret.
        let options = serde_saphyr::options! { with_snippet: false };
        let file: Option<Self> = serde_saphyr::from_str_with_options(&text, options).map_err(|err| {
            let hint = "compare it with `e2e-store.example.yaml`";
            Problem::new(format!("config `{}` is not understood", path.display()), hint)
                .caused_by(err.to_string())
        })?;
        Ok((file.unwrap_or_default(), path))
    }
}

/// The settings that the file gives a value for, by their arguments' ids, and its name; none where there is no
/// file.
pub(crate) fn keys_in_file(
    config: Option<&Path>,
) -> anyhow::Result<Option<(PathBuf, BTreeSet<&'static str>)>> {
    let (File { exporter, .. }, path) = File::load(config)?;
    if !path.exists() {
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
        let otlp = OtlpArgs::default();
        let internal = InternalArgs { internal_endpoint: None, internal_token: None, config: Some(path) };
        match Settings::resolve(Some(&otlp), &internal) {
            Ok(settings) => format!("{} {:?}", settings.endpoint, settings.num_workflows),
            Err(err) => err.to_string().replace(dir.path().to_str().unwrap(), "DIR"),
        }
    }

    /// What came of flags and a file, or what was wrong with them, hint and causes included.
    fn transport_of<const N: usize>(flags: [&str; N], yaml: &str) -> String {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            otlp: OtlpArgs,
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, yaml).unwrap();
        let internal = InternalArgs { internal_endpoint: None, internal_token: None, config: Some(path) };
        let otlp = match <Command as clap::Parser>::try_parse_from(["e2e-store"].iter().chain(&flags)) {
            Ok(command) => command.otlp,
            Err(err) => return err.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        let said = match Settings::resolve(Some(&otlp), &internal) {
            Ok(settings) => format!("{:?}", settings.transport),
            Err(err) => format!("{err:#}; {}", err.downcast_ref::<Problem>().map_or("", Problem::hint)),
        };
        said.replace(dir.path().to_str().unwrap(), "DIR")
    }

    #[test]
    fn a_flag_outranks_the_file_for_each_transport_option() {
        let yaml = "exporter: {ca_cert: a.pem, client_cert: b.pem, client_key: b.key, compression: zstd, \
                    headers: {x-tenant: blue}}";
        let of_file = transport_of([], yaml);
        for part in ["\"a.pem\"", "cert: \"b.pem\", key: \"b.key\"", "Some(Zstd)", "x-tenant", "timeout: 10s"]
        {
            assert!(of_file.contains(part), "{part}: {of_file}");
        }
        let flags = ["--ca-cert=c.pem", "--client-key=d.key", "--compression=gzip", "--header=x-other=red"];
        let of_both = transport_of(flags, yaml);
        for part in ["\"c.pem\"", "cert: \"b.pem\", key: \"d.key\"", "Some(Gzip)", "x-other"] {
            assert!(of_both.contains(part), "{part}: {of_both}");
        }
        assert!(!of_both.contains("x-tenant"), "headers come all from one place: {of_both}");
        assert!(transport_of(["--timeout=3"], "").contains("timeout: 3s"));
    }

    #[test]
    fn half_an_identity_is_refused() {
        assert_eq!(
            transport_of(["--client-cert=a.pem"], ""),
            "a client certificate without its key proves nothing; name the key with --client-key"
        );
        assert_eq!(
            transport_of([], "exporter: {client_key: a.key}"),
            "a client key without its certificate proves nothing; name the certificate with --client-cert"
        );
    }

    #[test]
    fn no_mistake_brings_a_secret_to_light() {
        for flags in [
            ["--header=x-a=s3cret", "--header=s3cret"],
            ["--header=x-a=s3cret", "--header=x-junjo-api-key=s3cret"],
            ["--header=x-a=s3cret", "--header=Authorization: s3cret="],
            ["--header=x-a=s3cret", "--timeout=0"],
            ["--header=x-a=s3cret", "--client-key=a.key"],
        ] {
            let said = transport_of(flags, "");
            assert!(!said.contains("s3cret") && !said.starts_with("Transport"), "{said}");
        }
        for yaml in [
            "exporter:\n  api_key: s3cret\n  port: [1]\n",
            "exporter:\n  api_key: s3cret\n  prot: 1\n",
            "exporter:\n  api_key: s3cret\n bad\n",
            "exporter:\n  headers:\n    x-junjo-api-key: s3cret\n",
            "exporter:\n  headers:\n    x-a: [s3cret]\n",
            "exporter:\n  headers: s3cret\n",
            "exporter:\n  headers: [x-a=s3cret]\n",
            "exporter: s3cret\n",
        ] {
            let said = transport_of([], yaml);
            assert!(!said.contains("s3cret") && !said.starts_with("Transport"), "{said}");
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
        let otlp = OtlpArgs::default();
        let internal = InternalArgs { internal_endpoint: None, internal_token: None, config: Some(path) };
        assert!(!Settings::resolve(Some(&otlp), &internal).unwrap().endpoint_given);
    }

    #[test]
    fn how_an_audit_judges_may_be_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        let load = |yaml: &str| {
            fs::write(&path, yaml).unwrap();
            AuditSettings::load(Some(&path)).map_err(|err| format!("{err:#}"))
        };
        let yaml = "audit:\n  severity: {lost_spans: warn}\n  fail_on: warn\n  baseline: known.json\n  skip: [links]\n";
        let settings = load(yaml).unwrap();
        assert_eq!(settings.severity["lost_spans"], Severity::Warn);
        assert_eq!((settings.fail_on, settings.skip), (Some(FailOn::Warn), vec!["links".to_owned()]));
        assert_eq!(settings.baseline, Some("known.json".into()));
        assert!(load("audit:\n  # skip: [links]\n").unwrap().skip.is_empty());
        assert!(load("audit: {severity: {lost_spans: dire}}").unwrap_err().contains("dire"));
        assert!(load("audit: {only: [links]}").is_err());
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
