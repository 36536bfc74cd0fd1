use std::{fs, sync::Arc, time::Duration};

use hyper::header::{HeaderValue, LOCATION, SET_COOKIE};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{
    certificates::Certificates,
    rest::{Bounds, Credentials, RestError, ShownSpan, Studio, StudioUrl},
};
use crate::testing::rest::{Answer, Asked, FakeRest, answer};

const BOUNDS: Bounds = Bounds { time: Duration::from_secs(20), size: 1 << 10 };

fn studio(url: &str, bounds: Bounds) -> Studio {
    Studio::trusting(url.parse().unwrap(), RootCertStore::empty(), bounds).unwrap()
}

fn at(port: u16) -> Studio {
    studio(&format!("http://127.0.0.1:{port}"), BOUNDS)
}

/// As studio 0.82 answers: spans to those alone who have signed in.
fn backend(asked: &Asked) -> Answer {
    let signed_in = asked.cookie.as_deref() == Some("session=abc.def");
    match asked.what.as_str() {
        "GET /health" => answer(200, r#"{"status":"ok","version":"0.82.1","app_name":"Junjo AI Studio"}"#),
        "POST /sign-in" if asked.body == r#"{"email":"a@b.example","password":"s3cret"}"# => {
            let mut signed = answer(200, r#"{"message":"signed in"}"#);
            for cookie in
                ["other=1; Path=/", "session=abc.def; path=/; Max-Age=2592000; httponly; samesite=strict"]
            {
                signed.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
            }
            signed
        }
        _ if !signed_in => answer(401, r#"{"detail":"Unauthorized"}"#),
        "GET /api/v1/observability/services" => answer(200, r#"["a b/c","shop"]"#),
        "GET /api/v1/observability/services/a%20b%2Fc/workflows" => {
            answer(200, r#"[{"trace_id":"0a","span_id":"01","attributes_json":{"k":[1]}}]"#)
        }
        "GET /api/v1/observability/traces/0a/spans" => answer(200, r#"[{"trace_id":"0a","span_id":null}]"#),
        _ => answer(404, ""),
    }
}

#[tokio::test]
async fn a_session_is_opened_once_and_never_ended() {
    let backend = FakeRest::start(backend).await;
    let mut studio = at(backend.port);
    assert_eq!(studio.health().await.unwrap().version, "0.82.1");
    assert!(matches!(studio.services().await, Err(RestError::Status(401))));
    let wrong = Credentials { email: "a@b.example".to_owned(), password: "wrong".to_owned() };
    assert!(matches!(studio.sign_in(&wrong).await, Err(RestError::Status(401))));
    let right = Credentials { password: "s3cret".to_owned(), ..wrong };
    studio.sign_in(&right).await.unwrap();
    assert_eq!(studio.services().await.unwrap(), ["a b/c", "shop"]);
    let span =
        |span: Option<&str>| ShownSpan { trace_id: Some("0a".to_owned()), span_id: span.map(str::to_owned) };
    assert_eq!(studio.workflows("a b/c").await.unwrap(), [span(Some("01"))]);
    assert_eq!(studio.trace("0a").await.unwrap(), [span(None)]);
    let asked = backend.asked();
    assert!(asked.iter().all(|asked| !asked.what.contains("sign-out")), "{asked:?}");
    assert_eq!(asked.iter().filter(|asked| asked.what.starts_with("POST")).count(), 2);
    assert!(!format!("{right:?}").contains("s3cret"));
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_by_its_kind() {
    let told = |status: u16, text: &'static str| async move {
        let backend = FakeRest::start(move |_: &Asked| {
            let mut answer = answer(status, text);
            answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/elsewhere"));
            answer
        })
        .await;
        let told = at(backend.port).services().await.unwrap_err().to_string();
        assert_eq!(backend.asked().len(), 1, "redirects are not followed");
        told
    };
    assert_eq!(told(500, "s3cret").await, "it answers 500");
    assert_eq!(told(307, "").await, "it answers 307");
    for text in ["<html>s3cret</html>", r#"{"s3cret": 1}"#, r#"["a""#, ""] {
        let told = told(200, text).await;
        assert!(told.starts_with("its answer is not that of a studio") && !told.contains("s3cret"), "{told}");
    }
}

#[tokio::test]
async fn an_answer_is_bounded_in_size_and_time() {
    let long = FakeRest::start(|_: &Asked| answer(200, &format!("[\"{}\"]", "x".repeat(BOUNDS.size)))).await;
    assert!(matches!(at(long.port).services().await, Err(RestError::TooLarge(_))));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let waits =
        studio(&format!("http://127.0.0.1:{port}"), Bounds { time: Duration::from_millis(50), ..BOUNDS });
    assert!(matches!(waits.services().await, Err(RestError::TimedOut(_))));

    let cut = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = silent.accept().await.unwrap();
            stream.read_u8().await.unwrap();
        }
        drop(silent);
    });
    assert!(matches!(at(port).services().await, Err(RestError::Unreachable(_))));
    cut.abort();
    cut.await.ok();
    assert!(matches!(at(port).services().await, Err(RestError::Unreachable(_))));
}

#[tokio::test]
async fn tls_is_spoken_with_those_alone_whom_a_trusted_authority_vouches_for() {
    let certificates = Certificates::make();
    let chain = CertificateDer::from_pem_slice(&fs::read(certificates.file("server.pem")).unwrap()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&fs::read(certificates.file("server.key")).unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let backend = FakeRest::start_with(Some(TlsAcceptor::from(Arc::new(config))), backend).await;
    let url = format!("https://localhost:{}", backend.port);
    let error = studio(&url, BOUNDS).health().await.unwrap_err();
    assert!(matches!(error, RestError::Unreachable(_)), "{error}");

    let mut roots = RootCertStore::empty();
    let authority = fs::read(certificates.file("ca.pem")).unwrap();
    roots.add(CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let trusting = Studio::trusting(url.parse().unwrap(), roots, BOUNDS).unwrap();
    assert_eq!(trusting.health().await.unwrap().app_name, "Junjo AI Studio");
}

#[test]
fn a_url_is_read_as_users_write_it_and_repeats_no_password() {
    let shown =
        |text: &str| text.parse::<StudioUrl>().map_or_else(|err| err.to_string(), |url| url.to_string());
    assert_eq!(shown("http://localhost:26154/"), "http://localhost:26154");
    assert_eq!(shown("HTTPS://studio.example"), "https://studio.example:443");
    assert_eq!(shown("http://[::1]"), "http://[::1]:80");
    for wrong in ["localhost:26154", "grpc://localhost:1", "http://", "http://a/b", "http://a:99999", ""] {
        assert!(shown(wrong).starts_with("a studio's URL is"), "{wrong}: {}", shown(wrong));
    }
    for secret in ["http://me:s3cret@host", "me@host"] {
        assert!(!shown(secret).contains("s3cret") && shown(secret).contains("E2E_STORE_STUDIO_EMAIL"));
    }
}
