//! What is not HTTP/1.1 to the letter.

use http::header::CONTENT_TYPE;
use tokio::io::AsyncWriteExt;

use super::{PUT, Rig, get, one, rest, status};
use crate::secrets::SeededRandom;

#[tokio::test]
async fn what_is_not_strictly_http_is_refused_and_the_connection_closed() {
    let rig = Rig::new().await;
    let host = "Host: 127.0.0.1\r\n";
    let smuggled = "GET /latest/meta-data/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    for request in [
        format!("GET / HTTP/1.1\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A : b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}A: b\0c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{host}\r\n"),
        format!(
            "PUT / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 1\r\n\r\na{smuggled}"
        ),
        format!(
            "PUT / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\na{smuggled}"
        ),
        format!(
            "PUT / HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!(
            "PUT / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("PUT / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("PUT / HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n{smuggled}"),
        format!("PUT / HTTP/1.1\r\n{host}Content-Length: +1\r\n\r\na{smuggled}"),
        "CONNECT 127.0.0.1:1 HTTP/1.1\r\nBad Name: x\r\n\r\n".to_owned(),
    ] {
        let answer = rig.exchange(request.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{request:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{request:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn garbage_ends_the_connection_and_nothing_else() {
    let rig = Rig::new().await;
    let mut noise = Vec::new();
    for seed in 0..50_u64 {
        let mut bytes = vec![0; 512];
        crate::secrets::Random::fill(&SeededRandom::new(seed), &mut bytes);
        bytes.extend(b"\r\n\r\n");
        noise.push(bytes);
    }
    noise.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    noise.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    for bytes in &noise {
        let answer = rig.exchange(bytes).await;
        assert!(answer.is_empty() || status(&answer) == "400", "{answer}");
    }
    let mut stream = rig.connect().await;
    stream.write_all(PUT).await.unwrap();
    assert_eq!(status(&one(&mut stream).await), "200");
}

#[tokio::test]
async fn heads_are_bounded() {
    let rig = Rig::new().await;
    let long = "x".repeat(9 * 1024);
    let many = (0..80).fold(String::new(), |all, n| format!("{all}a{n}: b\r\n"));
    for (request, expected) in [
        (get("/", &format!("A: {long}\r\n")), "431"),
        (get(&format!("/{long}"), ""), "414"),
        (get("/", &many), "431"),
        (get("/", &format!("A: {long}\r\nB: {long}\r\n")), "431"),
    ] {
        let answer = rig.exchange(&request).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
    // Never ending, never more than the limit held.
    let mut stream = rig.connect().await;
    let chunk = format!("A: {}\r\n", "y".repeat(1000));
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    for _ in 0..40 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = rest(&mut stream).await;
    assert!(answer.is_empty() || status(&answer) == "431", "{answer}");
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed_and_needs_a_host() {
    let rig = Rig::new().await;
    let answer = rig
        .exchange(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        .await;
    assert_eq!(status(&answer), "401", "{answer}");
    let answer = rig.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&answer), "400", "{answer}");
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let rig = Rig::new().await;
    let mut stream = rig.connect().await;
    stream.write_all(PUT).await.unwrap();
    let answer = one(&mut stream).await;
    let token = answer.rsplit("\r\n").next().unwrap();
    let request = format!(
        "HEAD /latest/meta-data/placement/region HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         X-aws-ec2-metadata-token: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("content-length: 12\r\n"));
    assert!(answer.ends_with("\r\n\r\n") && answer.contains(CONTENT_TYPE.as_str()));
}
