//! Exporters against a real server that answers as it is told.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use tokio::sync::watch;
use tonic::{
    Code, Status,
    codec::CompressionEncoding,
    transport::{Certificate, Identity, ServerTlsConfig},
};

use super::{
    certificates::Certificates,
    exporter::{Exporter, Reply},
    fake_studio::{Answer, FakeStudio, Setup},
    outcome::{ExportOutcome, GrpcCode},
    retry::{self, Exported, RetryPolicy, export_with_retries},
    retry_info::{Delay, details_of},
    target::Target,
    transport::{ClientIdentity, Compression, Header, Transport},
};
use crate::base::problem::Problem;

/// Ample on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Short enough to be waited for, and long enough for a proof on loopback.
const SHORT: Duration = Duration::from_secs(1);

fn request(name: &str) -> Bytes {
    let span = Span { name: name.to_owned(), ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn status(code: Code) -> Answer {
    Answer::Status(Status::new(code, "so it is"))
}

fn partial(rejected_spans: i64) -> Answer {
    Answer::Partial { rejected_spans, message: "some were odd" }
}

const fn rejected(code: GrpcCode) -> ExportOutcome {
    ExportOutcome::Rejected { code }
}

const fn unknown(code: GrpcCode) -> ExportOutcome {
    ExportOutcome::Indeterminate { code }
}

/// The contract's section 5, with what OTLP and gRPC add to it.
fn what_answers_mean() -> Vec<(Answer, ExportOutcome)> {
    vec![
        (Answer::Ack, ExportOutcome::Acked),
        (status(Code::Unauthenticated), rejected(GrpcCode::Unauthenticated)),
        (status(Code::PermissionDenied), rejected(GrpcCode::PermissionDenied)),
        (status(Code::InvalidArgument), rejected(GrpcCode::InvalidArgument)),
        (status(Code::ResourceExhausted), rejected(GrpcCode::ResourceExhausted)),
        (status(Code::OutOfRange), rejected(GrpcCode::OutOfRange)),
        (status(Code::Unimplemented), rejected(GrpcCode::Unimplemented)),
        (status(Code::Unavailable), rejected(GrpcCode::Unavailable)),
        (status(Code::Internal), unknown(GrpcCode::Internal)),
        (status(Code::DeadlineExceeded), unknown(GrpcCode::DeadlineExceeded)),
        (status(Code::Cancelled), unknown(GrpcCode::Cancelled)),
        (status(Code::Unknown), unknown(GrpcCode::Unknown)),
        (status(Code::Aborted), unknown(GrpcCode::Aborted)),
        (status(Code::DataLoss), unknown(GrpcCode::DataLoss)),
        (status(Code::NotFound), unknown(GrpcCode::NotFound)),
        (status(Code::AlreadyExists), unknown(GrpcCode::AlreadyExists)),
        (status(Code::FailedPrecondition), unknown(GrpcCode::FailedPrecondition)),
        (Answer::Hang, unknown(GrpcCode::DeadlineExceeded)),
        (Answer::Reset, unknown(GrpcCode::Unavailable)),
        (Answer::Die, unknown(GrpcCode::Unavailable)),
        (partial(2), ExportOutcome::Partial { rejected_spans: 2 }),
        (partial(99), ExportOutcome::Partial { rejected_spans: 99 }),
        (partial(0), ExportOutcome::Acked),
        (partial(-1), ExportOutcome::Acked),
    ]
}

#[tokio::test]
async fn each_answer_says_what_became_of_the_spans() {
    for (answer, outcome) in what_answers_mean() {
        let studio = FakeStudio::answering([answer.clone()]).await;
        let timeout = if matches!(answer, Answer::Hang) { SHORT } else { LONG };
        let reply = studio.exporter(timeout).await.export(request("a")).await;
        assert_eq!(reply.outcome, outcome, "{answer:?}: {}", reply.message);
    }
}

#[tokio::test]
async fn the_servers_words_are_kept() {
    let answers = [status(Code::Internal), partial(0), partial(1), Answer::Ack];
    let studio = FakeStudio::answering(answers).await;
    let mut exporter = studio.exporter(LONG).await;
    for words in ["so it is", "some were odd", "some were odd", ""] {
        assert_eq!(exporter.export(request("a")).await.message, words);
    }
}

#[tokio::test]
async fn a_delay_that_the_server_asks_for_is_heard() {
    let details = details_of(Some(Delay { seconds: 3, nanos: 0 }));
    let exhausted = Status::with_details(Code::ResourceExhausted, "full", details);
    let studio = FakeStudio::answering([Answer::Status(exhausted)]).await;
    let reply = studio.exporter(LONG).await.export(request("a")).await;
    assert_eq!(reply.retry_after, Some(Duration::from_secs(3)));
    assert_eq!(reply.outcome, rejected(GrpcCode::ResourceExhausted));
}

/// A server that refuses the first proofs with these, and how many it was sent until one policy had enough.
async fn proofs(refused_proofs: Vec<Status>, policy: RetryPolicy) -> (usize, bool) {
    let studio = Setup { refused_proofs, ..Setup::default() }.start().await;
    let connected = retry::connect(&studio.target(), "a-key", &Transport::plain(LONG), policy).await;
    (studio.seen().len(), connected.is_ok())
}

#[tokio::test]
async fn a_proof_is_tried_again_as_an_export_is() {
    let details = details_of(Some(Delay { seconds: 0, nanos: 1 }));
    let waits = || Status::with_details(Code::ResourceExhausted, "full", details.clone());
    let busy = || vec![Status::unavailable("not yet"), waits()];
    assert_eq!(proofs(busy(), RetryPolicy::Spec).await, (3, true));
    assert_eq!(proofs(busy(), RetryPolicy::None).await, (1, false));
    let exhausted = || vec![Status::resource_exhausted("full")];
    assert_eq!(proofs(exhausted(), RetryPolicy::Spec).await, (1, false));
    assert_eq!(proofs(exhausted(), RetryPolicy::Stubborn).await, (2, true));
    let wrong_key = vec![Status::unauthenticated("no")];
    assert_eq!(proofs(wrong_key, RetryPolicy::Stubborn).await, (1, false));
}

#[tokio::test]
async fn where_nothing_listens_nothing_was_sent() {
    let nobody: Target = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string().parse().unwrap()
    };
    let err = Exporter::connect(&nobody, "a-key", &Transport::plain(LONG)).await.unwrap_err();
    assert_eq!(err.to_string(), format!("cannot reach the OTLP endpoint at `{nobody}`"));

    let studio = FakeStudio::answering([Answer::Die]).await;
    let mut exporter = studio.exporter(LONG).await;
    exporter.export(request("a")).await;
    let reply = exporter.export(request("a")).await;
    assert_eq!(reply.outcome, rejected(GrpcCode::Unavailable), "{}", reply.message);
    let reply = exporter.reconnected().export(request("a")).await;
    assert_eq!(reply.outcome, rejected(GrpcCode::Unavailable), "{}", reply.message);
}

#[tokio::test]
async fn a_further_connection_needs_no_proof() {
    let studio = FakeStudio::answering([]).await;
    let exporter = studio.exporter(LONG).await;
    assert_eq!(studio.seen().len(), 1);
    let mut further = exporter.reconnected();
    assert_eq!(studio.seen().len(), 1);
    assert_eq!(further.export(request("a")).await.outcome, ExportOutcome::Acked);
}

#[tokio::test]
async fn the_key_and_every_header_go_with_every_call() {
    let studio = FakeStudio::answering([]).await;
    let headers = ["X-Tenant=blue", "authorization=Bearer b"].map(|text| Header::parse("", text).unwrap());
    let transport = Transport { headers: headers.to_vec(), ..Transport::plain(LONG) };
    let exporter = studio.connect(&transport).await.unwrap();
    exporter.reconnected().export(request("a")).await;
    let seen = studio.seen();
    assert_eq!(seen.len(), 2);
    for metadata in seen {
        let value = |name| metadata.get(name).unwrap().to_str().unwrap();
        let values = ["x-junjo-api-key", "x-tenant", "authorization"].map(value);
        assert_eq!(values, ["a-key", "blue", "Bearer b"]);
    }
    assert!(!format!("{exporter:?}").contains("a-key"));
}

#[tokio::test]
async fn compressed_requests_are_taken_by_a_server_that_accepts_them() {
    for (compression, encoding, name) in [
        (Compression::Gzip, CompressionEncoding::Gzip, "gzip"),
        (Compression::Zstd, CompressionEncoding::Zstd, "zstd"),
    ] {
        let studio = Setup { accepts: Some(encoding), ..Setup::default() }.start().await;
        let transport = Transport { compression: Some(compression), ..Transport::plain(LONG) };
        let mut exporter = studio.connect(&transport).await.unwrap();
        assert_eq!(exporter.export(request(&"a".repeat(100_000))).await.outcome, ExportOutcome::Acked);
        assert_eq!(studio.seen()[1].get("grpc-encoding").unwrap(), name);
    }
}

#[tokio::test]
async fn a_server_that_accepts_no_compression_is_told_from_one_without_the_service() {
    let studio = FakeStudio::answering([]).await;
    let transport = Transport { compression: Some(Compression::Gzip), ..Transport::plain(LONG) };
    let err = studio.connect(&transport).await.unwrap_err();
    let said = shown(&err).replace(&studio.target().to_string(), "TARGET");
    insta::assert_snapshot!(said, @"
    `TARGET` refuses every export: Unimplemented: Content is compressed with `gzip` which isn't supported
    hint: the studio accepts no compressed requests; leave --compression out
    ");
}

fn shown(err: &Problem) -> String {
    format!("{err}\nhint: {}", err.hint())
}

/// A server with a certificate of the folder's authority, which may want to know its clients.
async fn tls_studio(certificates: &Certificates, wants_clients: bool) -> FakeStudio {
    let read = |name| std::fs::read(certificates.file(name)).unwrap();
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(read("server.pem"), read("server.key")));
    let authority = Certificate::from_pem(read("ca.pem"));
    let tls = if wants_clients { tls.client_ca_root(authority) } else { tls };
    Setup { tls: Some(tls), ..Setup::default() }.start().await
}

async fn connect_tls(studio: &FakeStudio, transport: &Transport) -> Result<Exporter, Problem> {
    Exporter::connect(&studio.target().or_tls(true), "a-key", transport).await
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_that_was_named() {
    let certificates = Certificates::make();
    let studio = tls_studio(&certificates, false).await;
    let trusting = Transport { ca_cert: Some(certificates.file("ca.pem")), ..Transport::plain(LONG) };
    let mut exporter = connect_tls(&studio, &trusting).await.unwrap();
    assert_eq!(exporter.export(request("a")).await.outcome, ExportOutcome::Acked);

    let other = Transport { ca_cert: Some(certificates.file("client.pem")), ..Transport::plain(LONG) };
    for untrusting in [other, Transport::plain(LONG)] {
        let err = connect_tls(&studio, &untrusting).await.unwrap_err();
        assert!(err.hint().contains("--ca-cert"), "{}", shown(&err));
    }
}

#[tokio::test]
async fn a_server_that_wants_to_know_its_clients_is_shown_a_certificate() {
    let certificates = Certificates::make();
    let studio = tls_studio(&certificates, true).await;
    let trusting = Transport { ca_cert: Some(certificates.file("ca.pem")), ..Transport::plain(LONG) };
    let known = Transport { client_identity: Some(certificates.identity("client")), ..trusting.clone() };
    let mut exporter = connect_tls(&studio, &known).await.unwrap();
    assert_eq!(exporter.export(request("a")).await.outcome, ExportOutcome::Acked);

    let err = connect_tls(&studio, &trusting).await.unwrap_err();
    assert!(err.hint().contains("--client-cert"), "{}", shown(&err));
}

#[tokio::test]
async fn a_file_that_is_of_no_use_is_named_before_anything_is_sent() {
    let certificates = Certificates::make();
    let target: Target = "https://localhost:1".parse().unwrap();
    let plain = Transport::plain(LONG);
    let trusting = |name| Transport { ca_cert: Some(certificates.file(name)), ..plain.clone() };
    let known = |cert, key| Transport {
        client_identity: Some(ClientIdentity { cert: certificates.file(cert), key: certificates.file(key) }),
        ..trusting("ca.pem")
    };
    let plain_text: Target = "http://localhost:1".parse().unwrap();
    let mut said = String::new();
    for (target, transport) in [
        (&target, trusting("nowhere.pem")),
        (&target, trusting("server.key")),
        (&target, known("client.key", "client.key")),
        (&target, known("client.pem", "client.pem")),
        (&target, known("client.pem", "server.key")),
        (&plain_text, trusting("ca.pem")),
        (&plain_text, Transport { client_identity: Some(certificates.identity("client")), ..plain.clone() }),
    ] {
        let err = Exporter::connect(target, "a-key", &transport).await.unwrap_err();
        let shown = shown(&err).replace(&*certificates.folder().to_string_lossy(), "TLS");
        said = format!("{said}{shown}\n");
    }
    insta::assert_snapshot!(said, @"
    cannot read `TLS/nowhere.pem`
    hint: --ca-cert takes a PEM file with certificates
    `TLS/server.key` is not a PEM file with a section `CERTIFICATE`
    hint: --ca-cert takes a PEM file with certificates
    `TLS/client.key` is not a PEM file with a section `CERTIFICATE`
    hint: --client-cert takes a PEM file with a certificate
    `TLS/client.pem` is not a PEM file with a section `PRIVATE KEY`
    hint: --client-key takes a PEM file with a private key
    cannot speak TLS to `https://localhost:1`
    hint: check the files of --ca-cert, --client-cert and --client-key: the key must be the certificate's
    `http://localhost:1` speaks plain text, so certificates are of no use
    hint: write the endpoint with `https://`, or leave the certificates out
    `http://localhost:1` speaks plain text, so certificates are of no use
    hint: write the endpoint with `https://`, or leave the certificates out
    ");
}

/// Exports once with retries; beside what came of it, what was said before each further attempt.
async fn retried(
    answers: impl IntoIterator<Item = Answer>,
    policy: RetryPolicy,
    stop: &watch::Receiver<bool>,
) -> (Exported, Vec<(u32, ExportOutcome)>) {
    let mut exporter = FakeStudio::answering(answers).await.exporter(LONG).await;
    let mut heard = Vec::new();
    let on_retry = |attempt, reply: &Reply| {
        heard.push((attempt, reply.outcome));
        Ok(())
    };
    let ended = export_with_retries(&mut exporter, request("a"), policy, stop, on_retry).await.unwrap();
    (ended, heard)
}

#[tokio::test]
async fn an_export_is_tried_until_it_is_acked() {
    let (_stop, running) = watch::channel(false);
    let answers = [status(Code::Unavailable), Answer::Reset, Answer::Ack];
    let (ended, heard) = retried(answers, RetryPolicy::Spec, &running).await;
    assert_eq!((ended.outcome, ended.attempts), (ExportOutcome::Acked, 3));
    assert_eq!(heard, [(2, rejected(GrpcCode::Unavailable)), (3, unknown(GrpcCode::Unavailable))]);
}

#[tokio::test]
async fn an_export_that_was_refused_after_an_unknown_answer_stays_unknown() {
    let (_stop, running) = watch::channel(false);
    let answers = [status(Code::Internal), status(Code::Unauthenticated)];
    let (ended, heard) = retried(answers.clone(), RetryPolicy::Stubborn, &running).await;
    assert_eq!((ended.outcome, ended.attempts), (unknown(GrpcCode::Internal), 2));
    assert_eq!(ended.last.outcome, rejected(GrpcCode::Unauthenticated));
    assert_eq!(heard, [(2, unknown(GrpcCode::Internal))]);
    for policy in [RetryPolicy::None, RetryPolicy::Spec] {
        let (ended, heard) = retried(answers.clone(), policy, &running).await;
        assert_eq!((ended.outcome, ended.attempts, heard.len()), (unknown(GrpcCode::Internal), 1, 0));
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_hopeless() {
    let (_stop, running) = watch::channel(false);
    let mut exporter = FakeStudio::answering([]).await.exporter(LONG).await;
    let large = request(&"a".repeat(5 << 20));
    let ended = export_with_retries(&mut exporter, large, RetryPolicy::Stubborn, &running, |_, _| Ok(()));
    let Exported { outcome, attempts, last } = ended.await.unwrap();
    assert_eq!((outcome, attempts), (rejected(GrpcCode::OutOfRange), 1), "{}", last.message);
}

#[tokio::test]
async fn an_interrupt_ends_the_waiting_and_the_trying() {
    let (stop, running) = watch::channel(false);
    let details = details_of(Some(Delay { seconds: 20, nanos: 0 }));
    let busy = Answer::Status(Status::with_details(Code::Unavailable, "busy", details));
    let began = Instant::now();
    let exporting = retried([busy], RetryPolicy::Spec, &running);
    let ((ended, heard), ()) = tokio::join!(exporting, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send_replace(true);
    });
    assert_eq!((ended.outcome, ended.attempts), (rejected(GrpcCode::Unavailable), 1));
    assert_eq!(heard, []);
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_retry_that_cannot_be_written_down_is_not_made() {
    let (_stop, running) = watch::channel(false);
    let studio = FakeStudio::answering([status(Code::Unavailable)]).await;
    let mut exporter = studio.exporter(LONG).await;
    let refuse = |_, _: &Reply| anyhow::bail!("the disk is full");
    let ended = export_with_retries(&mut exporter, request("a"), RetryPolicy::Spec, &running, refuse).await;
    assert_eq!(ended.unwrap_err().to_string(), "the disk is full");
    assert_eq!(studio.seen().len(), 2);
}
