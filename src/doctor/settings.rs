//! Where every setting came from. Of secrets only whether they are set.

use std::{collections::BTreeMap, path::Path};

use clap::{ArgMatches, Command, parser::ValueSource};
use serde::Serialize;

use crate::settings::{Settings, args::InternalArgs, file::keys_in_file};

/// A setting, what it is, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) from: String,
}

/// How an argument's value got into the command line's parse, for those that have one.
///
/// An argument group without arguments of its own: it only looks at what the others found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(BTreeMap<&'static str, ValueSource>);

const LOOKED_AT: [&str; 12] = [
    "endpoint",
    "api_key",
    "ca_cert",
    "client_cert",
    "client_key",
    "headers",
    "compression",
    "timeout",
    "internal_endpoint",
    "internal_token",
    "config",
    "data_dir",
];

impl clap::FromArgMatches for Origins {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let known = LOOKED_AT.into_iter().filter(|id| matches!(matches.try_contains_id(id), Ok(true)));
        Ok(Self(known.filter_map(|id| Some((id, matches.value_source(id)?))).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Origins {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

/// The settings in the order in which a connection needs them.
pub(crate) fn told(
    settings: &Settings,
    origins: &Origins,
    internal: &InternalArgs,
    data_dir: Option<&Path>,
) -> anyhow::Result<Vec<Setting>> {
    let file = keys_in_file(internal.config.as_deref())?;
    let from = |id: &'static str, other_variable: Option<&str>| match origins.0.get(id) {
        Some(ValueSource::CommandLine) => format!("flag --{}", id.trim_end_matches('s').replace('_', "-")),
        Some(ValueSource::EnvVariable) => format!("environment E2E_STORE_{}", id.to_uppercase()),
        _ if other_variable.is_some_and(|name| std::env::var_os(name).is_some()) => {
            format!("environment {}", other_variable.unwrap_or_default())
        }
        _ => match &file {
            Some((path, keys)) if keys.contains(id) => format!("file {}", path.display()),
            _ => "default".to_owned(),
        },
    };
    let secret = |is_set: bool| if is_set { "set" } else { "not set" }.to_owned();
    let path = |path: &Path| path.display().to_string();
    let transport = &settings.transport;
    let key_from = from("api_key", Some("JUNJO_API_KEY"));
    let key_is_set = key_from != "default";
    let mut told = vec![
        ("endpoint", settings.endpoint.to_string(), from("endpoint", None)),
        ("api key", secret(key_is_set), key_from),
        ("timeout", format!("{} s", transport.timeout.as_secs()), from("timeout", None)),
        ("internal endpoint", settings.internal_endpoint.to_string(), from("internal_endpoint", None)),
        (
            "internal token",
            secret(settings.internal_token.is_some()),
            from("internal_token", Some("JUNJO_INTERNAL_GRPC_TOKEN")),
        ),
        (
            "data directory",
            data_dir.map_or_else(|| ".dbdata, then ~/.junjo".to_owned(), path),
            from("data_dir", None),
        ),
    ];
    if let Some(file) = &transport.ca_cert {
        told.push(("ca certificate", path(file), from("ca_cert", None)));
    }
    if let Some(identity) = &transport.client_identity {
        told.push(("client certificate", path(&identity.cert), from("client_cert", None)));
        told.push(("client key", path(&identity.key), from("client_key", None)));
    }
    if !transport.headers.is_empty() {
        told.push(("headers", format!("{} set", transport.headers.len()), from("headers", None)));
    }
    if let Some(compression) = transport.compression {
        told.push(("compression", format!("{compression:?}").to_lowercase(), from("compression", None)));
    }
    Ok(told.into_iter().map(|(name, value, from)| Setting { name, value, from }).collect())
}
