//! As much of S3 as a reader of a store needs, and of WebDAV: on loopback, in this process, with faults that a test sets.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    fmt::Write as _,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Frame, Incoming},
    header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, LAST_MODIFIED, RANGE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::net::TcpListener;

pub(super) const BUCKET: &str = "store";
const PUT_AT: &str = "Mon, 30 Nov 2026 10:00:00 GMT";
const PUT_AT_ISO: &str = "2026-11-30T10:00:00.000Z";

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// What goes wrong, until it has been used up.
#[derive(Default)]
pub(super) struct Faults {
    /// Statuses of the next answers to a listing, then to a GET.
    pub(super) listing: VecDeque<u16>,
    pub(super) get: VecDeque<u16>,
    /// So many bodies end in their middle.
    pub(super) cut: usize,
    /// Objects of which another version is there by the time of the first GET.
    pub(super) replaced: BTreeSet<String>,
    /// Objects that are gone by then.
    pub(super) gone: BTreeSet<String>,
    /// No listing answers.
    pub(super) hangs: bool,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    faults: Faults,
    /// Keys in a page of a listing.
    page: usize,
    asked: Vec<String>,
}

pub(super) struct ObjectServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl ObjectServer {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State { page: 1_000, ..State::default() }));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::clone(&state);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                serve(listener, served).await;
            });
        });
        Self { port, state }
    }

    /// With all files of a folder, under a key.
    pub(super) fn with(folder: &Path, key: &str) -> Self {
        let server = Self::start();
        server.put_tree(folder, key);
        server
    }

    fn put_tree(&self, folder: &Path, key: &str) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let key = format!("{key}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                self.put_tree(&entry.path(), &key);
            } else {
                self.put(&key, &fs::read(entry.path()).unwrap());
            }
        }
    }

    pub(super) fn put(&self, key: &str, bytes: &[u8]) {
        self.state().objects.insert(key.to_owned(), bytes.to_vec());
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub(super) fn fail(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.state().faults);
    }

    pub(super) fn list_in_pages_of(&self, keys: usize) {
        self.state().page = keys;
    }

    /// Method and key of every request so far; a listing is `LIST` and its prefix.
    pub(super) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&state);
            async move {
                let answer = state.lock().unwrap().answer(&request);
                match answer {
                    Some(answer) => Ok::<_, Infallible>(answer),
                    None => std::future::pending().await,
                }
            }
        });
        // A body that is cut ends its connection.
        tokio::spawn(async move {
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok()
        });
    }
}

