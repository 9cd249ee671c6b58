//! A small certificate authority: ACME (RFC 8555) over real HTTPS, under a private root.
//!
//! It checks what it is sent as a real one does: signatures and nonces of requests, the TLS-ALPN-01 challenge (RFC
//! 8737) by connecting to the server, the names and the signature of the certificate request.
//!
//! It runs on the test's runtime, so a test that blocks its own thread needs `flavor = "multi_thread"`.

mod challenge;
mod issue;
mod jws;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::random;
use issue::Issuer;
use jws::{Key, Signed, Signer};

pub use challenge::shown as shown_to_an_authority;
pub use issue::Lifetime;

pub struct Authority {
    shared: Arc<Shared>,
    url: String,
    serving: JoinHandle<()>,
}

struct Shared {
    url: String,
    issuer: Issuer,
    /// Where the names that are to be certified lead; validation waits until it is known.
    leads_to: watch::Sender<Option<SocketAddr>>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    requests: usize,
    nonces: HashSet<String>,
    accounts: Vec<Key>,
    orders: Vec<Order>,
    authorizations: Vec<Authorization>,
    lifetimes: Vec<Lifetime>,
    issued: Vec<Vec<u8>>,
}

struct Order {
    account: usize,
    authorizations: Vec<usize>,
    chain: Option<String>,
}

#[derive(Clone)]
struct Authorization {
    account: usize,
    name: String,
    token: String,
    result: Option<Result<(), String>>,
}

/// What a request is answered with, if not with a problem.
struct Reply {
    status: StatusCode,
    location: Option<String>,
    body: String,
}

