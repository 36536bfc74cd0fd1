//! Where settings come from: flags, then environment, then a file, then defaults.
//!
//! The file is what `--config` names, else `e2e-store.yaml` in the working directory, else the user's own
//! `e2e-store/config.yaml`; the `config.yaml` of the studio's own e2e app has the same form. A working
//! directory may be anybody's: what its file names as an endpoint elsewhere gets no secret of the user's.
//! Secrets are never printed.

pub(crate) mod args;
pub(crate) mod file;

use std::{path::Path, time::Duration};

use self::{
    args::{InternalArgs, MetricsArgs, OtlpArgs, RawHeader},
    file::{Exporter, Found, Origin, endpoint, wrong_value},
};
use crate::{
    base::{notice, problem::Problem},
    wire::{
        target::Target,
        transport::{ClientIdentity, Header, Transport},
    },
};

const DEFAULT_ENDPOINT: &str = "localhost:26155";
const DEFAULT_INTERNAL_ENDPOINT: &str = "localhost:50052";

/// Ample for a studio on another machine; one that takes longer is stuck.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The key of the stand-in, and ours where none is given.
pub(crate) const DEFAULT_API_KEY: &str = "e2e-store";

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

impl Settings {
    /// `otlp` is none for commands that send no spans.
    pub(crate) fn resolve(otlp: Option<&OtlpArgs>, internal: &InternalArgs) -> anyhow::Result<Self> {
        let found = Found::load(internal.config.as_deref())?;
        let stranger = found.origin == Origin::WorkingDirectory && !internal.trust_config;
        let settings = Self::of(otlp, internal, &found, stranger)?;
        settings.say_plain_text(otlp.is_some());
        Ok(settings)
    }

    /// `stranger`: the file may be anybody's.
    fn of(
        otlp: Option<&OtlpArgs>,
        internal: &InternalArgs,
        Found { file, path, .. }: &Found,
        stranger: bool,
    ) -> anyhow::Result<Self> {
        let tls = !file.exporter.insecure.unwrap_or(true);
        let from_file = file.exporter.address(path)?;
        let by_user = otlp.and_then(|args| args.endpoint.clone());
        let endpoint_of_stranger = stranger && by_user.is_none();
        let named = by_user.or(from_file);
        let (internal_endpoint, token_to_stranger) =
            match (&internal.internal_endpoint, &file.exporter.internal_endpoint) {
                (Some(target), _) => (target.clone(), false),
                (None, Some(text)) => (endpoint(text, "exporter.internal_endpoint", path)?, stranger),
                (None, None) => (fixed(DEFAULT_INTERNAL_ENDPOINT), false),
            };
        if file.app.num_workflows == Some(0) {
            return Err(wrong_value(path, "app.num_workflows", "a run has at least one workflow").into());
        }
        let transport = transport(otlp.unwrap_or(&OtlpArgs::default()), &file.exporter, path)?;
        let endpoint_given = named.is_some();
        let endpoint = named.unwrap_or_else(|| fixed(DEFAULT_ENDPOINT)).or_tls(tls);
        let settings = Self {
            endpoint_given,
            endpoint,
            internal_endpoint: internal_endpoint.or_tls(false),
            api_key: api_key(otlp.and_then(|args| args.api_key.as_ref()))
                .or_else(|| file.exporter.api_key.clone())
                .unwrap_or_else(|| DEFAULT_API_KEY.to_owned()),
            transport,
            internal_token: internal_token(internal.internal_token.as_ref()),
            service_name: file.exporter.service_name.clone(),
            num_workflows: file.app.num_workflows,
        };
        let is_elsewhere = otlp.is_some() && !settings.endpoint.is_loopback();
        let settings = match otlp {
            Some(otlp) if is_elsewhere && endpoint_of_stranger => {
                settings.keep_secrets(otlp, &file.exporter, path)?
            }
            Some(otlp) if is_elsewhere && stranger => {
                settings.keep_certificates(otlp, &file.exporter, path)?
            }
            Some(_) | None => settings,
        };
        if token_to_stranger
            && !settings.internal_endpoint.is_loopback()
            && settings.internal_token.is_some()
            && !is_typed(internal.internal_token.as_ref(), "E2E_STORE_INTERNAL_TOKEN")
        {
            return Err(to_a_stranger(
                "internal token",
                &settings.internal_endpoint,
                path,
                "--internal-endpoint",
            )
            .into());
        }
        Ok(settings)
    }