impl State {
    /// None never comes.
    fn answer(&mut self, request: &Request<Incoming>) -> Option<Answer> {
        let path = decoded(request.uri().path().trim_start_matches('/'));
        let query = request.uri().query().unwrap_or_default();
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| decoded(&value.replace('+', " ")))
        };
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        if request.method().as_str() == "PROPFIND" {
            self.asked.push(format!("PROPFIND {path}"));
            return Some(self.multistatus(&path));
        }
        if key.is_empty() && parameter("list-type").is_some() {
            let prefix = parameter("prefix").unwrap_or_default();
            self.asked.push(format!("LIST {prefix}"));
            if self.faults.hangs {
                return None;
            }
            if let Some(failed) = self.faults.listing.pop_front() {
                return Some(status(failed, "SlowDown"));
            }
            if bucket != BUCKET {
                return Some(status(404, "NoSuchBucket"));
            }
            let after =
                parameter("continuation-token").or_else(|| parameter("start-after")).unwrap_or_default();
            let most = parameter("max-keys").and_then(|keys| keys.parse().ok()).unwrap_or(usize::MAX);
            return Some(self.listing(&prefix, parameter("delimiter").as_deref(), &after, most));
        }
        self.asked.push(format!("{} {key}", request.method()));
        Some(self.object(request, key))
    }

    fn object(&mut self, request: &Request<Incoming>, key: &str) -> Answer {
        if request.method() == Method::GET
            && let Some(failed) = self.faults.get.pop_front()
        {
            return status(failed, "InternalError");
        }
        if request.method() == Method::GET && self.faults.replaced.remove(key) {
            self.objects.entry(key.to_owned()).and_modify(|bytes| *bytes.last_mut().unwrap() ^= 1);
        }
        if request.method() == Method::GET && self.faults.gone.remove(key) {
            self.objects.remove(key);
        }
        let Some(bytes) = self.objects.get(key) else { return status(404, "NoSuchKey") };
        let tag = tag(bytes);
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        if header(IF_MATCH).is_some_and(|wanted| wanted != tag) {
            return status(412, "PreconditionFailed");
        }
        let (mut bytes, length) = (Bytes::from(bytes.clone()), bytes.len());
        let mut answer = Response::builder().header(ETAG, tag).header(LAST_MODIFIED, PUT_AT);
        if let Some(range) = header(RANGE).and_then(|range| range.strip_prefix("bytes=")) {
            let (from, to) = range.split_once('-').unwrap();
            let (from, to) =
                (from.parse::<usize>().unwrap(), to.parse().unwrap_or(usize::MAX).min(length - 1));
            bytes = bytes.slice(from..=to);
            answer = answer.status(206).header(CONTENT_RANGE, format!("bytes {from}-{to}/{length}"));
        }
        answer = answer.header(CONTENT_LENGTH, bytes.len());
        if request.method() == Method::HEAD {
            return answer.body(whole(Bytes::new())).unwrap();
        }
        if self.faults.cut > 0 && bytes.len() > 1 {
            self.faults.cut -= 1;
            let half = bytes.slice(..bytes.len() / 2);
            let frames = [Ok(Frame::data(half)), Err(io::Error::other("cut"))];
            return answer.body(BoxBody::new(StreamBody::new(stream::iter(frames)))).unwrap();
        }
        answer.body(whole(bytes)).unwrap()
    }

    fn listing(&mut self, prefix: &str, delimiter: Option<&str>, after: &str, most: usize) -> Answer {
        let (mut entries, mut xml) = (BTreeMap::new(), String::new());
        for (key, bytes) in self.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let folder = delimiter.and_then(|delimiter| key[prefix.len()..].find(delimiter));
            let name = folder.map_or(key.as_str(), |end| &key[..=prefix.len() + end]);
            if name > after && key.as_str() > after {
                entries.insert(name.to_owned(), folder.is_none().then_some(bytes));
            }
        }
        let most = most.min(self.page);
        let last = entries.keys().take(most).next_back().cloned();
        for (name, bytes) in entries.iter().take(most) {
            let shown = escaped(name);
            match bytes {
                None => write!(xml, "<CommonPrefixes><Prefix>{shown}</Prefix></CommonPrefixes>").unwrap(),
                Some(bytes) => write!(
                    xml,
                    "<Contents><Key>{shown}</Key><LastModified>{PUT_AT_ISO}</LastModified><ETag>{}</ETag>\
                     <Size>{}</Size></Contents>",
                    escaped(&tag(bytes)),
                    bytes.len()
                )
                .unwrap(),
            }
        }
        if entries.len() > most {
            // A token stands behind the whole folder that it is of.
            let token = format!("{}\u{10ffff}", last.unwrap());
            write!(xml, "<NextContinuationToken>{}</NextContinuationToken>", escaped(&token)).unwrap();
        }
        let xml = format!("<?xml version=\"1.0\"?><ListBucketResult>{xml}</ListBucketResult>");
        Response::new(whole(xml.into()))
    }

    fn multistatus(&mut self, path: &str) -> Answer {
        let folder =
            path.trim_end_matches('/').strip_prefix(BUCKET).unwrap_or("none").trim_start_matches('/');
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut entries = BTreeMap::from([(String::new(), None)]);
        for (key, bytes) in self.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            match key[prefix.len()..].split_once('/') {
                Some((name, _)) => entries.insert(format!("{name}/"), None),
                None => entries.insert(key[prefix.len()..].to_owned(), Some(bytes)),
            };
        }
        if entries.len() == 1 {
            return status(404, "");
        }
        let mut xml = String::new();
        for (name, bytes) in entries {
            let href: Vec<_> = format!("{BUCKET}/{prefix}{name}")
                .split('/')
                .map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string())
                .collect();
            let of_file = bytes.map(|bytes| {
                format!(
                    "<getcontentlength>{}</getcontentlength><getetag>{}</getetag><resourcetype/>",
                    bytes.len(),
                    escaped(&tag(bytes))
                )
            });
            write!(
                xml,
                "<response><href>/{}</href><propstat><prop><getlastmodified>{PUT_AT}</getlastmodified>{}</prop>\
                 <status>HTTP/1.1 200 OK</status></propstat></response>",
                href.join("/"),
                of_file.unwrap_or_else(|| "<resourcetype><collection/></resourcetype>".to_owned())
            )
            .unwrap();
        }
        Response::builder()
            .status(207)
            .body(whole(format!("<multistatus>{xml}</multistatus>").into()))
            .unwrap()
    }
}

fn status(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>secret-of-the-answer</Message></Error>");
    Response::builder().status(status).body(whole(body.into())).unwrap()
}

fn whole(bytes: Bytes) -> BoxBody<Bytes, io::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// Of the content alone, as that of a simple upload is.
fn tag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte));
    format!("\"{sum:016x}\"")
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut all, c| {
        match c {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            c if c.is_control() => write!(all, "&#{};", u32::from(c)).unwrap(),
            c => all.push(c),
        }
        all
    })
}
