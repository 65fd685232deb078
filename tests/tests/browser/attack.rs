//! A machine with a daemon, a careless server, and an attacker who has a name, pages and patience.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use rolecall_tests::browser::{Asked, Browser, Dns, Said, browser_is_there, serve};
use rolecall_tests::harness::{Endpoint, Imds, Lease, World, free_port, hold_address};
use serde_json::{Value, json};

/// Lets pages of other places reach this machine, as browsers other than Chromium do.
pub(crate) const LOCAL_ACCESS: &str = "--disable-features=LocalNetworkAccessChecks";

/// What the careless server gives away.
pub(crate) const SECRET: &str = "given/to+anybody";

/// The pages that are each of one server's origin.
pub(crate) const DOORS: [&str; 3] = ["imds", "container", "control"];

/// Looks public: RFC 5737.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);

/// The attacker's name.
const NAME: &str = "evil.test";

/// Everything that an attack needs.
pub(crate) struct Attack {
    pub(crate) world: World,
    program: &'static str,
    dns: Dns,
    lease: Lease,
    imds: Imds,
    site: SocketAddr,
    reports: Arc<Mutex<Vec<Value>>>,
}

impl Attack {
    /// A daemon with a session, and the attacker's servers; None where there is no browser, or no root in a
    /// namespace of its own. Attacks of different `number` can be made at once.
    #[expect(clippy::print_stderr, reason = "the tests' own output")]
    pub(crate) fn prepare(number: u8) -> Option<Self> {
        let program = browser_is_there()?;
        if !hold_address(&PUBLIC.to_string()) {
            eprintln!("skipped: needs root in a network namespace of its own (tests/isolated)");
            return None;
        }
        let mut world = World::new();
        let port = free_port();
        world.configure(&format!(
            "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
        ));
        world.start();
        let lease = world.lease("dev");
        let imds = world.imds(port);
        assert_eq!(
            (lease.read().status, imds.document("dev").status),
            (200, 200)
        );
        let dns = Dns::start(Ipv4Addr::new(127, 53, 0, number)).expect("port 53 in a namespace");
        dns.point(NAME, PUBLIC);
        dns.point("evil.local.test", Ipv4Addr::LOCALHOST);

        let reports = Arc::new(Mutex::new(Vec::new()));
        let control = serve((Ipv4Addr::LOCALHOST, 0).into(), careless).expect("a port");
        let mut attack = Self {
            world,
            program,
            dns,
            lease,
            imds,
            site: control,
            reports,
        };
        let ports = [
            ("imds", port),
            ("container", attack.container_port()),
            ("control", control.port()),
        ];
        attack.site = attack.serve("frames", 0, &ports);
        for (page, port) in ports {
            attack.serve(page, port, &ports);
        }
        Some(attack)
    }

    fn container_port(&self) -> u16 {
        match &self.lease.endpoint {
            Endpoint::Tcp(address) => address.port(),
            Endpoint::Unix(path) => panic!("{}", path.display()),
        }
    }

