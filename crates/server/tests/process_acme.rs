//! A real server process gets its certificates from an authority, by ACME.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use kit::{Authority, Lifetime, Person, Server, shown_to_an_authority, soon};
use rustix::process::Signal;

const NAME: &str = "chat.example.org";

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_from_an_authority_and_outlives_a_restart() {
    let authority = Authority::start(&[]).await;
    let mut server = Server::start_certified(NAME, &authority);
    server.logs("DeployedNewCert");
    server.logs("CertCacheStore");
    let issued = authority.issued();
    assert_eq!(issued.len(), 1);
    assert_eq!(server.certificate().await, issued[0]);
    server.assert_well().await;
    let ada = Person::new("ada");
    ada.registers(&server).await;
    let kept = server.data().join("acme");
    assert_owners_alone(&kept);

    std::fs::set_permissions(&kept, Permissions::from_mode(0o755)).unwrap();
    let asked = authority.requests();
    let mut server = server.killed_and_restarted();
    server.logs("DeployedCachedCert");
    assert_owners_alone(&kept);
    server.assert_well().await;
    ada.returns(&server, 0).await;
    assert_eq!(server.certificate().await, issued[0]);
    server.signal(Signal::TERM);
    assert!(server.ended());
    assert_eq!(authority.requests(), asked, "it was asked again");
}

/// The account's key and the certificate with its key, and nothing that others could read.
fn assert_owners_alone(folder: &Path) {
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let files: Vec<_> = folder.read_dir().unwrap().map(Result::unwrap).collect();
    let mut names: Vec<_> = files
        .iter()
        .map(|file| file.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("account-") && names[1].starts_with("certificate-"));
    for file in files {
        assert_eq!(mode(&file.path()), 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_lost_is_ordered_again_by_the_same_account() {
    let authority = Authority::start(&[]).await;
    let mut server = Server::start_certified(NAME, &authority);
    server.logs("CertCacheStore");
    for file in server.data().join("acme").read_dir().unwrap() {
        let path = file.unwrap().path();
        if path.to_str().unwrap().contains("certificate-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let mut server = server.killed_and_restarted();
    server.logs("DeployedNewCert");
    assert_eq!(authority.issued().len(), 2);
    assert_eq!(server.certificate().await, authority.issued()[1]);
    assert_eq!(authority.accounts(), 1, "the account is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_nearly_over_is_replaced_while_the_server_runs() {
    let authority = Authority::start(&[Lifetime::NearlyOver]).await;
    let mut server = Server::start_certified(NAME, &authority);
    server.logs("DeployedNewCert");
    let ada = Person::new("ada");
    let mut socket = ada.registers(&server).await;
    server.logs("DeployedNewCert");
    let issued = authority.issued();
    assert_eq!(issued.len(), 2);
    assert_eq!(server.certificate().await, issued[1]);
    assert_eq!(authority.accounts(), 1, "the account is kept");
    // Who was there before stays.
    kit::address(&mut socket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_name_leads_here_the_certificate_comes_by_itself() {
    let authority = Authority::start(&[]).await;
    let mut server = Server::start_uncertified(NAME, &authority);
    // A port at which nobody is.
    authority.names_lead_to("127.0.0.1:1".parse().unwrap());
    let why = server.logs("no certificate by ACME yet");
    assert!(why.contains("does not answer as it should"), "{why}");
    assert!(
        soon(server.tls()).await.is_err(),
        "under which certificate?"
    );
    authority.names_lead_to(server.address());
    server.logs("DeployedNewCert");
    server.assert_well().await;
    assert_eq!(authority.accounts(), 1, "the account is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_no_authority_set_is_not_answered() {
    let authority = Authority::start(&[]).await;
    let mut server = Server::start_certified(NAME, &authority);
    server.logs("DeployedNewCert");
    for name in [NAME, "other.example.org"] {
        let shown = soon(shown_to_an_authority(server.address(), name)).await;
        assert!(shown.is_err(), "a certificate for {name} was shown");
    }
    server.assert_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_root_is_not_trusted_unasked() {
    let authority = Authority::start(&[]).await;
    let directory = authority.directory();
    let mut server = Server::start_plain(&[
        "--acme",
        NAME,
        "--acme-contact",
        "ada@example.org",
        "--acme-directory",
        &directory,
    ]);
    let why = server.logs("no certificate by ACME yet");
    assert!(why.contains("UnknownIssuer"), "{why}");
    assert_eq!(authority.requests(), 0);
}

#[test]
fn roots_that_cannot_be_read_are_refused_at_the_start() {
    let folder = tempfile::TempDir::new().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    for (file, why) in [
        ("/nowhere/root.pem", "/nowhere/root.pem cannot be read"),
        (empty, "holds no certificate in PEM form"),
    ] {
        let output = Server::command(folder.path())
            .args(["--acme", NAME, "--acme-contact", "ada@example.org"])
            .args(["--acme-directory", "https://localhost:1/directory"])
            .args(["--acme-ca", file, "--listen", "127.0.0.1:0"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_does_not_stop_the_server() {
    let mut server = Server::start_plain(&[
        "--acme",
        "chat.example.org",
        "--acme-contact",
        "ada@example.org",
        "--acme-directory",
        "https://127.0.0.1:1/dir",
    ]);
    assert!(server.is_tls());
    server.logs("no certificate by ACME yet");
    server.signal(Signal::TERM);
    assert!(server.ended());
}
