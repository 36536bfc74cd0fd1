//! The one way to write an output that a user named.
//!
//! A regular file, or a new one, gets its bytes whole or not at all: they are written beside it and take its place,
//! with its mode, when the output is finished. A link stays, and its target is replaced. What is no regular
//! file (a device, a FIFO, `/dev/stdout`, `>(…)`, or `-` for standard output) is written into. Nothing is ever
//! written into the store that is being read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::NamedTempFile;

use super::{problem::Problem, url};

/// Links that are followed before they are called a circle, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// How long a FIFO may be without a reader.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// An output that is open. Dropped before [`Output::finish`], it leaves a regular file as it was.
#[derive(Debug)]
pub(crate) struct Output {
    /// As the user named it.
    shown: String,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Replaced {
        temporary: NamedTempFile,
        target: PathBuf,
    },
    Stream(File),
    Stdout,
    Stderr,
    /// A stream whose reader has left.
    Closed,
}

/// Who may read a file that is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the user's mask says.
    Usual,
    /// The user alone.
    Private,
}

impl Output {
    /// Opens `path`, which must lie outside of `protected`: folders and files of the store that is read.
    pub(crate) fn create(path: &Path, protected: &[PathBuf]) -> Result<Self, Problem> {
        Self::create_for(path, protected, Access::Usual)
    }

    pub(crate) fn create_for(path: &Path, protected: &[PathBuf], access: Access) -> Result<Self, Problem> {
        let shown = path.display().to_string();
        if url::scheme(path).is_some() {
            let what = format!("cannot write `{shown}`: it is a URL");
            return Err(Problem::new(what, "name a file of this machine"));
        }
        match open(path, protected, access) {
            Ok(sink) => Ok(Self { shown, sink }),
            Err(refused) => Err(refused.explained(&shown)),
        }
    }

    /// Whether it goes where results go that nobody named a place for.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self.sink, Sink::Stdout)
    }

    /// Whether it takes the place of a regular file, or is a new one.
    pub(crate) fn is_a_file(&self) -> bool {
        matches!(self.sink, Sink::Replaced { .. })
    }

    /// Puts the whole output into its place.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        let finished = self.flush().and_then(|()| match self.sink {
            Sink::Replaced { temporary, target } => {
                temporary.persist(target).map(drop).map_err(|err| err.error)
            }
            Sink::Stream(_) | Sink::Stdout | Sink::Stderr | Sink::Closed => Ok(()),
        });
        finished.map_err(|err| cannot_write(&self.shown, &err))
    }

    /// Writes all of `bytes` and finishes.
    pub(crate) fn fill(mut self, bytes: &[u8]) -> Result<(), Problem> {
        match self.write_all(bytes) {
            Ok(()) => self.finish(),
            Err(err) => Err(cannot_write(&self.shown, &err)),
        }
    }

    fn sink(&mut self) -> Option<&mut dyn Write> {
        match &mut self.sink {
            Sink::Replaced { temporary, .. } => Some(temporary.as_file_mut()),
            Sink::Stream(file) => Some(file),
            Sink::Stdout | Sink::Stderr | Sink::Closed => None,
        }
    }

    /// A reader who has left wants no more, and that is no failure.
    fn until_closed<T>(&mut self, done: T, result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => {
                self.sink = Sink::Closed;
                Ok(done)
            }
            result => result,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.sink {
            Sink::Stdout => io::stdout().write(bytes),
            Sink::Stderr => io::stderr().write(bytes),
            Sink::Closed => Ok(bytes.len()),
            Sink::Replaced { .. } | Sink::Stream(_) => {
                self.sink().map_or(Ok(bytes.len()), |sink| sink.write(bytes))
            }
        };
        self.until_closed(bytes.len(), written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.sink {
            Sink::Stdout => io::stdout().flush(),
            Sink::Stderr => io::stderr().flush(),
            Sink::Closed => Ok(()),
            Sink::Replaced { .. } | Sink::Stream(_) => self.sink().map_or(Ok(()), Write::flush),
        };
        self.until_closed((), flushed)
    }
}

/// Why an output cannot be opened.
#[derive(Debug)]
enum Refused {
    InStore,
    Links,
    NoReader,
    NoFile,
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(err: io::Error) -> Self {
        Self::Io(err)
    }
}

impl Refused {
    fn explained(self, shown: &str) -> Problem {
        let what = format!("cannot write `{shown}`");
        match self {
            Self::InStore => Problem::new(
                format!("{what}: it lies in the store that is being read"),
                "name a file outside of the data directory; nothing is ever written into it",
            ),
            Self::Links => {
                Problem::new(format!("{what}: too many levels of symbolic links"), "name the file itself")
            }
            Self::NoReader => Problem::new(
                format!(
                    "{what}: nothing has opened this FIFO for reading within {} s",
                    READER_PATIENCE.as_secs()
                ),
                "start its reader first",
            ),
            Self::NoFile => Problem::new(
                format!("{what}: it is neither a file nor a device nor a FIFO"),
                "name a file, or `-` for standard output",
            ),
            Self::Io(err) => cannot_write(shown, &err),
        }
    }
}