    /// For an endpoint elsewhere that only the working directory's file names: the file's own key and headers,
    /// or what was typed, and nothing that the environment holds.
    fn keep_secrets(self, otlp: &OtlpArgs, file: &Exporter, path: &Path) -> Result<Self, Problem> {
        let refused = |what| to_a_stranger(what, &self.endpoint, path, "--endpoint");
        let typed_key = otlp.api_key.clone().filter(|_| is_typed(otlp.api_key.as_ref(), "E2E_STORE_API_KEY"));
        let Some(api_key) = typed_key.or_else(|| file.api_key.clone()) else {
            return Err(refused("API key"));
        };
        if headers_are_of_the_environment(otlp) {
            return Err(refused("headers"));
        }
        Ok(Self { api_key, ..self })
    }

    /// For an endpoint elsewhere that the user named: who is trusted there is not for a stranger's file to say.
    fn keep_certificates(self, otlp: &OtlpArgs, file: &Exporter, path: &Path) -> Result<Self, Problem> {
        if otlp.ca_cert.is_none() && file.ca_cert.is_some() {
            let what = format!(
                "`{}` names the authorities to trust at `{}`, and anybody may have written it",
                path.display(),
                self.endpoint
            );
            return Err(Problem::new(what, "name them with --ca-cert, or use --trust-config"));
        }
        Ok(self)
    }

    fn say_plain_text(&self, sends_spans: bool) {
        let plain = |target: &Target| !target.uses_tls() && !target.is_loopback();
        if sends_spans && plain(&self.endpoint) {
            say_plain_text(&self.endpoint, "spans and the API key");
        }
        if self.internal_token.is_some() && plain(&self.internal_endpoint) {
            say_plain_text(&self.internal_endpoint, "the internal token");
        }
    }
}

/// Says that what goes to an endpoint elsewhere can be read on the way.
pub(crate) fn say_plain_text(target: &Target, what: &str) {
    notice::note(&format!("note: `{target}` is not encrypted: {what} can be read on the way"));
}

fn to_a_stranger(what: &str, target: &Target, path: &Path, flag: &str) -> Problem {
    let what = format!("`{}` of this folder would have your {what} sent to `{target}`", path.display());
    let hint = format!(
        "name the endpoint with {flag}, write `api_key` into the file, or use --trust-config where the file is yours"
    );
    Problem::new(what, hint)
}

/// Whether a value comes from the command line: clap hands over what the environment holds as if it did.
fn is_typed(value: Option<&String>, variable: &str) -> bool {
    value.is_some_and(|value| std::env::var(variable).ok().as_ref() != Some(value))
}

