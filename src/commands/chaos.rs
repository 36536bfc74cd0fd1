//! `chaos`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::{progress, verify};
use crate::{
    base::{duration, exit::Exit, interrupt::Interrupts, private, problem::Problem},
    chaos::{
        experiment::{self, Outcome, Setup},
        plan, ports,
        process::Launch,
        promises::Standing,
        report,
    },
    ledger::{
        chaos::{ChaosPlan, Nemesis},
        runs::DEFAULT_FOLDER,
    },
    report::page::{self, Page},
    send::{
        pace::{Open, Pace},
        planner::{PlanRequest, Services, Traffic},
        run::{LoadSpec, Secret},
        schedule::{Rate, Schedule},
        unit::Batching,
    },
    settings::{
        Settings,
        args::{InternalArgs, OtlpArgs},
    },
    text::{
        paint::{Color, Paint},
        shell,
    },
    traffic::profile::Telemetry,
    wire::retry::RetryPolicy,
};

/// Break a studio on purpose while traffic runs, and judge which promises it kept
///
/// Without --studio it is the stand-in, in a process of its own and a temporary folder that is kept when a promise is
/// broken. With it, the command starts the studio's ingestion service, is signalled, and is started again; the
/// endpoint and the data directory behind it must be named. A data directory that holds any file is refused unless
/// --use-existing-data is given.
///
/// The schedule of faults is drawn from the seed and written into the run's manifest; each fault and each start of
/// the studio is in its ledger. Ends with FlushWAL and an audit.
///
/// Exits with 0 when every promise was kept, 1 when one was broken, and 2 when a fault that was asked for could not
/// be tried, or the audit was inconclusive.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  e2e-store chaos
  e2e-store chaos --nemesis sigterm --durable
  e2e-store chaos --nemesis sigterm,sigkill --duration 2m --rate 500/s --seed 7
  e2e-store chaos --studio './ingestion >log 2>&1' --endpoint localhost:26155 --data-dir data --api-key KEY
  e2e-store chaos --studio 'docker compose up -d --wait ingestion' --stop 'docker compose kill -s $SIGNAL ingestion' \\
      --endpoint localhost:26155 --data-dir .dbdata --api-key KEY")]
pub(crate) struct ChaosArgs {
    /// Shell command that starts the studio [default: the stand-in]
    #[arg(long, value_name = "COMMAND", requires = "data_dir")]
    studio: Option<String>,

    /// Shell command that sends $SIGNAL (TERM, KILL, STOP or CONT) to a studio that --studio only starts, as a container
    #[arg(long, value_name = "COMMAND", requires = "studio")]
    stop: Option<String>,

    /// Data directory of the studio, or for the stand-in [default there: a temporary folder]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Use a data directory that holds files already
    #[arg(long)]
    use_existing_data: bool,

    /// Let the stand-in lose nothing where the real service does, as `serve --durable`
    #[arg(long, conflicts_with = "studio")]
    durable: bool,

    /// Kinds of faults [default: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    nemesis: Vec<Nemesis>,

    /// Time in which exports start and faults come about
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "30s")]
    duration: Duration,

    /// Arrival rate of workflows
    #[arg(long, value_name = "RATE", default_value = "100/s")]
    rate: Rate,

    /// Seed of the schedule and of the traffic [default: random]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Runs folder [default: `runs`, or with the stand-in's data in a temporary folder]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_RUNS")]
    runs: Option<PathBuf>,

    /// Keep the stand-in's temporary folder
    #[arg(long, conflicts_with = "data_dir")]
    keep: bool,

    /// Colour of the report
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,

    #[command(flatten)]
    otlp: OtlpArgs,

    #[command(flatten)]
    internal: InternalArgs,
}

/// Who is put to the test, and where its traces are kept.
struct Bench {
    settings: Settings,
    data_dir: PathBuf,
    runs: PathBuf,
    command: String,
    environment: Vec<(&'static str, String)>,
    temporary: Option<TempDir>,
}

/// Services that send.
const SERVICES: u64 = 3;

/// Exports in flight while a studio is away or frozen.
const IN_FLIGHT: usize = 1_000;

pub(crate) async fn run(
    args: &ChaosArgs,
    out: &mut dyn Write,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let settings = Settings::resolve(Some(&args.otlp), &args.internal)?;
    let bench = match &args.studio {
        Some(command) => args.real(settings, command)?,
        None => args.stand_in(settings)?,
    };
    let tried = args.experiment(&bench, out, interrupts).await;
    let is_clean = matches!(tried, Ok(Exit::Clean));
    if let Some(temporary) = bench.temporary {
        if args.keep || bench.runs.exists() && !is_clean {
            verify::say_where(&temporary.keep());
        } else {
            temporary.close()?;
        }
    }
    tried
}

impl ChaosArgs {
    async fn experiment(
        &self,
        bench: &Bench,
        out: &mut dyn Write,
        interrupts: &Interrupts,
    ) -> anyhow::Result<Exit> {
        let setup = self.setup(bench)?;
        private::create_folder(&bench.runs)?;
        let bar = progress::timed();
        let stop = interrupts.stop_with(bar.bar());
        let show = |summary: &_, elapsed| bar.show(summary, elapsed);
        let outcome = experiment::perform(&setup, stop, show, progress::waiting).await?;
        bar.finish();
        let page = Page::terminal(Paint::for_stdout(self.color));
        write!(out, "{}", page::render(&report::document(&outcome), page))?;
        Ok(exit_of(&outcome))
    }

