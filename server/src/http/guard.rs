//! Who may use the server from a browser. There are no tokens yet, so any page in the user's browser could
//! otherwise act for them: by its requests, whose `Origin` tells, or by a name of its own that it points at this
//! machine, which `Host` tells.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use super::ApiError;
use crate::app::AppState;

/// The origins that pages may come from.
#[derive(Debug)]
pub(crate) struct Origins {
    allowed: Vec<String>,
    /// Names other than this machine's own that the server may be called by.
    hosts: Vec<String>,
}

impl Origins {
    /// The server's own origins at a port, and further ones.
    pub(crate) fn new(port: u16, further: Vec<String>) -> Origins {
        let own = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("http://{host}:{port}"));
        let name = |origin: &String| origin.split_once("://").map(|(_, host)| name_of(host).to_owned());
        Origins {
            hosts: further.iter().filter_map(name).collect(),
            allowed: own.into_iter().chain(further).collect(),
        }
    }

    /// Refuses requests of pages from elsewhere. Whatever is no browser sends no origin.
    pub(crate) fn check(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        if self.allowed.contains(&origin) {
            return Ok(());
        }
        let message = format!("pages from {origin:?} may not use this server; --origin lets them");
        Err(ApiError::forbidden("origin_not_allowed", message))
    }

    /// The address of the server as the client called it.
    pub(crate) fn address(&self, request: &HttpRequest) -> String {
        let host = host(request).unwrap_or("localhost");
        let further =
            self.allowed.iter().find(|origin| origin.split_once("://").is_some_and(|(_, h)| h == host));
        further.cloned().unwrap_or_else(|| format!("http://{host}"))
    }

    fn knows(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        let address: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
        name == "localhost" || address.is_some_and(|ip| ip.is_loopback()) || self.hosts.contains(&name)
    }
}

/// Refuses requests that call the server by a name that is not its own.
pub(crate) async fn check_host(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let state = request.app_data::<web::Data<AppState>>();
    let named =
        host(request.request()).is_none_or(|host| state.is_none_or(|state| state.origins.knows(host)));
    if !named {
        let message = "the server does not go by this name; --origin gives it one";
        return Err(ApiError::forbidden("host_not_allowed", message).into());
    }
    next.call(request).await
}

fn host(request: &HttpRequest) -> Option<&str> {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    authority.or_else(|| request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default()))
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn check(origin: &str) -> bool {
        let origins = Origins::new(8080, vec!["https://review.example.com".to_owned()]);
        origins
            .check(&TestRequest::default().insert_header((header::ORIGIN, origin)).to_http_request())
            .is_ok()
    }

    #[test]
    fn only_known_origins_pass() {
        assert!(
            check("http://127.0.0.1:8080") && check("http://localhost:8080") && check("http://[::1]:8080")
        );
        assert!(check("https://review.example.com"));
        assert!(!check("http://127.0.0.1:8081") && !check("https://localhost:8080") && !check("null"));
        assert!(!check("http://evil.example") && !check("") && !check("http://localhost:8080.evil.example"));
    }

    #[test]
    fn only_known_names_pass() {
        let origins = Origins::new(8080, vec!["https://review.example.com".to_owned()]);
        for host in
            ["localhost", "localhost:9000", "127.0.0.1:1", "[::1]:8080", "[::1]", "review.example.com"]
        {
            assert!(origins.knows(host), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "10.0.0.1:8080", "", "localhost.evil.example"] {
            assert!(!origins.knows(host), "{host}");
        }
    }
}
