//! `--studio`: a backend over HTTP on loopback, which says what a test has it say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::cli::{Serving, command, e2e_store, exit_status, folder};

const EMAIL: (&str, &str) = ("E2E_STORE_STUDIO_EMAIL", "a@b.example");
const PASSWORD: (&str, &str) = ("E2E_STORE_STUDIO_PASSWORD", "s3cret");

/// A studio of version 0.82.1 that shows nothing, to those who are signed in.
struct Backend {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let notes = Arc::clone(&asked);
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &notes)));
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, notes: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while let Some(Ok(line)) = (&mut reader).lines().next() {
        if line.is_empty() {
            break;
        }
        head.push(line.to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).map(str::parse::<usize>);
    let mut body = vec![0; length.map_or(0, Result::unwrap)];
    reader.read_exact(&mut body).unwrap();
    let what = head.first().cloned().unwrap_or_default();
    let what = what.trim_end_matches(" http/1.1");
    notes.lock().unwrap().push(what.to_owned());
    let is_signed_in = head.iter().any(|line| line == "cookie: session=abc");
    let (status, cookie, text) = match what {
        "get /health" => ("200 OK", "", r#"{"status":"ok","version":"0.82.1","app_name":"Junjo AI Studio"}"#),
        "post /sign-in" if body == br#"{"email":"a@b.example","password":"s3cret"}"# => {
            ("200 OK", "Set-Cookie: session=abc; Path=/; HttpOnly\r\n", "{}")
        }
        _ if is_signed_in => ("200 OK", "", "[]"),
        _ => ("401 Unauthorized", "", "{}"),
    };
    let answer = format!("HTTP/1.1 {status}\r\n{cookie}Content-Length: {}\r\n\r\n{text}", text.len());
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

#[test]
fn a_studio_is_asked_only_in_the_session_of_a_user_and_never_signed_out() {
    let (folder, backend) = (folder(), Backend::start());
    let serving = Serving::start_with(folder.path(), &["--data-dir", ".dbdata", "--index"]);
    let send = |more: &[&str], user: &[(&str, &str)]| {
        let args = ["--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint];
        let mut verify = command(folder.path());
        verify.arg("verify").args(args).args(["--data-dir", ".dbdata"]).args(more);
        let output = verify.envs(user.iter().copied()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let studio = ["--ui", "--studio", &backend.url];

    let (code, _, errors) = send(&["--studio", &backend.url], &[]);
    assert!(code == 2 && errors.contains("add --ui") && backend.asked().is_empty(), "{errors}");
    let (code, _, errors) = send(&studio, &[EMAIL]);
    assert!(code == 2 && errors.contains("E2E_STORE_STUDIO_PASSWORD is not"), "{errors}");
    let (code, _, errors) = send(&studio, &[EMAIL, ("E2E_STORE_STUDIO_PASSWORD", "wr0ng")]);
    assert!(code == 2 && errors.contains("does not know the user") && !errors.contains("wr0ng"), "{errors}");
    assert!(!folder.path().join("runs").exists(), "nothing was sent so far");

    let (code, output, errors) = send(&studio, &[EMAIL, PASSWORD]);
    assert_eq!(code, 1, "{output}{errors}");
    assert!(output.contains("Junjo AI Studio 0.82.1 at http://127.0.0.1:"), "{output}");
    assert!(output.contains("shows other than predicted"), "{output}");
    assert!(errors.contains("makes it write a hot snapshot") && !(output + &errors).contains("s3cret"));
    let asked = backend.asked();
    assert!(asked.iter().any(|asked| asked.ends_with("/workflows")), "{asked:?}");
    assert!(asked.iter().any(|asked| asked.contains("/traces/")), "{asked:?}");
    assert!(asked.iter().all(|asked| !asked.contains("sign-out")), "{asked:?}");
}

#[test]
fn pages_of_a_store_are_compared_with_the_answers_of_its_studio() {
    let (folder, backend) = (folder(), Backend::start());
    let serving = Serving::start_with(folder.path(), &["--data-dir", ".dbdata", "--index"]);
    let to = ["--endpoint", &serving.endpoint, "--internal-endpoint", &serving.internal_endpoint];
    assert!(
        command(folder.path()).args(["verify", "--data-dir", ".dbdata"]).args(to).status().unwrap().success()
    );
    let ui = |more: &[&str], user: &[(&str, &str)]| {
        let mut ui = command(folder.path());
        let output = ui.args(["ui", "--studio"]).args(more).envs(user.iter().copied()).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let refused = ui(&[&backend.url], &[]);
    assert!(refused.contains("only to who signs in"), "{refused}");
    let told = ui(&[&backend.url], &[EMAIL, PASSWORD]);
    assert!(told.contains("the studio itself") && told.contains("it is not listed"), "{told}");
    let json = ui(&[&backend.url, "--format", "json"], &[EMAIL, PASSWORD]);
    let json: serde_json::Value =
        serde_json::Deserializer::from_str(&json).into_iter().next().unwrap().unwrap();
    let comparison = &json["comparison"];
    assert_eq!(
        (&comparison["version"], &comparison["app_name"]),
        (&"0.82.1".into(), &"Junjo AI Studio".into())
    );
    assert_eq!(comparison["differences"][0]["kind"], "not_shown");

    let secret = ui(&["http://me:s3cret@localhost:1"], &[]);
    assert!(secret.contains("no user name and no password") && !secret.contains("s3cret"), "{secret}");
    let absent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(ui(&[&format!("http://{absent}")], &[]).contains("is not reached: no connection"));
}

#[test]
fn doctor_tells_the_version_of_a_studio() {
    let (folder, backend) = (folder(), Backend::start());
    let serving = Serving::start(folder.path(), ".dbdata");
    let (endpoint, internal) = (serving.endpoint.as_str(), serving.internal_endpoint.as_str());
    let doctor = |url: &str| {
        let args =
            ["doctor", "--no-send", "--studio", url, "--endpoint", endpoint, "--internal-endpoint", internal];
        e2e_store(folder.path(), args)
    };
    let told = doctor(&backend.url);
    assert!(told.contains("Junjo AI Studio 0.82.1 answers at"), "{told}");
    assert_eq!(backend.asked(), ["get /health"]);
    let told = doctor(&format!("http://{}", serving.endpoint.trim_start_matches("http://")));
    assert!(told.contains("FAIL  studio") && told.contains("does not answer"), "{told}");
    assert_eq!(exit_status(&told), "[exit status: 1]");
}