fn cannot_write(shown: &str, err: &io::Error) -> Problem {
    let hint = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or name a file on another disk"
        }
        io::ErrorKind::IsADirectory => "name a file in it",
        _ => "name a file in a folder that is there and that this user may write to",
    };
    // Of a temporary file the error names a path that nobody asked for.
    let cause = err.raw_os_error().map_or_else(|| io::Error::from(err.kind()), io::Error::from_raw_os_error);
    Problem::new(format!("cannot write `{shown}`"), hint).caused_by(cause)
}

fn open(path: &Path, protected: &[PathBuf], access: Access) -> Result<Sink, Refused> {
    if path.as_os_str() == "-" {
        return Ok(Sink::Stdout);
    }
    let target = match resolved(path)? {
        Resolved::Descriptor(1) => return Ok(Sink::Stdout),
        Resolved::Descriptor(2) => return Ok(Sink::Stderr),
        // Behind a descriptor may stand a file that others write to as well: nothing of it is replaced.
        Resolved::Descriptor(_) => {
            return Ok(Sink::Stream(OpenOptions::new().append(true).open(path)?));
        }
        Resolved::Path(target) => target,
    };
    if is_inside(&target, protected) {
        return Err(Refused::InStore);
    }
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory).into()),
        Ok(metadata) if metadata.is_file() => {
            // What may not be written to is not to be replaced either.
            OpenOptions::new().write(true).open(&target)?;
            let temporary = beside(&target, access)?;
            fs::set_permissions(temporary.path(), metadata.permissions())?;
            Ok(Sink::Replaced { temporary, target })
        }
        Ok(metadata) => stream(&target, &metadata),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            Ok(Sink::Replaced { temporary: beside(&target, access)?, target })
        }
        Err(err) => Err(err.into()),
    }
}

enum Resolved {
    /// An open file of this process, by its number.
    Descriptor(u32),
    /// No link, whether or not anything is there.
    Path(PathBuf),
}

/// Follows links by hand: the last one may lead to a file that is not there yet.
fn resolved(path: &Path) -> Result<Resolved, Refused> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Some(number) = descriptor(&path) {
            return Ok(Resolved::Descriptor(number));
        }
        match fs::read_link(&path) {
            Ok(to) => path = folder(&path).join(to),
            // No link, or nothing there.
            Err(err) if matches!(err.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
                return Ok(Resolved::Path(path));
            }
            Err(err) => return Err(err.into()),
        }
    }
    Err(Refused::Links)
}

#[cfg(unix)]
fn descriptor(path: &Path) -> Option<u32> {
    let text = path.to_str()?;
    match text {
        "/dev/stdout" => return Some(1),
        "/dev/stderr" => return Some(2),
        _ => {}
    }
    let number = text.strip_prefix("/dev/fd/").or_else(|| text.strip_prefix("/proc/self/fd/"))?;
    number.parse().ok()
}

