//! Servers on loopback: one that speaks Git over HTTP well enough to be fetched from, and several that do not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Origin, source, write};
use crate::git::{Auth, Follower, Limits, Problem, Relation, Source, known_hosts};

/// One request, as far as the tests look at it.
#[derive(Clone, Debug)]
struct Request {
    line: String,
    authorization: Option<String>,
}

/// Serves each connection's requests with `answer` until the test ends. Returns the URL and the log of requests.
fn serve(
    answer: impl Fn(&Request, &[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fleet.git", listener.local_addr().unwrap());
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = log.clone();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            while let Some((request, body)) = read_request(&mut socket) {
                seen.lock().unwrap().push(request.clone());
                match answer(&request, &body) {
                    Some(bytes) => drop(socket.write_all(&bytes)),
                    // Says nothing, and does not hang up.
                    None => break,
                }
            }
            kept.push(socket);
        }
    });
    (url, log)
}

fn read_request(socket: &mut TcpStream) -> Option<(Request, Vec<u8>)> {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|count| *count > 0)?;
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((
        Request {
            line: line.trim_end().to_owned(),
            authorization,
        },
        body,
    ))
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn line(text: &str) -> String {
    format!("{:04x}{text}", text.len() + 4)
}

/// What a Git server answers for this repository's `main`; enough for a first fetch.
fn git_answer(path: &std::path::Path, request: &Request) -> Vec<u8> {
    let repository = git2::Repository::open(path).unwrap();
    let head = repository.refname_to_id("refs/heads/main").unwrap();
    if request.line.starts_with("GET") {
        let body = [
            line("# service=git-upload-pack\n"),
            "0000".to_owned(),
            line(&format!("{head} refs/heads/main\0ofs-delta\n")),
            "0000".to_owned(),
        ]
        .concat();
        let kind = "Content-Type: application/x-git-upload-pack-advertisement\r\n";
        return response("200 OK", kind, body.as_bytes());
    }
    let mut walk = repository.revwalk().unwrap();
    walk.push(head).unwrap();
    let mut builder = repository.packbuilder().unwrap();
    builder.insert_walk(&mut walk).unwrap();
    let mut pack = git2::Buf::new();
    builder.write_buf(&mut pack).unwrap();
    let body = [line("NAK\n").as_bytes(), &pack].concat();
    response(
        "200 OK",
        "Content-Type: application/x-git-upload-pack-result\r\n",
        &body,
    )
}

/// Polls a server once, with these limits.
fn poll(source: Source, limits: Limits) -> Result<crate::git::Fetched, Problem> {
    let directory = tempfile::tempdir().unwrap();
    Follower::open(source, &directory.path().join("copy"), limits)?.poll(None)
}

fn token(directory: &std::path::Path, text: &str) -> Auth {
    let file = write(&directory.join("token"), text);
    Auth::Token {
        username: "robot".to_owned(),
        file,
    }
}

const UNAUTHORIZED: &str = "WWW-Authenticate: Basic realm=\"x\"\r\n";

#[test]
fn a_repository_is_fetched_over_http() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let path = origin.path();
    let (url, log) = serve(move |request, _| Some(git_answer(&path, request)));
    let mut follower = Follower::open(source(&url), &origin.copy(), Limits::default()).unwrap();
    assert_eq!(follower.poll(None).unwrap().commit.revision, one);
    let requests = log.lock().unwrap().len();
    // Nothing changed: one look at the head, nothing downloaded.
    assert_eq!(follower.poll(Some(&one)).unwrap().relation, Relation::Same);
    assert_eq!(log.lock().unwrap().len(), requests + 1);
    assert_eq!(follower.tree(&one).unwrap().files().unwrap().files.len(), 1);
}

#[test]
fn a_token_opens_what_asks_for_one() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("a.yaml", "1")]);
    let path = origin.path();
    let (url, log) = serve(move |request, _| match &request.authorization {
        Some(_) => Some(git_answer(&path, request)),
        None => Some(response("401 Unauthorized", UNAUTHORIZED, b"")),
    });
    let auth = token(origin.directory.path(), "sesame\n");
    let fetched = poll(
        Source {
            auth,
            ..source(&url)
        },
        Limits::default(),
    )
    .unwrap();
    assert_eq!(fetched.commit.revision, one);
    use base64::Engine as _;
    let expected = base64::engine::general_purpose::STANDARD.encode("robot:sesame");
    let sent = log
        .lock()
        .unwrap()
        .iter()
        .find_map(|request| request.authorization.clone());
    assert_eq!(sent, Some(format!("Basic {expected}")));
}

#[test]
fn a_wrong_token_and_a_missing_one_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let refuse = || serve(|_, _| Some(response("401 Unauthorized", UNAUTHORIZED, b"")));
    let (url, log) = refuse();
    let auth = token(directory.path(), "hunter2");
    let problem = poll(
        Source {
            auth,
            ..source(&url)
        },
        Limits::default(),
    )
    .unwrap_err();
    assert!(matches!(problem, Problem::Denied { .. }), "{problem}");
    assert!(problem.to_string().contains("wrong, expired"), "{problem}");
    assert!(!problem.to_string().contains("hunter2"));
    assert!(
        log.lock().unwrap().len() < 10,
        "credentials are not tried for ever"
    );
    let (url, _) = refuse();
    let problem = poll(source(&url), Limits::default()).unwrap_err();
    assert!(
        problem.to_string().contains("none are configured"),
        "{problem}"
    );
    let (url, _) = refuse();
    let auth = Auth::Token {
        username: "x".into(),
        file: directory.path().join("missing"),
    };
    let problem = poll(
        Source {
            auth,
            ..source(&url)
        },
        Limits::default(),
    )
    .unwrap_err();
    assert!(matches!(problem, Problem::Credential { .. }), "{problem}");
}

