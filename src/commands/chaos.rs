//! `chaos`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::sync::watch;

use super::{
    pages::{self, PageFile},
    progress, verify,
};
use crate::{
    base::{duration, exit::Exit, interrupt::Interrupts, notice, private, problem::Problem, temporary, url},
    chaos::{
        aside::Aside,
        experiment::{self, Outcome, Setup},
        nemesis::Internal,
        plan, ports,
        process::Launch,
        promises::Standing,
        report,
        shrink::{Story, shrink},
        story,
    },
    ledger::{
        chaos::{ChaosPlan, Nemesis},
        manifest::output_json,
        runs::DEFAULT_FOLDER,
    },
    report::{
        document::Document,
        page::{self, Page},
    },
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
        secrets, shell,
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
  e2e-store chaos --nemesis kill-in-deletes -o story.md; e2e-store chaos --plan runs/ID/plan.json
  e2e-store chaos --nemesis sigterm,sigkill --duration 2m --rate 500/s --seed 7
  e2e-store chaos --studio './ingestion >log 2>&1' --endpoint localhost:26155 --data-dir data --api-key KEY
  e2e-store chaos --studio 'docker compose up -d --wait ingestion' --stop 'docker compose kill -s $SIGNAL ingestion' \\
      --endpoint localhost:26155 --data-dir .dbdata --api-key KEY")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct ChaosArgs {
    /// Shell command that starts the studio [default: the stand-in]
    #[arg(long, value_name = "COMMAND", requires = "data_dir")]
    studio: Option<String>,

    /// Shell command that sends $SIGNAL (TERM, KILL, STOP or CONT) to a studio that --studio only starts, as a container
    #[arg(long, value_name = "COMMAND", requires = "studio")]
    stop: Option<String>,

    /// Shell command that starts another version of the studio, for the fault `upgrade`
    #[arg(long, value_name = "COMMAND", requires = "studio")]
    upgrade_to: Option<String>,

    /// Data directory of the studio, or for the stand-in [default there: a temporary folder]
    #[arg(long, value_name = "DIR", env = "E2E_STORE_DATA_DIR", value_parser = url::local_path())]
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

    /// Time in which exports start and faults come about [default: 5s for each kind of fault, 15s for a crowd, at least 30s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,

    /// Arrival rate of workflows
    #[arg(long, value_name = "RATE", default_value = "100/s")]
    rate: Rate,

    /// Exporters that a crowd is made of
    #[arg(long, value_name = "N", default_value_t = ChaosPlan::CROWD)]
    crowd: usize,

    /// Seed of the schedule and of the traffic [default: random]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Plan to play again, as a story leaves one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nemesis", "duration", "rate", "crowd", "seed"])]
    plan: Option<PathBuf>,

    /// Do not look for the smallest schedule that breaks each broken promise
    #[arg(long)]
    no_shrink: bool,

    /// Report file (repeatable); format by extension (.html, .md, .txt)
    #[arg(short, long, value_name = "FILE")]
    output: Vec<PageFile>,

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

impl Bench {
    /// A command of the user's, without secrets.
    fn shown(&self, command: &str) -> String {
        let token = self.settings.internal_token.as_deref().unwrap_or_default();
        secrets::without(command, &[&self.settings.api_key, token]).into_owned()
    }
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
    let tried = Box::pin(args.experiment(&bench, out, interrupts)).await;
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
        let plan = self.plan()?;
        let setup = self.setup(bench, plan)?;
        private::create_folder(&bench.runs)?;
        let waiting = pages::open(&self.output)?;
        let (outcome, stop) = perform(&setup, interrupts).await?;
        let stories = if self.no_shrink || self.plan.is_some() || self.use_existing_data {
            Vec::new()
        } else {
            Box::pin(self.stories(bench, &outcome, &stop, interrupts)).await?
        };
        let document = self.document(bench, &outcome, &stories)?;
        write!(out, "{}", page::render(&document, Page::terminal(Paint::for_stdout(self.color))))?;
        waiting.fill("e2e-store chaos", |_| document.clone())?;
        Ok(exit_of(&outcome))
    }

    fn document(&self, bench: &Bench, outcome: &Outcome, stories: &[Story]) -> anyhow::Result<Document> {
        let mut document = report::document(outcome);
        for story in stories {
            let plan_file = story.outcome.run.folder.join("plan.json");
            output_json(&plan_file, &story.outcome.plan)?;
            document.add(story::section(story, &plan_file, &self.again(bench)));
        }
        Ok(document)
    }

    /// The smallest schedule for each promise that was broken.
    async fn stories(
        &self,
        bench: &Bench,
        outcome: &Outcome,
        stop: &watch::Receiver<bool>,
        interrupts: &Interrupts,
    ) -> anyhow::Result<Vec<Story>> {
        let broken = outcome.promises.iter().filter(|judged| judged.standing == Standing::Broken);
        let mut stories = Vec::new();
        let first = Aside::put(&bench.data_dir, outcome.run.folder.join("store"))?;
        for judged in broken {
            notice::note(&format!("looking for the smallest schedule: {}", judged.promise.text()));
            let story = shrink(judged.promise, outcome, async |plan| {
                if *stop.borrow() {
                    return Ok(None);
                }
                let setup = self.setup(bench, plan.clone())?;
                let (tried, _) = perform(&setup, interrupts).await?;
                Aside::put(&bench.data_dir, tried.run.folder.join("store"))?;
                Ok(Some(tried))
            });
            stories.extend(Box::pin(story).await?);
        }
        first.restore()?;
        Ok(stories)
    }

    /// The options that play a plan again as this was played.
    fn again(&self, bench: &Bench) -> Vec<String> {
        let durable = self.durable.then(|| "--durable".to_owned());
        let Some(studio) = &self.studio else { return durable.into_iter().collect() };
        let mut options = vec![
            ("--studio", bench.shown(studio)),
            ("--endpoint", bench.settings.endpoint.to_string()),
            ("--internal-endpoint", bench.settings.internal_endpoint.to_string()),
            ("--data-dir", bench.data_dir.display().to_string()),
        ];
        options.extend(self.upgrade_to.iter().map(|command| ("--upgrade-to", bench.shown(command))));
        options.extend(self.stop.iter().map(|command| ("--stop", bench.shown(command))));
        options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    fn plan(&self) -> anyhow::Result<ChaosPlan> {
        if let Some(file) = &self.plan {
            return plan::read(file);
        }
        let mut asked = self.nemesis.clone();
        if asked.is_empty() {
            asked = clap::ValueEnum::value_variants().to_vec();
            asked.retain(|kind| {
                self.studio.is_none() || self.upgrade_to.is_some() || *kind != Nemesis::Upgrade
            });
        }
        asked.sort_unstable();
        asked.dedup();
        let duration = self.duration.unwrap_or_else(|| plan::duration_for(&asked));
        let seed = self.seed.unwrap_or_else(rand::random);
        Ok(plan::draw(seed, &asked, duration, self.rate.to_string(), self.crowd))
    }

    fn setup(&self, bench: &Bench, plan: ChaosPlan) -> anyhow::Result<Setup> {
        let upgrades = plan.steps.iter().any(|step| step.nemesis == Nemesis::Upgrade);
        let (command, upgrade_to) = match &self.studio {
            Some(_) => (bench.command.clone(), self.upgrade_to.clone()),
            None if upgrades => {
                let of_schema = |schema: u8| format!("{} --schema {schema}", bench.command);
                (of_schema(1), Some(of_schema(2)))
            }
            None => (bench.command.clone(), None),
        };
        let launch = Launch {
            command,
            stop: self.stop.clone(),
            environment: bench.environment.clone(),
            log: bench.runs.join("studio.log"),
        };
        Ok(Setup {
            load: load(bench, &plan)?,
            plan,
            is_typed: self.plan.is_some() || !self.nemesis.is_empty(),
            launch,
            upgrade_to,
            internal: Internal {
                endpoint: bench.settings.internal_endpoint.clone(),
                token: bench.settings.internal_token.clone().map(Secret),
            },
            data_dir: bench.data_dir.clone(),
        })
    }

    fn real(&self, settings: Settings, command: &str) -> anyhow::Result<Bench> {
        if !settings.endpoint_given {
            let what = "where does the studio that --studio starts answer?";
            return Err(Problem::new(what, "name its endpoint with --endpoint").into());
        }
        let data_dir = self.data_dir.clone().unwrap_or_default();
        self.refuse_data(&data_dir)?;
        let bench = Bench {
            settings,
            data_dir,
            runs: self.runs.clone().unwrap_or_else(|| DEFAULT_FOLDER.into()),
            command: command.to_owned(),
            environment: Vec::new(),
            temporary: None,
        };
        let typed = [Some(command), self.stop.as_deref(), self.upgrade_to.as_deref()];
        if typed.into_iter().flatten().any(|command| bench.shown(command) != command) {
            notice::note(
                "note: a command holds a secret, which everybody on this machine can see: put it into the environment",
            );
        }
        Ok(bench)
    }

    fn stand_in(&self, settings: Settings) -> anyhow::Result<Bench> {
        if settings.endpoint_given {
            let what = format!("how is the studio at `{}` started?", settings.endpoint);
            let hint = "say it with --studio, or leave the endpoint out to break the stand-in";
            return Err(Problem::new(what, hint).into());
        }
        let temporary = match self.data_dir {
            Some(_) => None,
            None => Some(temporary::folder()?),
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

/// The traffic of a plan.
fn load(bench: &Bench, plan: &ChaosPlan) -> anyhow::Result<LoadSpec> {
    let Settings { endpoint, api_key, transport, .. } = &bench.settings;
    let duration = Duration::from_millis(plan.duration_ms);
    let rate: Rate = plan.rate.parse()?;
    let schedule = Schedule::constant(rate, Some(duration));
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
        pace: Pace::Open(Open { schedule, shown: plan.rate.clone(), in_flight: IN_FLIGHT }),
        duration: Some(duration),
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

/// One experiment with its progress; whether it was interrupted can be asked of what comes back.
async fn perform(setup: &Setup, interrupts: &Interrupts) -> anyhow::Result<(Outcome, watch::Receiver<bool>)> {
    let bar = progress::timed();
    let stop = interrupts.stop_with(bar.bar());
    let show = |summary: &_, elapsed| bar.show(summary, elapsed);
    let performed = experiment::perform(setup, stop.clone(), show, progress::waiting);
    let outcome = Box::pin(performed).await?;
    bar.finish();
    Ok((outcome, stop))
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
