//! What the simulated worlds found: order, parked items and leaving, each as the shortest story that shows it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::limits::MAX_OVERTAKING;
use keyfold_engine::view::{Standing, State};
use keyfold_engine::{Channel, Command, Complaint, Event, Input, Request};
use keyfold_protocol::suite::Suite;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use town::person::Loss;
use town::{Town, Who};

/// What a device would put on the wire now, without any answer in between.
fn under_way(town: &mut Town, who: Who) -> Vec<Request> {
    let engine = &mut town.people[who.0].engine;
    std::iter::from_fn(|| engine.next_request().unwrap()).collect()
}

fn busy() -> Content {
    Content::Refused(v1::Refused {
        code: v1::RefusalCode::Busy.into(),
        ..v1::Refused::default()
    })
}

/// The server answers these requests; nothing comes back through the mailbox yet.
fn answers(town: &mut Town, who: Who, requests: Vec<Request>) {
    for request in requests {
        let answer = town.asks(request.body).unwrap();
        let now = town.now();
        town.people[who.0].apply(Input::Reply(request.id, answer), now);
    }
}

/// The server has lost what it had accepted. That goes again before anything new, which would else overtake it by more than members keep keys for.
#[test]
fn what_the_server_may_have_lost_is_overtaken_by_nothing() {
    let mut town = Town::new(51);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "kept");
    town.passes(Duration::from_mins(5));
    let backup = town.store.backup();
    for who in [ada, bo] {
        town.goes_offline(who);
    }
    town.says(ada, talk, "lost");
    let requests = under_way(&mut town, ada);
    answers(&mut town, ada, requests);
    town.puts_server_back(&backup);
    let new: Vec<String> = (0..MAX_OVERTAKING)
        .map(|number| format!("number {number}"))
        .collect();
    for text in &new {
        town.says(ada, talk, text);
    }
    let (core, now) = (town.core.clone(), town.now());
    town.runtime
        .block_on(town.people[ada.0].connect(&core, now));
    let (early, late): (Vec<Request>, Vec<Request>) = under_way(&mut town, ada)
        .into_iter()
        .partition(|request| request.channel == Channel::Anonymous);
    answers(&mut town, ada, early);
    for request in late {
        let now = town.now();
        town.people[ada.0].apply(Input::Lost(request.id), now);
    }
    for who in [ada, bo] {
        town.comes_back(who);
    }
    town.passes(Duration::from_mins(10));
    let all = ["kept", "lost"].map(str::to_owned).into_iter().chain(new);
    assert_eq!(town.reads(bo, talk), all.collect::<Vec<_>>());
}

#[test]
fn what_is_put_off_is_overtaken_by_no_more_than_members_keep_keys_for() {
    let mut town = Town::new(1);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let said: Vec<String> = (0..60).map(|number| format!("number {number}")).collect();
    for text in &said {
        town.says(ada, talk, text);
    }
    let mut first = under_way(&mut town, ada);
    let most = usize::try_from(MAX_OVERTAKING).unwrap();
    assert_eq!(first.len(), most);
    // The server puts the first off and takes all others; they come back before the refusal is heard.
    let put_off = first.remove(0);
    answers(&mut town, ada, first);
    town.turn(bo);
    assert!(
        under_way(&mut town, ada).is_empty(),
        "nothing more overtakes it"
    );
    let now = town.now();
    town.people[ada.0].apply(Input::Reply(put_off.id, busy()), now);
    assert!(under_way(&mut town, ada).is_empty());
    town.passes(Duration::from_secs(5));
    let mut sorted = town.reads(bo, talk);
    sorted.sort_by_key(|text| said.iter().position(|one| one == text));
    assert_eq!(sorted, said, "each of them once");
    town.agree(&[ada, bo], talk);
}