    fn setup(&self, bench: &Bench) -> anyhow::Result<Setup> {
        let asked = self.asked();
        let seed = self.seed.unwrap_or_else(rand::random);
        let plan = plan::draw(seed, &asked, self.duration, self.rate.to_string());
        let launch = Launch {
            command: bench.command.clone(),
            stop: self.stop.clone(),
            environment: bench.environment.clone(),
            log: bench.runs.join("studio.log"),
        };
        Ok(Setup {
            load: self.load(bench, &plan)?,
            plan,
            asked,
            launch,
            internal_endpoint: bench.settings.internal_endpoint.clone(),
            internal_token: bench.settings.internal_token.clone().map(Secret),
            data_dir: bench.data_dir.clone(),
        })
    }

    fn asked(&self) -> Vec<Nemesis> {
        let mut asked = self.nemesis.clone();
        if asked.is_empty() {
            asked = clap::ValueEnum::value_variants().to_vec();
        }
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    fn load(&self, bench: &Bench, plan: &ChaosPlan) -> anyhow::Result<LoadSpec> {
        let Settings { endpoint, api_key, transport, .. } = &bench.settings;
        let schedule = Schedule::constant(self.rate, Some(self.duration));
        Ok(LoadSpec {
            endpoint: endpoint.clone(),
            api_key: Secret(api_key.clone()),
            transport: transport.clone(),
            connections: 1,
            traffic: Traffic::New(PlanRequest {
                services: Services::Drawn(SERVICES),
                workflows_per_service: None,
                mix: "getting-started".parse()?,
                telemetry: Telemetry::default(),
                collectors: None,
                seed: plan.seed,
            }),
            pace: Pace::Open(Open { schedule, shown: self.rate.to_string(), in_flight: IN_FLIGHT }),
            duration: Some(self.duration),
            batching: Batching::Workflow,
            straddling: None,
            retry: RetryPolicy::None,
            thresholds: Vec::new(),
            abort_on_fail: false,
            chaos: None,
            label: None,
            runs: bench.runs.clone(),
            data_dir: Some(std::path::absolute(&bench.data_dir)?),
        })
    }

    fn real(&self, settings: Settings, command: &str) -> anyhow::Result<Bench> {
        if !settings.endpoint_given {
            let what = "where does the studio that --studio starts answer?";
            return Err(Problem::new(what, "name its endpoint with --endpoint").into());
        }
        let data_dir = self.data_dir.clone().unwrap_or_default();
        self.refuse_data(&data_dir)?;
        Ok(Bench {
            settings,
            data_dir,
            runs: self.runs.clone().unwrap_or_else(|| DEFAULT_FOLDER.into()),
            command: command.to_owned(),
            environment: Vec::new(),
            temporary: None,
        })
    }

    fn stand_in(&self, settings: Settings) -> anyhow::Result<Bench> {
        if settings.endpoint_given {
            let what = format!("how is the studio at `{}` started?", settings.endpoint);
            let hint = "say it with --studio, or leave the endpoint out to break the stand-in";
            return Err(Problem::new(what, hint).into());
        }
        let temporary = match self.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("e2e-store-").tempdir()?),
        };
        let place = |name: &str| temporary.as_ref().map(|folder| folder.path().join(name));
        let data_dir = self.data_dir.clone().or_else(|| place(".dbdata")).unwrap_or_default();
        self.refuse_data(&data_dir)?;
        let runs =
            self.runs.clone().or_else(|| place(DEFAULT_FOLDER)).unwrap_or_else(|| DEFAULT_FOLDER.into());
        let (port, internal_port) = ports::free_pair()?;
        let mut words = vec![std::env::current_exe()?.display().to_string(), "serve".to_owned()];
        let data_dir_word = std::path::absolute(&data_dir)?.display().to_string();
        let options = [
            ("--data-dir", data_dir_word),
            ("--port", port.to_string()),
            ("--internal-port", internal_port.to_string()),
        ];
        words.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        words.extend(self.durable.then(|| "--durable".to_owned()));
        let token = settings.internal_token.clone().map(|token| ("E2E_STORE_INTERNAL_TOKEN", token));
        let environment =
            [("E2E_STORE_API_KEY", settings.api_key.clone())].into_iter().chain(token).collect();
        let settings = Settings {
            endpoint: format!("127.0.0.1:{port}").parse()?,
            internal_endpoint: format!("127.0.0.1:{internal_port}").parse()?,
            ..settings
        };
        Ok(Bench { settings, data_dir, runs, command: shell::command(&words), environment, temporary })
    }

    /// What was there before is nobody's to break.
    fn refuse_data(&self, data_dir: &Path) -> anyhow::Result<()> {
        if self.use_existing_data || !holds_a_file(data_dir)? {
            return Ok(());
        }
        let what = format!("`{}` holds data already, which a fault may destroy", data_dir.display());
        Err(Problem::new(what, "name an empty or absent folder, or add --use-existing-data").into())
    }
}

/// Whether anything but folders lies in a folder.
fn holds_a_file(folder: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(err) => return Err(err),
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || holds_a_file(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn exit_of(outcome: &Outcome) -> Exit {
    if outcome.has(Standing::Broken) {
        Exit::Found
    } else if outcome.is_incomplete() {
        Exit::Unknown
    } else {
        Exit::Clean
    }
}