/// The type of an ACME error, and a sentence.
type Problem = (&'static str, String);

impl Authority {
    /// Its certificates have these lifetimes, in this order; later ones are good for months.
    pub async fn start(lifetimes: &[Lifetime]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let issuer = Issuer::new();
        let acceptor = TlsAcceptor::from(issuer.own_tls("localhost"));
        let shared = Arc::new(Shared {
            url: url.clone(),
            issuer,
            leads_to: watch::channel(None).0,
            books: Mutex::new(Books {
                lifetimes: lifetimes.to_vec(),
                ..Books::default()
            }),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            axum::serve(Https { listener, acceptor }, router)
                .await
                .unwrap();
        });
        Self {
            shared,
            url,
            serving,
        }
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("{}/directory", self.url)
    }

    /// What clients trust, in PEM form.
    pub fn root(&self) -> &str {
        &self.shared.issuer.root
    }

    /// Says where all names lead: what port 443 is on the internet.
    pub fn names_lead_to(&self, address: SocketAddr) {
        self.shared.leads_to.send_replace(Some(address));
    }

    /// HTTP requests so far.
    pub fn requests(&self) -> usize {
        self.shared.books().requests
    }

    /// Accounts so far.
    pub fn accounts(&self) -> usize {
        self.shared.books().accounts.len()
    }

    /// All certificates so far, in DER form.
    pub fn issued(&self) -> Vec<Vec<u8>> {
        self.shared.books().issued.clone()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Https {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Https {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// The next connection that gets through its handshake.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (tcp, from) = self.listener.accept().await.unwrap();
            if let Ok(tls) = self.acceptor.accept(tcp).await {
                return (tls, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    shared.books().requests += 1;
    let result = match (&method, uri.path()) {
        (&Method::GET, "/directory") => Ok(reply(&shared.directory())),
        (&Method::HEAD, "/nonce") => Ok(Reply::new(String::new())),
        (&Method::POST, path) => {
            assert_eq!(headers["content-type"], "application/jose+json");
            shared.post(path, &body).await
        }
        _ => Err(malformed("there is nothing here")),
    };
    let mut response = match result {
        Ok(reply) => {
            let mut response = (reply.status, reply.body).into_response();
            if let Some(location) = reply.location {
                let location = HeaderValue::from_str(&location).unwrap();
                response.headers_mut().insert("location", location);
            }
            response
        }
        Err((kind, detail)) => {
            let problem = problem(kind, &detail).to_string();
            (StatusCode::BAD_REQUEST, problem).into_response()
        }
    };
    let nonce = shared.fresh_nonce();
    let nonce = HeaderValue::from_str(&nonce).unwrap();
    response.headers_mut().insert("replay-nonce", nonce);
    response
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    fn url(&self, path: &str, id: usize) -> String {
        format!("{}/{path}/{id}", self.url)
    }

    fn fresh_nonce(&self) -> String {
        let nonce = BASE64.encode(random::<16>());
        self.books().nonces.insert(nonce.clone());
        nonce
    }

    fn directory(&self) -> Value {
        let at = |path| format!("{}/{path}", self.url);
        json!({ "newNonce": at("nonce"), "newAccount": at("account"), "newOrder": at("order") })
    }

    async fn post(&self, path: &str, body: &[u8]) -> Result<Reply, Problem> {
        let signed = Signed::parse(body, &format!("{}{path}", self.url))?;
        if !self.books().nonces.remove(&signed.nonce) {
            return Err(("badNonce", "used, or not ours".to_owned()));
        }
        let key = match &signed.signer {
            Signer::Key(key) => key.clone(),
            Signer::Account(url) => self.account_key(url)?,
        };
        signed.verify(&key)?;
        if path == "/account" {
            return Ok(self.new_account(key));
        }
        let account = self.books().accounts.iter().position(|one| *one == key);
        let account = account.ok_or_else(|| malformed("no such account"))?;
        let words: Vec<_> = path.split('/').skip(1).collect();
        let id = words.get(1).and_then(|id| id.parse().ok());
        match (words[0], id) {
            ("order", None) => self.new_order(account, &signed.payload),
            ("order", Some(id)) => self.order(account, id),
            ("authorization", Some(id)) => self.authorization(account, id),
            ("challenge", Some(id)) => self.challenge(account, id).await,
            ("finalize", Some(id)) => self.finalize(account, id, &signed.payload),
            ("certificate", Some(id)) => self.certificate(account, id),
            _ => Err(malformed("there is nothing here")),
        }
    }

    fn account_key(&self, url: &str) -> Result<Key, Problem> {
        let books = self.books();
        let mut accounts = books.accounts.iter().enumerate();
        let found = accounts.find(|(id, _)| self.url("account", *id) == url);
        let (_, key) =
            found.ok_or_else(|| ("accountDoesNotExist", "no such account".to_owned()))?;
        Ok(key.clone())
    }

    fn new_account(&self, key: Key) -> Reply {
        let mut books = self.books();
        let known = books.accounts.iter().position(|one| *one == key);
        let id = known.unwrap_or(books.accounts.len());
        if known.is_none() {
            books.accounts.push(key);
        }
        let status = match known {
            Some(_) => StatusCode::OK,
            None => StatusCode::CREATED,
        };
        Reply {
            status,
            location: Some(self.url("account", id)),
            body: json!({ "status": "valid" }).to_string(),
        }
    }

    fn new_order(&self, account: usize, payload: &[u8]) -> Result<Reply, Problem> {
        let payload: Value =
            serde_json::from_slice(payload).map_err(|_| malformed("not an order"))?;
        let names = payload["identifiers"].as_array().unwrap();
        let mut books = self.books();
        let mut authorizations = Vec::new();
        for name in names {
            assert_eq!(name["type"], "dns");
            authorizations.push(books.authorizations.len());
            books.authorizations.push(Authorization {
                account,
                name: name["value"].as_str().unwrap().to_owned(),
                token: BASE64.encode(random::<32>()),
                result: None,
            });
        }
        let id = books.orders.len();
        books.orders.push(Order {
            account,
            authorizations,
            chain: None,
        });
        drop(books);
        let mut created = self.order(account, id)?;
        created.status = StatusCode::CREATED;
        Ok(created)
    }

    fn order(&self, account: usize, id: usize) -> Result<Reply, Problem> {
        let books = self.books();
        let order = books.order(account, id)?;
        let mut results = order
            .authorizations
            .iter()
            .map(|&one| &books.authorizations[one].result);
        let status = if order.chain.is_some() {
            "valid"
        } else if results.clone().any(|result| matches!(result, Some(Err(_)))) {
            "invalid"
        } else if results.all(Option::is_some) {
            "ready"
        } else {
            "pending"
        };
        let urls: Vec<_> = order
            .authorizations
            .iter()
            .map(|&one| self.url("authorization", one))
            .collect();
        let mut body = json!({
            "status": status,
            "authorizations": urls,
            "finalize": self.url("finalize", id),
        });
        if order.chain.is_some() {
            body["certificate"] = self.url("certificate", id).into();
        }
        Ok(Reply {
            location: Some(self.url("order", id)),
            ..reply(&body)
        })
    }

    fn authorization(&self, account: usize, id: usize) -> Result<Reply, Problem> {
        let books = self.books();
        let authorization = books.authorization(account, id)?;
        let status = authorization.status();
        Ok(reply(&json!({
            "status": status,
            "identifier": { "type": "dns", "value": authorization.name },
            "challenges": [
                { "type": "dns-01", "url": self.url("none", id), "status": "pending", "token": "x" },
                self.challenge_object(id, authorization),
            ],
        })))
    }

    fn challenge_object(&self, id: usize, authorization: &Authorization) -> Value {
        let mut object = json!({
            "type": "tls-alpn-01",
            "url": self.url("challenge", id),
            "status": authorization.status(),
            "token": authorization.token,
        });
        if let Some(Err(why)) = &authorization.result {
            object["error"] = problem("connection", why);
        }
        object
    }

    /// Validates before it answers, so that nobody has to wait for how it went.
    async fn challenge(&self, account: usize, id: usize) -> Result<Reply, Problem> {
        let (mut authorization, key) = {
            let books = self.books();
            (
                books.authorization(account, id)?.clone(),
                books.accounts[account].clone(),
            )
        };
        let mut leads_to = self.leads_to.subscribe();
        let address = leads_to.wait_for(Option::is_some).await.unwrap().unwrap();
        let proof = key.authorization(&authorization.token);
        let result = challenge::validate(address, &authorization.name, &proof).await;
        authorization.result = Some(result);
        let object = self.challenge_object(id, &authorization);
        self.books().authorizations[id] = authorization;
        Ok(reply(&object))
    }

    fn finalize(&self, account: usize, id: usize, payload: &[u8]) -> Result<Reply, Problem> {
        {
            let mut books = self.books();
            let order = books.order(account, id)?;
            let authorizations = order
                .authorizations
                .iter()
                .map(|&one| &books.authorizations[one]);
            let mut names = Vec::new();
            for authorization in authorizations {
                if authorization.result != Some(Ok(())) {
                    return Err(("orderNotReady", "not everything is proved".to_owned()));
                }
                names.push(authorization.name.clone());
            }
            let lifetime = match books.lifetimes.len() {
                0 => Lifetime::Months,
                _ => books.lifetimes.remove(0),
            };
            let payload: Value =
                serde_json::from_slice(payload).map_err(|_| malformed("not a request"))?;
            let csr = BASE64
                .decode(payload["csr"].as_str().unwrap())
                .map_err(|_| malformed("not base64url"))?;
            let certificate = self
                .issuer
                .issue(&csr, &names, lifetime)
                .map_err(|why| ("badCSR", why))?;
            books.issued.push(certificate.der().to_vec());
            books.orders[id].chain = Some(self.issuer.chain(&certificate));
        }
        self.order(account, id)
    }

    fn certificate(&self, account: usize, id: usize) -> Result<Reply, Problem> {
        let chain = self.books().order(account, id)?.chain.clone();
        chain
            .map(Reply::new)
            .ok_or_else(|| malformed("no certificate yet"))
    }
}

impl Books {
    fn order(&self, account: usize, id: usize) -> Result<&Order, Problem> {
        let order = self.orders.get(id).filter(|order| order.account == account);
        order.ok_or_else(|| malformed("no such order"))
    }

    fn authorization(&self, account: usize, id: usize) -> Result<&Authorization, Problem> {
        let found = self.authorizations.get(id);
        found
            .filter(|one| one.account == account)
            .ok_or_else(|| malformed("no such authorization"))
    }
}

impl Authorization {
    fn status(&self) -> &'static str {
        match self.result {
            None => "pending",
            Some(Ok(())) => "valid",
            Some(Err(_)) => "invalid",
        }
    }
}

impl Reply {
    fn new(body: String) -> Self {
        Self {
            status: StatusCode::OK,
            location: None,
            body,
        }
    }
}

fn reply(body: &Value) -> Reply {
    Reply::new(body.to_string())
}

fn problem(kind: &str, detail: &str) -> Value {
    json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail })
}

fn malformed(detail: &str) -> Problem {
    ("malformed", detail.to_owned())
}