#[test]
fn what_others_say_before_the_founder_knows_that_the_group_is_there_is_shown() {
    let mut town = Town::new(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let mut lost = false;
    town.people[ada.0].loses = Some(Box::new(move |body| {
        let create = matches!(body, Body::Create(_));
        if create && !std::mem::replace(&mut lost, true) {
            return Loss::Reply;
        }
        if create { Loss::Request } else { Loss::Nothing }
    }));
    let create = Command::Create {
        people: vec!["bo".to_owned()],
        name: Some("club".to_owned()),
        suite: None,
    };
    let Ok(keyfold_engine::Answer::Conversation(group)) = town.does(ada, create) else {
        panic!("no conversation");
    };
    for _ in 0..20 {
        town.turn(ada);
        town.turn(bo);
    }
    town.says(bo, group, "thanks for having me");
    for _ in 0..20 {
        town.turn(bo);
        town.turn(ada);
    }
    assert_eq!(town.shows(ada, group).standing, Standing::Creating);
    town.people[ada.0].loses = None;
    town.settles();
    assert_eq!(town.reads(ada, group), ["thanks for having me"]);
    town.agree(&[ada, bo], group);
}

#[test]
fn nothing_is_said_or_changed_behind_leaving() {
    let mut town = Town::new(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "club", &[bo]);
    town.goes_offline(bo);
    town.says(bo, group, "goodbye");
    let leave = Command::Leave {
        conversation: group,
    };
    town.does(bo, leave.clone()).unwrap();
    let say = Command::Send {
        conversation: group,
        text: "one more thing".to_owned(),
    };
    let update = Command::Update {
        conversation: group,
    };
    for command in [say, leave, update] {
        assert_eq!(town.does(bo, command), Err(Complaint::Leaving));
    }
    town.comes_back(bo);
    town.passes(Duration::from_mins(1));
    assert_eq!(town.reads(ada, group), ["goodbye"]);
    assert_eq!(town.shows(bo, group).standing, Standing::Left);
    assert_eq!(town.members(ada, group), ["ada"]);
}

#[test]
fn leaving_does_not_overtake_what_was_said_before() {
    let mut town = Town::new(10);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "club", &[bo]);
    town.says(bo, group, "goodbye");
    let put_off = under_way(&mut town, bo).pop().unwrap();
    let leave = Command::Leave {
        conversation: group,
    };
    town.does(bo, leave).unwrap();
    assert!(under_way(&mut town, bo).is_empty());
    let now = town.now();
    town.people[bo.0].apply(Input::Reply(put_off.id, busy()), now);
    town.passes(Duration::from_mins(1));
    assert_eq!(town.reads(ada, group), ["goodbye"]);
    assert_eq!(town.shows(bo, group).standing, Standing::Left);
    assert_eq!(town.members(ada, group), ["ada"]);
}

#[test]
fn what_another_device_sends_behind_leaving_is_shown_to_nobody_and_fails_there() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(bo, &Suite::ALL);
    let group = town.creates_group(ada, "club", &[bo]);
    town.settles();
    // The laptop's words are accepted behind the phone's leaving, before either has heard of the other.
    town.does(
        bo,
        Command::Leave {
            conversation: group,
        },
    )
    .unwrap();
    town.says(laptop, group, "what is new?");
    for who in [bo, laptop] {
        let requests = under_way(&mut town, who);
        answers(&mut town, who, requests);
    }
    town.settles();
    town.passes(Duration::from_mins(1));
    assert!(town.reads(ada, group).is_empty());
    let failed = |entry: &keyfold_engine::view::Entry| entry.mine && entry.state == State::Failed;
    assert!(town.timeline(laptop, group).iter().any(failed));
    assert!(
        town.events(laptop)
            .iter()
            .any(|event| matches!(event, Event::SendFailed(..)))
    );
    assert_eq!(town.members(ada, group), ["ada"]);
}

#[test]
fn a_leaving_that_comes_behind_a_commit_is_said_again_for_those_who_came_in_by_it() {
    let mut town = Town::new(11);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let laptop = town.links(bo, &Suite::ALL);
    let group = town.creates_group(ada, "club", &[bo]);
    town.settles();
    town.adds(ada, group, &[cy]);
    let is_commit = |request: &Request| matches!(request.body, Body::Commit(_));
    let commit = loop {
        let requests = under_way(&mut town, ada);
        if requests.iter().any(is_commit) {
            break requests;
        }
        assert!(!requests.is_empty());
        answers(&mut town, ada, requests);
    };
    let leave = Command::Leave {
        conversation: group,
    };
    town.does(bo, leave).unwrap();
    let leaving = under_way(&mut town, bo);
    // Both are accepted; cy, who comes in by the commit, is not told of the leaving.
    answers(&mut town, ada, commit);
    answers(&mut town, bo, leaving);
    while town.turn(laptop) {}
    assert_eq!(town.shows(laptop, group).standing, Standing::Active);
    town.says(laptop, group, "welcome, cy");
    let said = under_way(&mut town, laptop);
    answers(&mut town, laptop, said);
    town.passes(Duration::from_mins(1));
    for who in [ada, cy] {
        assert_eq!(town.reads(who, group), ["welcome, cy"]);
        assert_eq!(town.members(who, group), ["ada", "cy"]);
    }
    for who in [bo, laptop] {
        assert_eq!(town.shows(who, group).standing, Standing::Left);
    }
}

