//! How a client ends: whoever has let it go has the profile for itself.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use keyfold_client::Client;
use keyfold_client::profile::key::Passphrase;
use keyfold_client::profile::settings::Settings;
use keyfold_client::profile::{Keep, Locked, Profile};
use tempfile::TempDir;

fn passphrase() -> Passphrase {
    Passphrase::new("sesame".to_owned().into()).unwrap()
}

/// A profile whose server is not there.
fn profile(path: &Path) -> Profile {
    let locked = Locked::take_or_make(path).unwrap();
    let server = "http://127.0.0.1:1".parse().unwrap();
    locked.settle(&Settings { server, ca: None }).unwrap();
    locked.protect(&Keep::Passphrase(passphrase())).unwrap();
    locked.open(Some(&passphrase())).unwrap()
}

#[tokio::test]
async fn a_client_that_is_dropped_has_ended() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("profile");
    let client = Client::start(profile(&path)).unwrap();
    let mut notices = client.subscribe();
    drop(client);
    Locked::take(&path)
        .unwrap()
        .open(Some(&passphrase()))
        .unwrap();
    while notices.next().await.is_some() {}
}

#[tokio::test]
async fn a_client_that_is_shut_down_has_ended() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("profile");
    let client = Client::start(profile(&path)).unwrap();
    client.shutdown().await;
    Locked::take(&path)
        .unwrap()
        .open(Some(&passphrase()))
        .unwrap();
}