#[test]
fn a_page_instead_of_git_is_said_so() {
    let html = |_: &Request, _: &[u8]| {
        Some(response(
            "200 OK",
            "Content-Type: text/html\r\n",
            b"<html>Log in</html>",
        ))
    };
    let problem = poll(source(&serve(html).0), Limits::default()).unwrap_err();
    assert!(
        matches!(problem, Problem::NotGit { .. }),
        "{problem}: {:?}",
        std::error::Error::source(&problem)
    );
    let junk = |_: &Request, _: &[u8]| {
        let kind = "Content-Type: application/x-git-upload-pack-advertisement\r\n";
        Some(response(
            "200 OK",
            kind,
            b"this is not a line of the protocol",
        ))
    };
    let problem = poll(source(&serve(junk).0), Limits::default()).unwrap_err();
    assert!(
        matches!(
            problem,
            Problem::NotGit { .. } | Problem::Unreachable { .. }
        ),
        "{problem}: {:?}",
        std::error::Error::source(&problem)
    );
}

#[test]
fn answers_of_http_are_understood() {
    let with = |status: &'static str| {
        let answer = move |_: &Request, _: &[u8]| Some(response(status, "", b""));
        poll(source(&serve(answer).0), Limits::default()).unwrap_err()
    };
    assert!(matches!(with("404 Not Found"), Problem::NotFound { .. }));
    assert!(matches!(with("403 Forbidden"), Problem::Denied { .. }));
    assert!(matches!(
        with("500 Internal Server Error"),
        Problem::Unreachable { .. }
    ));
}

#[test]
fn credentials_do_not_follow_a_redirection() {
    let directory = tempfile::tempdir().unwrap();
    let (elsewhere, log) = serve(|_, _| Some(response("401 Unauthorized", UNAUTHORIZED, b"")));
    let (url, _) = serve(move |_, _| {
        let headers = format!("Location: {elsewhere}/info/refs?service=git-upload-pack\r\n");
        Some(response("302 Found", &headers, b""))
    });
    let auth = token(directory.path(), "sesame");
    poll(
        Source {
            auth,
            ..source(&url)
        },
        Limits::default(),
    )
    .unwrap_err();
    let leaked = log
        .lock()
        .unwrap()
        .iter()
        .any(|request| request.authorization.is_some());
    assert!(!leaked, "a credential reached another server");
}

#[test]
fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    drop(listener);
    let problem = poll(source(&url), Limits::default()).unwrap_err();
    assert!(matches!(problem, Problem::Unreachable { .. }), "{problem}");
    assert!(problem.to_string().contains("firewalls"));
}

#[test]
#[ignore = "takes the whole server timeout of 30 s"]
fn a_server_that_says_nothing_is_given_up() {
    let (url, _) = serve(|_, _| None);
    let started = Instant::now();
    let problem = poll(source(&url), Limits::default()).unwrap_err();
    assert!(matches!(problem, Problem::TimedOut { .. }), "{problem}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_fetch_above_its_limit_is_ended() {
    let origin = Origin::new();
    let noise = |at: u32| char::from(b'a' + (at.wrapping_mul(at) % 23) as u8);
    let noise: String = (0..200_000).map(noise).collect();
    origin.commit("main", &[("a.yaml", &noise)]);
    let path = origin.path();
    let (url, _) = serve(move |request, _| Some(git_answer(&path, request)));
    let limits = Limits {
        fetch_bytes: 10,
        ..Limits::default()
    };
    let problem = poll(source(&url), limits).unwrap_err();
    assert!(
        matches!(problem, Problem::FetchTooLarge { .. }),
        "{problem}"
    );
    let limits = Limits {
        poll: Duration::ZERO,
        ..Limits::default()
    };
    let problem = poll(source(&url), limits).unwrap_err();
    assert!(matches!(problem, Problem::TimedOut { .. }), "{problem}");
}

#[test]
fn known_hosts_are_matched_as_openssh_writes_them() {
    let text = "
        # a comment
        git.example,192.0.2.1 ssh-ed25519 a2V5
        [git.example]:2222 ssh-ed25519 b3RoZXI=
        |1|c2FsdA==|6gu8Bz0Bh6pIpm2OAQRRYfmn2a4= ssh-ed25519 aGFzaGVk
        *.example ssh-ed25519 d2lsZA==
        @revoked git.example ssh-ed25519 b2xk
        git.example ssh-ed25519 b2xk
        @cert-authority git.example ssh-ed25519 Y2E=
    ";
    let knows = |host, port, key: &str| known_hosts::knows(text, host, port, key.as_bytes());
    assert!(knows("git.example", None, "key"));
    assert!(knows("GIT.example", Some(22), "key"));
    assert!(knows("192.0.2.1", None, "key"));
    assert!(knows("git.example", Some(2222), "other"));
    assert!(!knows("git.example", Some(2222), "key"));
    assert!(!knows("git.example", None, "other"));
    assert!(!knows("any.example", None, "wild"));
    assert!(!knows("git.example", None, "old"), "revoked");
    assert!(!knows("git.example", None, "ca"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"salt");
    let hash = ring::hmac::sign(&key, b"hidden.example");
    use base64::Engine as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    let hashed = format!("|1|c2FsdA==|{hash} ssh-ed25519 aGFzaGVk");
    assert!(known_hosts::knows(
        &hashed,
        "hidden.example",
        None,
        b"hashed"
    ));
    assert!(!known_hosts::knows(
        &hashed,
        "other.example",
        None,
        b"hashed"
    ));
}
