//! Stories of one socket's requests: what was put off is overtaken by nothing of its conversation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod core_town;

use std::time::Duration;

use core_town::{Group, Person, Town, received};
use keyfold_server::Refusal;
use keyfold_server::core::Lane;
use keyfold_server::request::AnonymousRequest;
use keyfold_server::store::Store;
use keyfold_wire::ids::Epoch;
use keyfold_wire::v1::client_frame::Request;

stories![
    what_is_put_off_is_overtaken_by_nothing_of_its_conversation,
    others_do_not_wait_for_what_was_put_off,
    who_does_not_come_again_is_waited_for_a_minute,
    what_belongs_to_a_later_epoch_does_not_wait,
    of_two_that_are_put_off_the_first_is_waited_for,
    what_is_refused_when_it_comes_again_is_over,
];

const BUSY: Refusal = Refusal::Busy {
    retry_after: Duration::from_millis(200),
};

/// One socket.
struct Socket<'a, S: Store> {
    town: &'a Town<S>,
    lane: Lane,
}

impl<'a, S: Store> Socket<'a, S> {
    fn to(town: &'a Town<S>) -> Self {
        Self {
            town,
            lane: Lane::default(),
        }
    }

    async fn asks(&self, request: Request) -> Result<u64, Refusal> {
        let request = AnonymousRequest::parse(request).unwrap();
        received(self.town.core.anonymous_in(&self.lane, request).await)
    }

    async fn says(&self, group: &Group, text: &str) -> Result<u64, Refusal> {
        self.asks(Request::Send(group.send(text))).await
    }

    /// It is said, and put off.
    async fn is_put_off(&self, group: &Group, text: &str) {
        let request = AnonymousRequest::parse(Request::Send(group.send(text))).unwrap();
        let core = &self.town.core;
        assert_eq!(core.refused_in(&self.lane, &request, BUSY).await, BUSY);
    }
}

fn is_busy(answer: Result<u64, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Busy { .. }))
}

async fn ada_and_her_group<S: Store>(town: &Town<S>) -> (Person<S>, Group) {
    let ada = town.person("ada").await;
    let group = Group::of("climbing", &[&ada]).await;
    (ada, group)
}

async fn what_is_put_off_is_overtaken_by_nothing_of_its_conversation<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, group) = ada_and_her_group(&town).await;
    let socket = Socket::to(&town);
    socket.is_put_off(&group, "one").await;
    assert!(is_busy(socket.says(&group, "two").await));
    let commit = group.commit("on", &group.roster);
    assert!(is_busy(socket.asks(Request::Commit(commit)).await));
    assert!(socket.says(&group, "one").await.is_ok());
    assert!(socket.says(&group, "two").await.is_ok());
    assert_eq!(ada.reads().await, ["one", "two"]);
}

async fn others_do_not_wait_for_what_was_put_off<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, group) = ada_and_her_group(&town).await;
    let notes = Group::of("notes", &[&ada]).await;
    let (socket, another) = (Socket::to(&town), Socket::to(&town));
    socket.is_put_off(&group, "one").await;
    assert!(socket.says(&notes, "another conversation").await.is_ok());
    assert!(another.says(&group, "another socket").await.is_ok());
}

async fn who_does_not_come_again_is_waited_for_a_minute<S: Store>(store: S) {
    let town = Town::new(store);
    let (_ada, group) = ada_and_her_group(&town).await;
    let socket = Socket::to(&town);
    socket.is_put_off(&group, "one").await;
    town.clock.advance(Duration::from_millis(59_999));
    assert!(is_busy(socket.says(&group, "two").await));
    town.clock.advance(Duration::from_millis(1));
    assert!(socket.says(&group, "two").await.is_ok());
}

async fn what_belongs_to_a_later_epoch_does_not_wait<S: Store>(store: S) {
    let town = Town::new(store);
    let (ada, mut group) = ada_and_her_group(&town).await;
    let socket = Socket::to(&town);
    socket.is_put_off(&group, "one").await;
    let commit = group.commit("on", &group.roster);
    group.commits(&town, commit).await.unwrap();
    assert!(socket.says(&group, "two").await.is_ok());
    assert_eq!(ada.reads().await, ["on", "two"]);
    socket.is_put_off(&group, "three").await;
    assert!(is_busy(socket.says(&group, "four").await));
}

async fn of_two_that_are_put_off_the_first_is_waited_for<S: Store>(store: S) {
    let town = Town::new(store);
    let (_ada, group) = ada_and_her_group(&town).await;
    let socket = Socket::to(&town);
    socket.is_put_off(&group, "one").await;
    socket.is_put_off(&group, "two").await;
    assert!(is_busy(socket.says(&group, "two").await));
    assert!(socket.says(&group, "one").await.is_ok());
    assert!(socket.says(&group, "two").await.is_ok());
}

async fn what_is_refused_when_it_comes_again_is_over<S: Store>(store: S) {
    let town = Town::new(store);
    let (_ada, mut group) = ada_and_her_group(&town).await;
    let socket = Socket::to(&town);
    let (early, stale) = (group.clone(), Err(Refusal::Stale { current: Epoch(2) }));
    socket.is_put_off(&early, "one").await;
    let commit = group.commit("on", &group.roster);
    group.commits(&town, commit).await.unwrap();
    town.clock.advance(Duration::from_secs(59));
    town.clock.advance(Duration::from_millis(999));
    assert!(socket.says(&early, "one").await.is_ok(), "in the grace");
    socket.is_put_off(&early, "two").await;
    town.clock.advance(Duration::from_secs(2));
    assert_eq!(socket.says(&early, "two").await, stale);
    assert_eq!(socket.says(&early, "three").await, stale);
}
