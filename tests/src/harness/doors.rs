//! The two HTTP doors as a client sees them that has what it needs: a token of IMDS, or a lease.

use std::net::SocketAddr;

use serde_json::Value;

use super::http::{Answer, Connection, Endpoint, Request};
use super::user::User;
use super::world::World;

/// An IMDS listener, and a token that was got from it.
#[derive(Clone, Debug)]
pub struct Imds {
    user: User,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Six hours of `x-aws-ec2-metadata-token`.
    pub token: String,
}

impl Imds {
    const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";

    /// Asks for the role's name: what every SDK asks first.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn listing(&self) -> Answer {
        self.send(&self.request(""))
    }

    /// Asks for this role's credentials.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn document(&self, role: &str) -> Answer {
        self.send(&self.request(role))
    }

    /// The request for this role's credentials, with the token; for the listing if it is empty.
    pub fn request(&self, role: &str) -> Request {
        let path = format!("{}{role}", Self::CREDENTIALS);
        Request::get(&path).header("x-aws-ec2-metadata-token", &self.token)
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Answer {
        send(self.user, &self.endpoint, request)
    }
}

/// A live lease of the user's, good for any of the user's processes.
#[derive(Debug)]
pub struct Lease {
    user: User,
    role: String,
    /// The container door.
    pub endpoint: Endpoint,
    /// What goes into `Authorization`.
    pub token: String,
}

impl Lease {
    /// Asks for the lease's role.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn read(&self) -> Answer {
        send(self.user, &self.endpoint, &self.request())
    }

    /// The request for the lease's role.
    pub fn request(&self) -> Request {
        Request::get(&format!("/role/{}", self.role)).header("authorization", &self.token)
    }
}

#[track_caller]
fn send(user: User, endpoint: &Endpoint, request: &Request) -> Answer {
    let answer = user.act(|| endpoint.send(request));
    answer.unwrap_or_else(|error| panic!("{error}: {request:?} to {endpoint:?}"))
}

impl World {
    /// Gets a token from the IMDS listener on this port, as the user.
    ///
    /// # Panics
    /// When it gives none.
    #[track_caller]
    pub fn imds(&self, port: u16) -> Imds {
        let endpoint = Endpoint::Tcp(([127, 0, 0, 1], port).into());
        let request = Request::new("PUT", "/latest/api/token")
            .header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
        let answer = send(self.user(), &endpoint, &request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        Imds {
            user: self.user(),
            endpoint,
            token: answer.text(),
        }
    }

    /// Takes a lease of this role that any process of the user may use.
    ///
    /// # Panics
    /// When none is given.
    #[track_caller]
    pub fn lease(&self, role: &str) -> Lease {
        let words = "lease create --shared --ttl 8h --format json --role";
        let words: Vec<&str> = words.split(' ').chain([role]).collect();
        let variables: Value = self.rolecall(&words).json();
        let variable = |name: &str| {
            let value = variables["set"][name].as_str();
            value.unwrap_or_else(|| panic!("no {name}: {variables:#}"))
        };
        let uri = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let address = uri
            .strip_prefix("http://")
            .and_then(|rest| rest.split('/').next())
            .and_then(|address| address.parse::<SocketAddr>().ok())
            .unwrap_or_else(|| panic!("no address in {uri:?}"));
        Lease {
            user: self.user(),
            role: role.into(),
            endpoint: Endpoint::Tcp(address),
            token: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").into(),
        }
    }

    /// Opens a connection as the user.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn connect(&self, endpoint: &Endpoint) -> Connection {
        let connection = self.user().act(|| endpoint.connect());
        connection.unwrap_or_else(|error| panic!("{error}: {endpoint:?}\n{}", self.log()))
    }

    /// What `GET /v1/status` says of this role.
    ///
    /// # Panics
    /// When there is no such role.
    #[track_caller]
    pub fn role_status(&self, role: &str) -> Value {
        let status: Value = self.get("/v1/status").json();
        let roles = status["roles"].as_array().cloned().unwrap_or_default();
        let found = roles.into_iter().find(|entry| entry["name"] == role);
        found.unwrap_or_else(|| panic!("no role {role}: {status:#}"))
    }
}
