//! A server process on a temporary folder, killed when dropped.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::DEADLINE;
use super::authority::Authority;
use super::socket::{Bytes, Closed, Socket};

pub struct Server {
    child: Child,
    out: Mutex<Receiver<String>>,
    log: Mutex<Receiver<String>>,
    folder: Arc<TempDir>,
    args: Vec<String>,
    url: String,
    /// Who its certificate is for.
    name: &'static str,
}

impl Server {
    /// Over TLS with a development CA.
    pub fn start(args: &[&str]) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let ca = folder.path().join("ca").to_str().unwrap().to_owned();
        let mut all = vec!["--dev-ca".to_owned(), ca];
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        Self::on(folder, all, "127.0.0.1:0", "127.0.0.1")
    }

    /// Over TLS with certificates for this name by an authority, which finds it here.
    pub fn start_certified(name: &'static str, authority: &Authority) -> Self {
        let server = Self::start_uncertified(name, authority);
        authority.names_lead_to(server.address());
        server
    }

    /// Over TLS with certificates for this name by an authority, which has yet to be told where the name leads.
    pub fn start_uncertified(name: &'static str, authority: &Authority) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        std::fs::create_dir(folder.path().join("ca")).unwrap();
        let root = folder.path().join("ca/ca.pem");
        std::fs::write(&root, authority.root()).unwrap();
        let directory = authority.directory();
        let root = root.to_str().unwrap();
        let args = [
            ["--acme", name],
            ["--acme-contact", "ada@example.org"],
            ["--acme-directory", &directory],
            ["--acme-ca", root],
        ];
        let args = args.concat().into_iter().map(str::to_owned).collect();
        Self::on(folder, args, "127.0.0.1:0", name)
    }

    /// Plain HTTP.
    pub fn start_plain(args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self::on(
            Arc::new(TempDir::new().unwrap()),
            args,
            "127.0.0.1:0",
            "127.0.0.1",
        )
    }

    fn on(folder: Arc<TempDir>, args: Vec<String>, listen: &str, name: &'static str) -> Self {
        let mut child = Self::command(folder.path())
            .args(["--listen", listen])
            .args(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = Mutex::new(lines(child.stdout.take().unwrap()));
        let log = Mutex::new(lines(child.stderr.take().unwrap()));
        let mut server = Self {
            child,
            out,
            log,
            folder,
            args,
            url: String::new(),
            name,
        };
        let line = server.line();
        let url = line
            .strip_prefix("keyfold-server listening on ")
            .expect(&line);
        url.clone_into(&mut server.url);
        server
    }

    /// The binary with its data folder, without anything else.
    pub fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyfold-server"));
        command.arg("--data").arg(folder.join("data"));
        command
    }

    /// The next line on standard output.
    pub fn line(&mut self) -> String {
        if let Ok(line) = self.out.get_mut().unwrap().recv_timeout(DEADLINE) {
            return line;
        }
        let log: Vec<_> = self.log.get_mut().unwrap().try_iter().collect();
        panic!("the server said nothing; its log: {log:?}")
    }

    /// Waits for a log line with these words.
    pub fn logs(&mut self, words: &str) -> String {
        let log = self.log.get_mut().unwrap();
        let mut others = Vec::new();
        let end = Instant::now() + DEADLINE;
        while let Ok(line) = log.recv_timeout(end - Instant::now()) {
            if line.contains(words) {
                return line;
            }
            others.push(line);
        }
        panic!("{words:?} was not logged, but: {others:#?}")
    }

    /// All log lines since the last look. For a server that has ended.
    pub fn rest_of_log(&mut self) -> Vec<String> {
        self.log.get_mut().unwrap().iter().collect()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn is_tls(&self) -> bool {
        self.url.starts_with("https://")
    }

    pub fn address(&self) -> SocketAddr {
        self.url.split_once("://").unwrap().1.parse().unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Memory that the process holds, in bytes.
    #[cfg(target_os = "linux")]
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim()
            .strip_suffix(" kB")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1_024
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Killed without a word, as by the kernel, and started again on the same folder and port.
    pub fn killed_and_restarted(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::on(
            Arc::clone(&self.folder),
            self.args.clone(),
            &self.address().to_string(),
            self.name,
        )
    }

    /// Waits for the end of a process that was told to end. Whether it ended well.
    pub fn ended(&mut self) -> bool {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(start.elapsed() < DEADLINE, "the server did not end");
            std::thread::yield_now();
        }
    }

    /// One connection's bytes, inside TLS where the server does TLS.
    pub async fn bytes(&self) -> Bytes {
        if self.is_tls() {
            return Box::new(self.tls().await.unwrap());
        }
        Box::new(self.tcp().await)
    }

    /// One connection after its handshake, or why there is none.
    pub async fn tls(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let name = self.name.try_into().unwrap();
        tokio_rustls::TlsConnector::from(self.trust())
            .connect(name, self.tcp().await)
            .await
    }

    async fn tcp(&self) -> TcpStream {
        let tcp = TcpStream::connect(self.address()).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp
    }

    /// The certificate that clients see, in DER form.
    pub async fn certificate(&self) -> Vec<u8> {
        let stream = self.tls().await.unwrap();
        let (_, session) = stream.get_ref();
        session.peer_certificates().unwrap()[0].to_vec()
    }

    /// A client's TLS that trusts this server's development CA, or its authority's root.
    pub fn trust(&self) -> Arc<rustls::ClientConfig> {
        let ca = CertificateDer::from_pem_file(self.folder.path().join("ca/ca.pem")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    pub async fn mailbox(&self) -> Socket {
        Socket::open(self, keyfold_wire::frame::MAILBOX_PATH, &[])
            .await
            .unwrap()
    }

    pub async fn anonymous(&self) -> Socket {
        self.anonymous_with(&[]).await.unwrap()
    }

    /// With these headers. The HTTP status where there is no socket.
    pub async fn anonymous_with(&self, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        Socket::open(self, keyfold_wire::frame::ANONYMOUS_PATH, headers).await
    }

    /// One plain HTTP request: the whole answer.
    pub async fn http(&self, request: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut bytes = self.bytes().await;
        bytes.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = super::soon(bytes.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub async fn get(&self, path: &str) -> String {
        self.http(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    /// Still works: the store answers, and a socket opens.
    pub async fn assert_well(&self) {
        assert!(self.get("/healthz").await.starts_with("HTTP/1.1 200"));
        let mut socket = self.anonymous().await;
        socket.close().await;
        assert_eq!(socket.closed().await, Closed::default());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (lines, received) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    received
}