#[cfg(not(unix))]
fn descriptor(_path: &Path) -> Option<u32> {
    None
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether a file, which need not be there, is one of these or lies below one.
fn is_inside(target: &Path, protected: &[PathBuf]) -> bool {
    let whole = fs::canonicalize(target).or_else(|_| {
        fs::canonicalize(folder(target)).map(|folder| folder.join(target.file_name().unwrap_or_default()))
    });
    let Ok(whole) = whole else { return false };
    let places = protected.iter().filter_map(|place| fs::canonicalize(place).ok());
    places.into_iter().any(|place| whole.starts_with(place))
}

/// A file in the same folder, so that it can take the other's place.
fn beside(path: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".e2e-store-");
    #[cfg(unix)]
    if access == Access::Usual {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = access;
    builder.tempfile_in(folder(path))
}

#[cfg(unix)]
fn stream(target: &Path, metadata: &fs::Metadata) -> Result<Sink, Refused> {
    use std::os::unix::fs::FileTypeExt;

    let kind = metadata.file_type();
    if kind.is_fifo() {
        return Ok(Sink::Stream(open_fifo(target)?));
    }
    if kind.is_char_device() || kind.is_block_device() {
        return Ok(Sink::Stream(OpenOptions::new().write(true).open(target)?));
    }
    Err(Refused::NoFile)
}

#[cfg(not(unix))]
fn stream(_target: &Path, _metadata: &fs::Metadata) -> Result<Sink, Refused> {
    Err(Refused::NoFile)
}

/// Waits a while for the reader. To open a FIFO in the plain way waits for ever, and hears of no Ctrl-C.
#[cfg(unix)]
fn open_fifo(path: &Path) -> Result<File, Refused> {
    use std::{os::unix::fs::OpenOptionsExt, time::Instant};

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let began = Instant::now();
    loop {
        match OpenOptions::new().write(true).custom_flags(nonblocking).open(path) {
            Ok(file) => {
                let flags = fcntl_getfl(&file).map_err(io::Error::from)?;
                fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(io::Error::from)?;
                return Ok(file);
            }
            Err(err) if err.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                if began.elapsed() >= READER_PATIENCE {
                    return Err(Refused::NoReader);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(err) => return Err(err.into()),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{
        io::Read,
        os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn write(path: &Path, text: &str) -> Result<(), Problem> {
        Output::create(path, &[])?.fill(text.as_bytes())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let mut output = Output::create(&path, &[]).unwrap();
        output.write_all(b"half").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(output);
        assert_eq!(names(folder.path()), ["out.json"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("new", 0o640));
        Output::create_for(&folder.path().join("secret"), &[], Access::Private).unwrap().fill(b"x").unwrap();
        assert_eq!(mode(&folder.path().join("secret")), 0o600);
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        fs::write(at("deep/target"), "old").unwrap();
        fs::set_permissions(at("deep/target"), fs::Permissions::from_mode(0o604)).unwrap();
        symlink("deep/link", at("link")).unwrap();
        symlink("target", at("deep/link")).unwrap();
        write(&at("link"), "new").unwrap();
        assert!(at("link").is_symlink() && at("deep/link").is_symlink());
        assert_eq!(fs::read_to_string(at("deep/target")).unwrap(), "new");
        assert_eq!(mode(&at("deep/target")), 0o604);

        symlink("deep/absent", at("dangling")).unwrap();
        write(&at("dangling"), "made").unwrap();
        assert_eq!(fs::read_to_string(at("deep/absent")).unwrap(), "made");
        assert!(at("dangling").is_symlink());

        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        assert!(write(&at("a"), "x").unwrap_err().to_string().contains("symbolic links"));
    }

    #[test]
    fn what_is_no_file_is_written_into_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let reader = {
            let fifo = fifo.clone();
            std::thread::spawn(move || {
                let mut text = String::new();
                File::open(fifo).unwrap().read_to_string(&mut text).unwrap();
                text
            })
        };
        write(&fifo, "through the pipe").unwrap();
        assert_eq!(reader.join().unwrap(), "through the pipe");
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());

        let null = folder.path().join("null");
        symlink("/dev/null", &null).unwrap();
        write(&null, "nothing").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert!(null.is_symlink());
        assert_eq!(names(folder.path()), ["fifo", "null"]);

        let listening = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&listening).unwrap();
        assert!(matches!(open(&listening, &[], Access::Usual), Err(Refused::NoFile)));
        assert!(write(folder.path(), "x").is_err());
    }

    #[test]
    fn a_descriptor_is_written_to_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redirected");
        fs::write(&path, "before ").unwrap();
        let open_file = File::options().append(true).open(&path).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&open_file);
        write(Path::new(&format!("/dev/fd/{number}")), "and after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before and after");
        for stdout in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert!(Output::create(Path::new(stdout), &[]).unwrap().is_stdout(), "{stdout}");
        }
    }

    #[test]
    fn nothing_is_written_into_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("data/spans/parquet")).unwrap();
        fs::write(at("data/spans/parquet/a.parquet"), "PAR1").unwrap();
        symlink("data/spans/parquet/a.parquet", at("link.csv")).unwrap();
        symlink("data/spans", at("other")).unwrap();
        let protected = [at("data/spans")];
        for inside in [
            "data/spans/parquet/a.parquet",
            "data/spans/new.json",
            "link.csv",
            "other/x.csv",
            "data/../data/spans/x",
        ] {
            let refused = Output::create(&at(inside), &protected).unwrap_err();
            assert!(refused.to_string().contains("the store"), "{inside}: {refused}");
        }
        assert_eq!(fs::read_to_string(at("data/spans/parquet/a.parquet")).unwrap(), "PAR1");
        Output::create(&at("data/report.json"), &protected).unwrap().fill(b"{}").unwrap();
        let one_file = [at("data/spans/parquet/a.parquet")];
        assert!(Output::create(&at("link.csv"), &one_file).is_err());
    }

    #[test]
    fn what_may_not_be_written_to_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/folder/out");
        assert!(write(&missing, "x").is_err());
        let path = folder.path().join("fixed");
        fs::write(&path, "kept").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        // The superuser may write everywhere.
        if File::options().write(true).open(&path).is_err() {
            assert!(write(&path, "x").is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        }
    }
}