#[test]
fn a_device_that_is_taken_out_takes_nobody_along_by_leaving_at_that_moment() {
    let mut town = Town::new(12);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(bo, &Suite::ALL);
    let group = town.creates_group(ada, "club", &[bo]);
    town.settles();
    let device = town.me(laptop).device;
    town.does(bo, Command::RemoveDevice { device }).unwrap();
    let is_commit = |request: &Request| matches!(request.body, Body::Commit(_));
    let (removal, later): (Vec<_>, Vec<_>) =
        under_way(&mut town, bo).into_iter().partition(is_commit);
    assert_eq!(removal.len(), 1);
    let leave = Command::Leave {
        conversation: group,
    };
    town.does(laptop, leave).unwrap();
    let leaving = under_way(&mut town, laptop);
    // The leaving is accepted just before the commit that takes the leaf out whose word it is.
    answers(&mut town, laptop, leaving);
    answers(&mut town, bo, removal);
    let now = town.now();
    for request in later {
        town.people[bo.0].apply(Input::Lost(request.id), now);
    }
    town.passes(Duration::from_mins(1));
    // It may be in other hands; that person is still there.
    for who in [ada, bo] {
        assert_eq!(town.shows(who, group).standing, Standing::Active);
        assert_eq!(town.members(who, group), ["ada", "bo"]);
    }
    town.says(ada, group, "still there?");
    town.settles();
    assert_eq!(town.reads(bo, group), ["still there?"]);
    let waiting = |who: Who| town.people[who.0].engine.waiting().unwrap();
    assert_eq!([ada, bo].map(waiting), [0, 0]);
}

#[test]
fn whoever_is_added_while_another_device_leaves_hears_that_from_who_adds_them() {
    let mut town = Town::new(14);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let laptop = town.links(bo, &Suite::ALL);
    let group = town.creates_group(bo, "club", &[cy]);
    town.removes(bo, group, &[cy]);
    town.settles();
    town.adds(bo, group, &[ada]);
    let is_commit = |request: &Request| matches!(request.body, Body::Commit(_));
    let addition = loop {
        let requests = under_way(&mut town, bo);
        if requests.iter().any(is_commit) {
            break requests;
        }
        assert!(!requests.is_empty());
        answers(&mut town, bo, requests);
    };
    let leave = Command::Leave {
        conversation: group,
    };
    town.does(laptop, leave).unwrap();
    let leaving = under_way(&mut town, laptop);
    // Nobody but bo's own devices hears the leaving.
    answers(&mut town, laptop, leaving);
    answers(&mut town, bo, addition);
    town.passes(Duration::from_mins(1));
    for who in [bo, laptop] {
        assert_eq!(town.shows(who, group).standing, Standing::Left);
    }
    assert_eq!(town.members(ada, group), ["ada"]);
}

#[test]
fn what_a_removed_device_began_before_it_heard_of_that_goes_on_without_it() {
    let mut town = Town::new(13);
    let [ada, bo] = town.people(["ada", "bo"]);
    let laptop = town.links(bo, &Suite::ALL);
    let device = town.me(laptop).device;
    let create = Command::Create {
        name: Some("club".to_owned()),
        people: vec![town.handle(ada)],
        suite: None,
    };
    let Ok(keyfold_engine::Answer::Conversation(group)) = town.does(laptop, create) else {
        panic!("no group");
    };
    town.does(bo, Command::RemoveDevice { device }).unwrap();
    while town.turn(bo) {}
    // The directory knows one device of bo's, and that is not the one that makes the group.
    loop {
        let requests = under_way(&mut town, laptop);
        if requests.is_empty() {
            break;
        }
        answers(&mut town, laptop, requests);
    }
    town.goes_offline(laptop);
    town.passes(Duration::from_mins(1));
    assert_eq!(town.shows(bo, group).standing, Standing::Active);
    let devices = |who| {
        let members = town.shows(who, group).members.into_iter();
        members.map(|one| one.devices).collect::<Vec<usize>>()
    };
    assert_eq!([ada, bo].map(devices), [[1, 1], [1, 1]]);
    town.says(ada, group, "hello");
    town.settles();
    assert_eq!(town.reads(bo, group), ["hello"]);
}

