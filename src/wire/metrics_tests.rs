//! Metrics exports against a real server that answers as it is told.

use std::{fs, time::Duration};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use tonic::{
    Code, Status,
    transport::{Identity, ServerTlsConfig},
};

use super::{
    certificates::Certificates,
    fake_collector::{Answer, FakeCollector},
    metrics::MetricsExporter,
    target::Target,
    transport::{Header, Transport},
};

/// Ample on a busy machine.
const LONG: Duration = Duration::from_secs(30);

async fn exported(target: &Target, transport: &Transport) -> String {
    let mut exporter = MetricsExporter::open(target, transport).unwrap();
    let answer = exporter.export(ExportMetricsServiceRequest::default()).await;
    answer.map_or_else(|err| err.to_string(), |()| "taken".to_owned())
}

#[tokio::test]
async fn what_a_metrics_endpoint_answers_is_told() {
    let refused = Answer::Status(Status::new(Code::Unauthenticated, "who are you"));
    for (answer, said) in [
        (Some(refused), "UNAUTHENTICATED: who are you"),
        (Some(Answer::Partial(3)), "3 data points were refused: some were odd"),
        (Some(Answer::Partial(0)), "taken"),
        (None, "taken"),
    ] {
        let collector = FakeCollector::answering(answer).await;
        assert_eq!(exported(&collector.target(), &Transport::plain(LONG)).await, said);
    }
    let silent = FakeCollector::answering([Answer::Hang]).await;
    let impatient = Transport::plain(Duration::from_millis(200));
    assert_eq!(exported(&silent.target(), &impatient).await, "no answer in time");
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_no_error_until_something_is_sent() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target: Target = free.local_addr().unwrap().to_string().parse().unwrap();
    drop(free);
    let said = exported(&target, &Transport::plain(LONG)).await;
    assert!(said.starts_with("UNAVAILABLE: ") && said.contains("refused"), "{said}");
}

#[tokio::test]
async fn a_metrics_endpoint_gets_its_own_headers_and_no_key_of_the_studio() {
    let collector = FakeCollector::answering([]).await;
    let headers = vec![Header::parse("header 1", "authorization=Bearer s3cret").unwrap()];
    let transport = Transport { headers, ..Transport::plain(LONG) };
    assert_eq!(exported(&collector.target(), &transport).await, "taken");
    let (metadata, _) = &collector.seen()[0];
    assert_eq!(metadata.get("authorization").unwrap(), "Bearer s3cret");
    assert!(metadata.get("x-junjo-api-key").is_none());
}

#[tokio::test]
async fn metrics_travel_encrypted_and_only_to_whom_is_trusted() {
    let certificates = Certificates::make();
    let read = |name: &str| fs::read(certificates.file(name)).unwrap();
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(read("server.pem"), read("server.key")));
    let collector = FakeCollector::start([], Some(tls)).await;
    let target = collector.target().or_tls(true);
    let trusting = Transport { ca_cert: Some(certificates.file("ca.pem")), ..Transport::plain(LONG) };
    assert_eq!(exported(&target, &trusting).await, "taken");
    let other = Certificates::make();
    let untrusting = Transport { ca_cert: Some(other.file("ca.pem")), ..Transport::plain(LONG) };
    let said = exported(&target, &untrusting).await;
    assert!(said.starts_with("UNAVAILABLE: ") && said.to_lowercase().contains("certificate"), "{said}");

    let absent = Transport { ca_cert: Some("nowhere.pem".into()), ..Transport::plain(LONG) };
    let said = MetricsExporter::open(&target, &absent).unwrap_err().to_string();
    assert_eq!(said, "cannot read `nowhere.pem`");
}
