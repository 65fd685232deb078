//! Silence, broken connections, proxies, certificates.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// An authority that signs nothing; its key was thrown away.
const AUTHORITY: &str = include_str!("../testdata/authority.pem");

#[tokio::test]
async fn silence_ends_with_the_attempt() {
    let mut reply = Reply::good();
    reply.delay = Duration::from_secs(30);
    let error = refusal(reply).await;
    assert_eq!((error.code.as_str(), error.sent), ("Timeout", true));
    assert_eq!(error.class, Class::TryAgain);
}

#[tokio::test]
async fn a_server_that_is_not_there_was_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let result = sts(Network::default()).issue(attempt(&url, None)).await;
    let error = result.err().unwrap();
    assert_eq!((error.class, error.sent), (Class::TryAgain, false));
    assert!(
        error.message.contains("cannot reach http://127.0.0.1"),
        "{error}"
    );
    assert!(error.message.contains("refused"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_it_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<AssumeRole";
            stream.write_all(head).await.unwrap();
        }
    });
    let error = sts(Network::default())
        .issue(attempt(&url, None))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.class, error.sent),
        (Class::TryAgain, true),
        "{error}"
    );
}

/// A file that `AWS_CA_BUNDLE` can name; a machine need not have certificates of its own.
fn bundle() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, AUTHORITY.as_bytes()).unwrap();
    file
}

fn environment(variables: &[(&str, &str)]) -> Network {
    let pairs = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Network::from_environment(&pairs.collect())
}

#[tokio::test]
async fn https_goes_through_the_proxy_given_and_loopback_does_not() {
    let bundle = bundle();
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let sts = sts(environment(&[
        ("HTTPS_PROXY", &format!("http://{address}")),
        ("AWS_CA_BUNDLE", bundle.path().to_str().unwrap()),
    ]));
    // Nobody listens there; a proxy that was asked would answer 502.
    let direct = sts
        .issue(attempt("https://127.0.0.1:9", None))
        .await
        .err()
        .unwrap();
    assert!(direct.message.contains("refused"), "{direct}");
    let error = sts
        .issue(attempt("https://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.class, error.sent),
        (Class::TryAgain, false),
        "{error}"
    );
    assert!(
        asked
            .await
            .unwrap()
            .starts_with("CONNECT sts.test.invalid:443 ")
    );
}

#[tokio::test]
async fn a_way_that_cannot_be_gone_is_named_and_can_be_mended() {
    let sts = sts(environment(&[("AWS_CA_BUNDLE", "/nonexistent/ca.pem")]));
    let error = sts
        .issue(attempt("https://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert_eq!((error.class, error.sent), (Class::Never, false));
    assert!(
        error
            .message
            .contains("AWS_CA_BUNDLE /nonexistent/ca.pem cannot be read"),
        "{error}"
    );
    let plain = sts
        .issue(attempt("http://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert!(plain.message.contains("plain http"), "{plain}");

    let bundle = bundle();
    sts.set_network(environment(&[
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("AWS_CA_BUNDLE", bundle.path().to_str().unwrap()),
    ]));
    let error = sts
        .issue(attempt("https://sts.test.invalid", None))
        .await
        .err()
        .unwrap();
    assert_eq!(error.class, Class::TryAgain, "{error}");
}