#[test]
fn a_device_that_was_linked_and_removed_at_once_is_not_asked_for_again_and_again() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    let laptop = town.newcomer();
    let request = Command::RequestLink {
        suites: Suite::ALL.to_vec(),
    };
    let Ok(keyfold_engine::Answer::LinkRequest(link_request)) = town.does(laptop, request) else {
        panic!("no link request");
    };
    town.does(ada, Command::AddDevice { link_request }).unwrap();
    town.settles();
    let asked = |town: &Town| {
        let fetches = town.people[ada.0].asked.iter();
        fetches
            .filter(|body| matches!(body, Body::FetchKeyPackages(_)))
            .count()
    };
    town.passes(Duration::from_mins(10));
    let patient = asked(&town);
    assert!(patient < 20, "it asks less and less often: {patient}");
    let device = town.people[laptop.0].engine.me().unwrap();
    assert!(device.is_none(), "the laptop never took the certificate");
    let ids: Vec<_> = town.events(ada).iter().filter_map(added).collect();
    town.does(ada, Command::RemoveDevice { device: ids[0] })
        .unwrap();
    town.passes(Duration::from_mins(10));
    let before = asked(&town);
    town.passes(Duration::from_hours(1));
    assert_eq!(asked(&town), before, "and no more once it is gone");
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 0);
    town.agree(&[ada, bo], talk);
}

#[test]
fn a_clock_set_forward_does_not_close_the_epoch_before_too_soon() {
    let mut town = Town::new(6);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "club", &[bo, cy]);
    town.passes(Duration::from_hours(1));
    town.goes_offline(cy);
    town.says(cy, group, "written before the change");
    let name = "another name".to_owned();
    let rename = Command::Rename {
        conversation: group,
        name,
    };
    town.does(ada, rename).unwrap();
    town.settles();
    town.people[bo.0].skew = 3_600_000;
    town.passes(Duration::from_secs(30));
    // Cy's words were encrypted for the epoch before, and are still taken.
    let requests = under_way(&mut town, cy);
    assert_eq!(requests.len(), 1);
    answers(&mut town, cy, requests);
    town.settles();
    for who in [ada, bo] {
        assert_eq!(town.reads(who, group), ["written before the change"]);
    }
}

#[test]
fn a_clock_set_back_puts_nothing_off() {
    let mut town = Town::new(7);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.people[ada.0].skew = 24 * 3_600_000;
    town.says(ada, talk, "is it tomorrow?");
    let requests = under_way(&mut town, ada);
    let now = town.now();
    for request in requests {
        town.people[ada.0].apply(Input::Reply(request.id, busy()), now);
    }
    assert!(under_way(&mut town, ada).is_empty(), "put off");
    town.people[ada.0].skew = 0;
    town.people[ada.0].apply(Input::Tick, now);
    town.settles();
    assert_eq!(town.reads(bo, talk), ["is it tomorrow?"]);
}

#[test]
fn an_answer_that_comes_after_its_message_is_for_no_later_request() {
    let mut town = Town::on_disk(8);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(ada, bo);
    town.says(ada, talk, "first");
    town.people[ada.0].restarts();
    let sent = town.turn(ada);
    assert!(sent);
    let mut first = Vec::new();
    town.says(ada, talk, "second");
    town.people[ada.0].restarts();
    first.append(&mut under_way(&mut town, ada));
    let second = first.pop().unwrap();
    let answer = town.asks(second.body).unwrap();
    // The message comes back before the answer; what is asked from now on has a number of its own.
    town.turn(ada);
    let said = ["first", "second", "third", "fourth", "fifth"];
    for text in &said[2..] {
        town.says(ada, talk, text);
    }
    let later = under_way(&mut town, ada);
    assert_eq!(later.len(), 3);
    assert!(
        later.iter().all(|request| request.id > second.id),
        "numbers only rise"
    );
    let now = town.now();
    town.people[ada.0].apply(Input::Reply(second.id, answer), now);
    for request in later {
        town.people[ada.0].apply(Input::Lost(request.id), now);
    }
    town.settles();
    assert_eq!(town.reads(bo, talk), said);
    town.agree(&[ada, bo], talk);
}

#[test]
fn a_persons_words_keep_their_order_while_the_group_moves_on() {
    let mut town = Town::new(9);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "club", &[bo]);
    let mut under_ways = Vec::new();
    for (number, text) in ["first", "second", "third"].iter().enumerate() {
        // On the wire, and lost there; meanwhile the group is renamed.
        town.says(bo, group, text);
        under_ways.extend(under_way(&mut town, bo));
        let name = format!("club {number}");
        let rename = Command::Rename {
            conversation: group,
            name,
        };
        town.does(ada, rename).unwrap();
        town.settles();
    }
    let now = town.now();
    for request in under_ways {
        town.people[bo.0].apply(Input::Lost(request.id), now);
    }
    town.settles();
    assert_eq!(town.reads(ada, group), ["first", "second", "third"]);
    town.agree(&[ada, bo], group);
}

fn added(event: &Event) -> Option<keyfold_wire::ids::DeviceId> {
    match event {
        Event::DeviceAdded(device) => Some(*device),
        _ => None,
    }
}