    /// The attacker's server at one port: pages, and a place for what they have to tell.
    fn serve(&self, page: &'static str, port: u16, ports: &[(&'static str, u16); 3]) -> SocketAddr {
        let reports = Arc::clone(&self.reports);
        let (token, lease, site) = (self.imds.token.clone(), self.lease.token.clone(), self.site);
        let ports = *ports;
        let handler = move |asked: &Asked| {
            if asked.method == "POST" {
                let report = serde_json::from_slice(&asked.body).expect("what our pages send");
                reports.lock().expect("nothing panics with it").push(report);
                return said(String::new());
            }
            let report = match page {
                "frames" => "/report".to_owned(),
                _ => format!("http://{site}/report"),
            };
            let plan = |page: &str| {
                let ports: Value = ports
                    .iter()
                    .map(|(door, port)| ((*door).to_owned(), json!(port)))
                    .collect();
                json!({"page": page, "report": report, "token": token, "lease": lease, "ports": ports})
            };
            match (page, asked.path.as_str()) {
                ("frames", "/rebinding") => {
                    let frame = |(_, port): &(&str, u16)| {
                        format!("<iframe src=\"http://{NAME}:{port}/\"></iframe>")
                    };
                    said(ports.iter().map(frame).collect())
                }
                ("frames", "/crossing") => {
                    let page = include_str!("crossing.html");
                    said(page.replace("PLAN;", &format!("{};", plan("crossing"))))
                }
                ("frames", _) => said(String::new()),
                _ => {
                    let text = include_str!("rebinding.html");
                    said(text.replace("PLAN;", &format!("{};", plan(page))))
                }
            }
        };
        serve((PUBLIC, port).into(), handler).expect("the port of the public address")
    }

    /// Opens the attacker's page in the user's browser.
    pub(crate) fn open(&self, page: &str, flags: &[&str]) -> Browser {
        let url = format!("http://{NAME}:{}/{page}", self.site.port());
        Browser::open(self.program, &self.world, &self.dns, flags, &url)
    }

    /// Where the attacker's name leads from now on.
    pub(crate) fn point_at(&self, address: Ipv4Addr) {
        self.dns.point(NAME, address);
    }

    /// What pages have told so far.
    pub(crate) fn reports(&self) -> Vec<Value> {
        self.reports.lock().expect("nothing panics with it").clone()
    }

    /// What this page told when it was in this state.
    pub(crate) fn report(&self, page: &str, state: &str) -> Option<Value> {
        let reports = self.reports().into_iter();
        reports
            .rev()
            .find(|it| it["page"] == page && it["state"] == state)
    }

    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.world.path("browser.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// How many processes the browser has.
    pub(crate) fn browser_processes(&self) -> usize {
        let profile = self.world.path("tmp/browser").display().to_string();
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
        let is_its = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(&profile);
        lines.filter(is_its).count()
    }

    /// How often each HTTP door gave what was asked for.
    pub(crate) fn doors_answers(&self) -> Vec<String> {
        let metrics = self.world.get("/v1/metrics").text();
        let given = metrics.lines().filter(|line| {
            line.starts_with("rolecall_answers_total{")
                && line.contains("\"200\"")
                && !line.contains("socket")
        });
        given.map(str::to_owned).collect()
    }

    /// Not one answer of 200 since `before`, and no secret in what the pages know.
    #[track_caller]
    pub(crate) fn assert_nothing_was_given(&self, before: &[String]) {
        assert_eq!(before.len(), 2, "{before:?}");
        assert_eq!(self.doors_answers(), before);
        let session: Value = self.lease.read().json();
        let reports = json!(self.reports()).to_string();
        for name in ["SecretAccessKey", "Token"] {
            let secret = session[name].as_str().expect("a session");
            assert!(!reports.contains(secret), "{name}: {reports}");
        }
        // And who may have it still does.
        assert_eq!(self.imds.document("dev").status, 200);
    }
}

fn said(body: String) -> Said {
    Said {
        status: 200,
        headers: vec!["Content-Type: text/html".into(), "X-Attacker: 1".into()],
        body,
    }
}

/// What our doors would be without their guard, and with the best of intentions towards pages.
fn careless(asked: &Asked) -> Said {
    let body = match (asked.method.as_str(), asked.path.as_str()) {
        ("OPTIONS", _) => String::new(),
        ("PUT", "/latest/api/token") => "a-token".into(),
        (_, "/latest/meta-data/iam/security-credentials/") => "dev".into(),
        _ if asked
            .header("accept")
            .is_some_and(|it| it.starts_with("image/")) =>
        {
            PIXEL.into()
        }
        _ if asked.header("accept") == Some("text/event-stream") => format!("data: {SECRET}\n\n"),
        _ => json!({"SecretAccessKey": SECRET}).to_string(),
    };
    let kind = match asked.header("accept") {
        Some(accept) if accept.starts_with("image/") => "image/svg+xml",
        Some("text/event-stream") => "text/event-stream",
        _ => "application/json",
    };
    let origin = asked.header("origin").unwrap_or("*");
    Said {
        status: 200,
        headers: vec![
            format!("Content-Type: {kind}"),
            format!("Access-Control-Allow-Origin: {origin}"),
            "Access-Control-Allow-Credentials: true".into(),
            "Access-Control-Allow-Methods: GET, POST, PUT".into(),
            "Access-Control-Allow-Headers: authorization, x-aws-ec2-metadata-token, \
             x-aws-ec2-metadata-token-ttl-seconds"
                .into(),
            "Access-Control-Allow-Private-Network: true".into(),
        ],
        body,
    }
}

const PIXEL: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"7\" height=\"7\"/>";