fn headers_are_of_the_environment(otlp: &OtlpArgs) -> bool {
    let text = std::env::var("E2E_STORE_HEADERS").unwrap_or_default();
    let mut given = otlp.headers.iter().filter(|RawHeader(header)| !header.trim().is_empty());
    given.any(|RawHeader(header)| text.split('\n').any(|line| line == header))
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

/// Where metrics go, and how; none where nobody asked for it. Nothing of it comes from a file.
pub(crate) fn metrics_endpoint(args: &MetricsArgs) -> Result<Option<(Target, Transport)>, Problem> {
    let Some(target) = args.otlp_metrics.clone().map(|target| target.or_tls(false)) else { return Ok(None) };
    let identity = args.otlp_metrics_client_cert.clone().zip(args.otlp_metrics_client_key.clone());
    let transport = Transport {
        ca_cert: args.otlp_metrics_ca_cert.clone(),
        client_identity: identity.map(|(cert, key)| ClientIdentity { cert, key }),
        headers: typed_headers("header of metrics", &args.otlp_metrics_headers)?,
        ..Transport::plain(DEFAULT_TIMEOUT)
    };
    if !target.uses_tls() && !target.is_loopback() {
        say_plain_text(&target, "metrics and their headers");
    }
    Ok(Some((target, transport)))
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
    typed_headers("header", &args.headers)
}

fn typed_headers(what: &str, headers: &[RawHeader]) -> Result<Vec<Header>, Problem> {
    let typed = headers.iter().filter(|RawHeader(text)| !text.trim().is_empty()).enumerate();
    typed.map(|(index, RawHeader(text))| Header::parse(&format!("{what} {}", index + 1), text)).collect()
}

/// The API key of a flag, or of the name that users already have.
pub(crate) fn api_key(flag: Option<&String>) -> Option<String> {
    flag.cloned().or_else(|| variable("JUNJO_API_KEY"))
}

/// The same for the internal service's token.
pub(crate) fn internal_token(flag: Option<&String>) -> Option<String> {
    flag.cloned().or_else(|| variable("JUNJO_INTERNAL_GRPC_TOKEN"))
}

/// A variable that is empty is none.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn fixed(endpoint: &str) -> Target {
    endpoint.parse().expect("the default endpoint is well formed")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::{file::AuditSettings, *};
    use crate::{audit::verdict::FailOn, checks::catalog::Severity};

    fn named(path: PathBuf) -> InternalArgs {
        InternalArgs {
            internal_endpoint: None,
            internal_token: None,
            config: Some(path),
            trust_config: false,
        }
    }

    fn resolved(yaml: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        fs::write(&path, yaml).unwrap();
        let otlp = OtlpArgs::default();
        let internal = named(path);
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
        let internal = named(path);
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

    /// What becomes of a file that is a stranger's: where spans go, with which key, or why not.
    fn of_stranger(yaml: &str, adapt: impl Fn(&mut OtlpArgs, &mut InternalArgs)) -> String {
        let path = PathBuf::from("e2e-store.yaml");
        let file = serde_saphyr::from_str(yaml).unwrap();
        let found = Found { file, path: path.clone(), origin: Origin::WorkingDirectory, is_there: true };
        let (mut otlp, mut internal) = (OtlpArgs::default(), named(path));
        adapt(&mut otlp, &mut internal);
        match Settings::of(Some(&otlp), &internal, &found, !internal.trust_config) {
            Ok(settings) => format!("{} {}", settings.endpoint, settings.api_key),
            Err(err) => err.to_string(),
        }
    }

    #[test]
    fn a_strangers_file_gets_no_secret() {
        let far = "exporter: {endpoint: 'http://evil.example:1'}";
        let key = |key: &str| Some(key.to_owned());
        assert_eq!(
            of_stranger(far, |_, _| {}),
            "`e2e-store.yaml` of this folder would have your API key sent to `http://evil.example:1`"
        );
        assert_eq!(of_stranger(far, |otlp, _| otlp.api_key = key("typed")), "http://evil.example:1 typed");
        let own = "exporter: {endpoint: 'http://evil.example:1', api_key: theirs}";
        assert_eq!(of_stranger(own, |_, _| {}), "http://evil.example:1 theirs");
        let host = of_stranger("exporter: {host: evil.example}", |_, _| {});
        assert!(host.contains("your API key"), "{host}");
        let near = "exporter: {endpoint: 'localhost:7'}";
        assert_eq!(of_stranger(near, |otlp, _| otlp.api_key = key("mine")), "http://localhost:7 mine");
        let named = |otlp: &mut OtlpArgs, _: &mut InternalArgs| {
            otlp.endpoint = Some("https://studio.example:1".parse().unwrap());
            otlp.api_key = Some("mine".to_owned());
        };
        assert_eq!(of_stranger(own, named), "https://studio.example:1 mine");
        let trusted = of_stranger("exporter: {ca_cert: theirs.pem}", named);
        assert!(trusted.contains("the authorities to trust"), "{trusted}");
    }

    #[test]
    fn a_strangers_file_gets_no_token() {
        // No test may change the environment, so the token is put where it is read to.
        let settings = |trust_config: bool| {
            let yaml = "exporter: {internal_endpoint: 'evil.example:1'}";
            let found = Found {
                file: serde_saphyr::from_str(yaml).unwrap(),
                path: "e2e-store.yaml".into(),
                origin: Origin::WorkingDirectory,
                is_there: true,
            };
            let internal = InternalArgs { trust_config, ..named(PathBuf::new()) };
            Settings::of(None, &internal, &found, !trust_config)
                .map(|settings| settings.internal_endpoint.to_string())
        };
        // Nothing secret is there to be sent.
        assert_eq!(settings(false).unwrap(), "http://evil.example:1");
        assert_eq!(settings(true).unwrap(), "http://evil.example:1");
    }

    #[test]
    fn the_config_of_the_plan_is_taken_as_it_is() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config/config.yaml.example");
        let settings = Settings::resolve(Some(&OtlpArgs::default()), &named(path)).unwrap();
        assert_eq!(settings.endpoint.to_string(), "http://localhost:50051");
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
        let internal = named(path);
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
            "`exporter.endpoint` in config `DIR/config.yaml`: an endpoint is `host:port`, with `http://`, `https://`, `grpc://` or `grpcs://` before it or without"
        );
        assert_eq!(
            resolved("app: {num_workflows: 0}"),
            "`app.num_workflows` in config `DIR/config.yaml`: a run has at least one workflow"
        );
        assert_eq!(resolved("exporters: {}"), "config `DIR/config.yaml` is not understood");
    }
}
