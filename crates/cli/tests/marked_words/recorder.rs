//! Stands before a server, ends the devices' TLS with the server's own certificate, begins TLS anew, and records what is
//! inside.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::observed::Observed;

/// What went over one connection so far, both ways.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) up: Mutex<Vec<u8>>,
    pub(crate) down: Mutex<Vec<u8>>,
}

pub(crate) struct Recorder {
    url: String,
    recordings: Arc<Mutex<Vec<Arc<Recording>>>>,
    // Ends all connections with it.
    _runtime: Runtime,
}

impl Recorder {
    pub(crate) fn before(server: &Observed) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let recordings = Arc::new(Mutex::new(Vec::new()));
        let (acceptor, connector) = (acceptor(server), connector(server));
        let (target, all) = (server.address.clone(), Arc::clone(&recordings));
        runtime.spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let recording = Arc::new(Recording::default());
                all.lock().unwrap().push(Arc::clone(&recording));
                let (acceptor, connector) = (acceptor.clone(), connector.clone());
                let target = target.clone();
                tokio::spawn(async move {
                    let from = acceptor.accept(from).await.unwrap();
                    let to = TcpStream::connect(target).await.unwrap();
                    let name = ServerName::try_from("127.0.0.1").unwrap();
                    let to = connector.connect(name, to).await.unwrap();
                    let (from_read, from_write) = tokio::io::split(from);
                    let (to_read, to_write) = tokio::io::split(to);
                    tokio::join!(
                        copy(from_read, to_write, &recording.up),
                        copy(to_read, from_write, &recording.down)
                    );
                });
            }
        });
        Self {
            url,
            recordings,
            _runtime: runtime,
        }
    }

    /// Where devices find it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All connections so far.
    pub(crate) fn recordings(&self) -> Vec<Arc<Recording>> {
        self.recordings.lock().unwrap().clone()
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    recorded: &Mutex<Vec<u8>>,
) {
    let mut buffer = vec![0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..count];
        // Before it goes on: what somebody has answered is recorded.
        recorded.lock().unwrap().extend(bytes);
        if to.write_all(bytes).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

fn acceptor(server: &Observed) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(server.tls_file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(server.tls_file("server-key.pem")).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

/// TLS as a device does it that trusts the server's CA.
pub(crate) fn connector(server: &Observed) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(server.ca()).unwrap())
        .unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
