//! A development CA: TLS on one's own machine, for tests and for trying things out.
//!
//! The folder holds `ca.pem` (what clients trust), `server.pem` and `server-key.pem`. The CA's own key is thrown away
//! once it has signed the server's certificate, and the CA is constrained to loopback names (RFC 5280 section
//! 4.2.1.10), so trusting it by mistake opens nothing.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};

use crate::config::CertificateFiles;

/// Why there is no development CA.
#[derive(Debug, thiserror::Error)]
pub enum DevCaError {
    /// The folder cannot be written.
    #[error("the development CA cannot be kept in {}: {source}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("the development CA cannot be made: {0}")]
    Generation(#[from] rcgen::Error),
}

/// The server's certificate from this folder; makes it, and its CA, unless all of it is there.
pub(super) fn ensure(folder: &Path) -> Result<CertificateFiles, DevCaError> {
    let files = CertificateFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server-key.pem"),
    };
    let ca = folder.join("ca.pem");
    if [&ca, &files.certificate, &files.key]
        .iter()
        .all(|path| path.is_file())
    {
        return Ok(files);
    }
    let made = Made::new()?;
    made.write(folder, &ca, &files)
        .map_err(|source| DevCaError::Folder {
            folder: folder.to_owned(),
            source,
        })?;
    Ok(files)
}

struct Made {
    ca: String,
    certificate: String,
    key: String,
}

impl Made {
    fn new() -> Result<Self, rcgen::Error> {
        let ca_key = KeyPair::generate()?;
        let ca_params = ca_params()?;
        let ca = ca_params.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca_params, ca_key);
        let key = KeyPair::generate()?;
        let certificate = server_params()?.signed_by(&key, &issuer)?;
        Ok(Self {
            ca: ca.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The CA last: where it is, the rest is.
    fn write(&self, folder: &Path, ca: &Path, files: &CertificateFiles) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        write(&files.key, &self.key, 0o600)?;
        write(&files.certificate, &self.certificate, 0o644)?;
        write(ca, &self.ca, 0o644)
    }
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?
        .write_all(text.as_bytes())
}

fn ca_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(
        DnType::CommonName,
        "Keyfold development CA, for this machine alone",
    );
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".into()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
                std::net::Ipv6Addr::LOCALHOST.octets(),
                128,
            )),
        ],
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

fn server_params() -> Result<CertificateParams, rcgen::Error> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
