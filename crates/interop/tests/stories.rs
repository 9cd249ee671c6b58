//! Keyfold's client and one whose MLS is `mls-rs`, in one conversation, through Keyfold's server: create, join, talk, update, add, remove,
//! leave, from either side. Exporter, Welcome, commits and messages agree, or nobody could read anything.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stderr
)]

mod kit;
mod second;

use keyfold_engine::Command;
use keyfold_engine::view::Standing;
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use kit::person::Person;
use kit::server::Server;
use second::Second;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_keyfolds_with_a_member_on_mls_rs() {
    let server = Server::start();
    let ada = Person::registers(&server, "ada").await;
    let bo = Person::registers(&server, "bo").await;
    let mut cy = Second::registers(&server, "cy").await;

    let climbing = ada.creates(Some("climbing"), &["bo", "cy"]).await;
    bo.comes_to_see(climbing, &["ada", "bo", "cy"]).await;
    ada.says(climbing, "meet at six").await;
    cy.comes_to_read(climbing, &["ada: meet at six"]).await;
    assert_eq!(cy.members(climbing), ["ada", "bo", "cy"]);
    assert_eq!(cy.state(climbing).name.as_str(), "climbing");

    cy.says(climbing, "six is **fine**").await;
    cy.says(climbing, "where?").await;
    let mut read = vec!["ada: meet at six", "cy: six is **fine**", "cy: where?"];
    ada.comes_to_read(climbing, &read).await;
    bo.comes_to_read(climbing, &read).await;
    cy.comes_to_read(climbing, &read).await;

    // Commits by Keyfold: new keys, a new name.
    let before = cy.epoch(climbing);
    bo.does(Command::Update {
        conversation: climbing,
    })
    .await;
    bo.settles().await;
    let name = "bouldering".to_owned();
    ada.does(Command::Rename {
        conversation: climbing,
        name,
    })
    .await;
    ada.settles().await;
    cy.until(|cy| cy.state(climbing).name.as_str() == "bouldering")
        .await;
    assert!(cy.epoch(climbing) >= before + 2);

    // By mls-rs: new keys and a new address.
    cy.updates(climbing).await;
    bo.says(climbing, "at the wall").await;
    cy.says(climbing, "see you there").await;
    read.extend(["bo: at the wall", "cy: see you there"]);
    cy.comes_to_read(climbing, &read).await;
    ada.comes_to_read(climbing, &read).await;
    bo.comes_to_read(climbing, &read).await;

    ada.removes(climbing, "cy").await;
    cy.until(|cy| cy.is_out(climbing)).await;
    bo.comes_to_see(climbing, &["ada", "bo"]).await;
    ada.says(climbing, "only us now").await;
    read.push("ada: only us now");
    bo.comes_to_read(climbing, &read).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_on_mls_rs_adds_and_removes() {
    let server = Server::start();
    let ada = Person::registers(&server, "ada").await;
    let bo = Person::registers(&server, "bo").await;
    let di = Person::registers(&server, "di").await;
    let mut cy = Second::registers(&server, "cy").await;

    let tea = ada.creates(Some("tea"), &["bo", "cy"]).await;
    ada.gives_role(tea, cy.account(), Role::Admin).await;
    cy.until(|cy| cy.knows(tea) && cy.state(tea).role(cy.account()) == Role::Admin)
        .await;

    cy.adds(tea, "di").await;
    for person in [&ada, &bo, &di] {
        person.comes_to_see(tea, &["ada", "bo", "cy", "di"]).await;
    }
    di.says(tea, "hello").await;
    cy.says(tea, "welcome").await;
    for person in [&ada, &bo, &di] {
        person
            .comes_to_read(tea, &["di: hello", "cy: welcome"])
            .await;
    }

    cy.removes(tea, bo.account().await).await;
    bo.comes_to_show(tea, "that it is out", |shown| {
        shown.standing == Standing::Left
    })
    .await;
    di.says(tea, "bo has gone").await;
    for person in [&ada, &di] {
        person
            .comes_to_read(tea, &["di: hello", "cy: welcome", "di: bo has gone"])
            .await;
        person.comes_to_see(tea, &["ada", "cy", "di"]).await;
    }
    cy.comes_to_read(tea, &["di: hello", "cy: welcome", "di: bo has gone"])
        .await;

    // The blank leaf is filled again, by Keyfold.
    ada.adds(tea, "bo").await;
    bo.comes_to_see(tea, &["ada", "bo", "cy", "di"]).await;
    cy.until(|cy| cy.members(tea) == ["ada", "bo", "cy", "di"])
        .await;
    cy.says(tea, "bo is back").await;
    bo.comes_to_read(tea, &["di: hello", "cy: welcome", "cy: bo is back"])
        .await;

    // And by mls-rs.
    let account = bo.account().await;
    cy.removes(tea, account).await;
    cy.adds(tea, "bo").await;
    for person in [&ada, &bo, &di] {
        person.comes_to_see(tea, &["ada", "bo", "cy", "di"]).await;
    }
    bo.says(tea, "once more").await;
    cy.until(|cy| {
        cy.reads(tea)
            .last()
            .is_some_and(|last| last == "bo: once more")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_mls_rs_made() {
    let server = Server::start();
    let ada = Person::registers(&server, "ada").await;
    let bo = Person::registers(&server, "bo").await;
    let di = Person::registers(&server, "di").await;
    let mut cy = Second::registers(&server, "cy").await;

    let chess = cy.creates(Some("chess"), &["ada", "bo"]).await;
    for person in [&ada, &bo] {
        person.comes_to_see(chess, &["ada", "bo", "cy"]).await;
    }
    let shown = ada.shows(chess).await.unwrap();
    assert_eq!(
        (shown.name.as_str(), shown.suite),
        ("chess", Suite::Classic)
    );
    cy.says(chess, "e4").await;
    ada.comes_to_read(chess, &["cy: e4"]).await;
    ada.says(chess, "e5").await;
    for person in [&ada, &bo] {
        person.comes_to_read(chess, &["cy: e4", "ada: e5"]).await;
    }
    cy.comes_to_read(chess, &["cy: e4", "ada: e5"]).await;

    cy.gives_role(chess, ada.account().await, Role::Admin).await;
    let account = ada.account().await;
    ada.comes_to_show(chess, "that she is admin", |shown| {
        shown
            .members
            .iter()
            .any(|one| one.contact.account == account && one.role == Role::Admin)
    })
    .await;
    ada.adds(chess, "di").await;
    di.comes_to_see(chess, &["ada", "bo", "cy", "di"]).await;
    cy.until(|cy| cy.members(chess) == ["ada", "bo", "cy", "di"])
        .await;

    // With her role, for nobody may have one who is no member.
    cy.removes(chess, account).await;
    cy.updates(chess).await;
    for person in [&bo, &di] {
        person.comes_to_see(chess, &["bo", "cy", "di"]).await;
    }
    di.says(chess, "my move").await;
    cy.until(|cy| {
        cy.reads(chess)
            .last()
            .is_some_and(|last| last == "di: my move")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_one_to_one_whoever_begins() {
    let server = Server::start();
    let ada = Person::registers(&server, "ada").await;
    let bo = Person::registers(&server, "bo").await;
    let mut cy = Second::registers(&server, "cy").await;

    let with_cy = ada.creates(None, &["cy"]).await;
    ada.says(with_cy, "hello cy").await;
    cy.comes_to_read(with_cy, &["ada: hello cy"]).await;
    cy.says(with_cy, "hello ada").await;
    ada.comes_to_read(with_cy, &["ada: hello cy", "cy: hello ada"])
        .await;

    let with_bo = cy.creates(None, &["bo"]).await;
    bo.comes_to_see(with_bo, &["bo", "cy"]).await;
    assert!(bo.shows(with_bo).await.unwrap().direct);
    bo.says(with_bo, "hello cy").await;
    cy.comes_to_read(with_bo, &["bo: hello cy"]).await;
    cy.updates(with_bo).await;
    bo.does(Command::Update {
        conversation: with_bo,
    })
    .await;
    bo.settles().await;
    cy.until(|cy| cy.epoch(with_bo) >= 3).await;
    cy.says(with_bo, "hello bo").await;
    bo.comes_to_read(with_bo, &["bo: hello cy", "cy: hello bo"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_is_understood_on_both_sides() {
    let server = Server::start();
    let ada = Person::registers(&server, "ada").await;
    let bo = Person::registers(&server, "bo").await;
    let mut cy = Second::registers(&server, "cy").await;

    // Whoever leaves, Keyfold removes with the proof in the commit: mls-rs must hand that on.
    let first = ada.creates(Some("first"), &["bo", "cy"]).await;
    bo.comes_to_see(first, &["ada", "bo", "cy"]).await;
    cy.until(|cy| cy.knows(first)).await;
    cy.leaves(first).await;
    cy.until(|cy| cy.is_out(first)).await;
    for person in [&ada, &bo] {
        person.comes_to_see(first, &["ada", "bo"]).await;
    }

    // And the other way: mls-rs removes a Keyfold that leaves, with the proof.
    let second = cy.creates(Some("second"), &["ada"]).await;
    ada.comes_to_see(second, &["ada", "cy"]).await;
    ada.does(Command::Leave {
        conversation: second,
    })
    .await;
    cy.until(|cy| cy.leavers(second) == 1).await;
    cy.lets_go(second).await;
    ada.comes_to_show(second, "that she has left", |shown| {
        shown.standing == Standing::Left
    })
    .await;
    assert_eq!(cy.members(second), ["cy"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_loses_is_made_again() {
    let server = Server::start();
    let ada = Person::registers(&server, "ada").await;
    let mut cy = Second::registers(&server, "cy").await;
    let race = ada.creates(Some("race"), &["cy"]).await;
    cy.until(|cy| cy.knows(race)).await;

    ada.does(Command::Update { conversation: race }).await;
    ada.settles().await;
    assert!(cy.updates(race).await > 0, "ada's was first");
    cy.says(race, "now").await;
    ada.comes_to_read(race, &["cy: now"]).await;
}
