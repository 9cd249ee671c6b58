//! People talk: one to one and in groups, in both suites, online and after having been away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::{Server, text};

#[test]
fn two_people_talk_and_see_the_same_safety_number() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "Hi! Friday at six?");
    // A handle names the one-to-one conversation as well as its id does, and its invitation is fetched on the way.
    bo.says("ada", "Yes, see you there");
    ada.syncs();

    let both = ["Hi! Friday at six?", "Yes, see you there"];
    assert_eq!(ada.reads("bo"), both);
    assert_eq!(bo.reads(&talk), both);
    let number =
        |person: &kit::Person, other| text(&person.ok(&["verify", other])[0], "safety_number");
    let shown = number(&ada, "bo");
    assert_eq!(shown, number(&bo, "ada"));
    assert_eq!(shown.split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
    assert_eq!(ada.ok(&["verify", "bo", "--mark"])[0]["verified"], true);
    assert_eq!(ada.ok(&["verify", "bo"])[0]["verified"], true);
    assert_eq!(bo.ok(&["verify", "ada"])[0]["verified"], false);
}

#[test]
fn whoever_follows_while_words_of_their_own_wait_sees_them_and_all_that_comes_after() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    ada.ok(&["send", &talk, "said on the train", "--queue"]);
    let following = ada.start(&["read", &talk, "--follow", "--last", "0"]);
    assert_eq!(text(&following.object(), "text"), "said on the train");
    for words in ["one", "two"] {
        bo.says("ada", words);
        assert_eq!(text(&following.object(), "text"), words);
    }
    drop(following);
    assert_eq!(ada.reads(&talk), ["said on the train", "one", "two"]);
}

#[test]
fn three_people_read_the_same_in_the_same_order_in_either_suite() {
    let server = Server::start();
    let [ada, bo, cy] = ["ada", "bo", "cy"].map(|handle| server.person_speaking(handle, "classic"));
    let [eve, fay, gil] = server.people(["eve", "fay", "gil"]);
    for (people, suite) in [
        ([&ada, &bo, &cy], "classic"),
        ([&eve, &fay, &gil], "hybrid"),
    ] {
        let [first, second, third] = people;
        let group = first.begins(&[&second.handle, &third.handle, "--name", "climbing"]);
        second.syncs();
        third.syncs();
        for round in 0..3 {
            for person in people {
                person.says(&group, &format!("{} {round}", person.handle));
            }
        }
        let read: Vec<_> = people
            .map(|person| {
                person.syncs();
                person.reads("climbing")
            })
            .to_vec();
        assert_eq!(read[0].len(), 9, "{suite}");
        assert_eq!(read[0], read[1], "{suite}");
        assert_eq!(read[0], read[2], "{suite}");
        let listed = second.ok(&["list"]);
        assert_eq!(listed[0]["suite"], suite);
        assert_eq!(listed[0]["members"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn somebody_who_was_away_catches_up_and_what_was_written_offline_goes_out() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let mut lines = ada.start(&["send", &talk, "-", "--lines"]);
    let written: Vec<_> = (0..200).map(|number| format!("message {number}")).collect();
    lines.write(&(written.join("\n") + "\n"));
    let sent = lines.finish();
    assert_eq!(sent.objects().len(), 200, "{:?}", sent.err);

    let queued = bo.ok(&["send", &talk, "written on the train", "--queue"]);
    assert_eq!(queued[0]["state"], "waiting");
    assert_eq!(bo.ok(&["whoami"])[0]["waiting"], 1);
    assert_eq!(bo.ok(&["read", &talk]).last().unwrap()["state"], "waiting");
    let synced = bo.syncs();
    assert_eq!(
        (&synced["arrived"], &synced["sent"], &synced["waiting"]),
        (&200.into(), &1.into(), &0.into())
    );

    ada.syncs();
    let mut all = written;
    all.push("written on the train".to_owned());
    assert_eq!(bo.reads(&talk), all);
    assert_eq!(ada.reads(&talk), all);
}

#[test]
fn a_removed_member_and_one_who_left_read_nothing_new() {
    let server = Server::start();
    let [ada, bo, cy, dan] = server.people(["ada", "bo", "cy", "dan"]);
    let group = ada.begins(&["bo", "cy", "dan", "--name", "climbing"]);
    for person in [&bo, &cy, &dan] {
        person.syncs();
    }
    ada.says(&group, "meet at six");
    cy.syncs();
    dan.syncs();
    ada.ok(&["remove", &group, "cy"]);
    dan.ok(&["leave", &group]);
    // Whoever comes next removes the one who left.
    let mut gone = ada.start(&["read", &group, "--follow"]);
    while !matches!(gone.object()["kind"].as_str(), Some("left")) {}
    gone.kill();
    ada.says(&group, "new place, same time");
    for person in [&bo, &cy, &dan] {
        person.syncs();
    }
    assert_eq!(bo.reads(&group), ["meet at six", "new place, same time"]);
    assert_eq!(cy.reads(&group), ["meet at six"]);
    assert_eq!(dan.reads(&group), ["meet at six"]);
    let (code, failure) = cy.fails(&["send", &group, "hello?"]);
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
    assert_eq!(cy.ok(&["list"])[0]["standing"], "left");
}

#[test]
fn a_group_changes_its_name_its_people_and_their_roles() {
    let server = Server::start();
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let group = ada.begins(&["bo", "--name", "climbing"]);
    bo.syncs();
    let (code, failure) = bo.fails(&["add", &group, "cy"]);
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
    ada.ok(&["role", &group, "bo", "admin"]);
    bo.syncs();
    bo.ok(&["add", &group, "cy"]);
    bo.ok(&["rename", &group, "bouldering"]);
    bo.ok(&["update", &group]);
    ada.syncs();
    cy.syncs();
    for person in [&ada, &bo, &cy] {
        let listed = person.ok(&["list"]);
        assert_eq!(listed[0]["name"], "bouldering");
        let mut roles: Vec<_> = listed[0]["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| format!("{} {}", text(member, "handle"), text(member, "role")))
            .collect();
        roles.sort();
        assert_eq!(roles, ["ada owner", "bo admin", "cy member"]);
    }
    let (code, failure) = ada.fails(&["add", &group, "nobody.here"]);
    assert_eq!(
        (code, &failure["kind"]),
        (7, &"not_found".into()),
        "{failure}"
    );
}

#[test]
fn whoever_follows_sees_each_message_once_as_it_comes() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let following = bo.start(&["read", &talk, "--follow"]);
    let mut seen = Vec::new();
    for number in 0..5 {
        ada.says(&talk, &format!("message {number}"));
        loop {
            let entry = following.object();
            if entry["kind"] == "text" {
                seen.push(text(&entry, "text"));
                break;
            }
        }
    }
    assert_eq!(
        seen,
        [
            "message 0",
            "message 1",
            "message 2",
            "message 3",
            "message 4"
        ]
    );
}

#[test]
fn a_server_on_this_machine_may_do_without_tls() {
    let server = Server::start_plain();
    assert!(server.url.starts_with("http://"));
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "hello");
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["hello"]);
}

#[test]
fn a_second_device_is_linked_by_codes_and_removed_again() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    ada.says(&talk, "before the tablet");
    let tablet = kit::Person::new("tablet");
    let mut request = server.registration("unused");
    request.splice(..2, ["link-request".to_owned()]);
    let code = text(&tablet.ok(&request)[0], "code");
    let certificate = text(&ada.ok(&["add-device", &code])[0], "code");
    let linked = tablet.ok(&["accept-link", &certificate]);
    assert_eq!(linked[0]["handle"], "ada");
    ada.syncs();
    tablet.syncs();
    bo.syncs();
    bo.says(&talk, "hello to both");
    tablet.syncs();
    tablet.says(&talk, "from the tablet");
    ada.syncs();
    bo.syncs();
    assert_eq!(
        tablet.reads(&talk),
        ["hello to both", "from the tablet"],
        "nothing from before it was added"
    );
    let all = ["before the tablet", "hello to both", "from the tablet"];
    assert_eq!(ada.reads(&talk), all);
    assert_eq!(bo.reads(&talk), all);

    let (code, failure) =
        tablet.fails(&["remove-device", &text(&ada.ok(&["whoami"])[0], "device")]);
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
    ada.ok(&["remove-device", &text(&linked[0], "device")]);
    bo.syncs();
    bo.says(&talk, "the tablet is gone");
    let (code, failure) = tablet.fails(&["sync"]);
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
    assert!(
        !tablet
            .reads(&talk)
            .contains(&"the tablet is gone".to_owned())
    );
    ada.syncs();
    assert_eq!(ada.reads(&talk).last().unwrap(), "the tablet is gone");
}

#[test]
fn a_group_says_what_it_is_about_and_who_may_do_what() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let group = ada.begins(&["bo", "--name", "news"]);
    ada.ok(&["describe", &group, "Tuesdays at six"]);
    ada.ok(&["allow", &group, "post", "admins"]);
    bo.syncs();
    let record = bo.ok(&["list"]).remove(0);
    assert_eq!(record["description"], "Tuesdays at six");
    assert_eq!(
        (&record["may_add"], &record["may_post"]),
        (&"admins".into(), &"admins".into())
    );
    let (code, failure) = bo.fails(&["send", &group, "words"]);
    assert_eq!((code, &failure["kind"]), (3, &"refused".into()));
    let seen = bo.sees(&["read", &group]);
    assert!(
        seen.contains("ada described the group: Tuesdays at six"),
        "{seen}"
    );
    assert!(
        seen.contains("ada lets admins alone say something"),
        "{seen}"
    );
    ada.ok(&["allow", &group, "post", "everyone"]);
    bo.syncs();
    bo.says(&group, "words");
}

#[test]
fn texts_are_formatted_mention_people_and_are_forwarded() {
    let server = Server::start();
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let group = ada.begins(&["bo", "cy", "--name", "climbing"]);
    let talk = ada.begins(&["cy"]);
    let said = ada.says(&group, "**six**, @bo?");
    for (who, mentioned) in [(&bo, Some(true)), (&cy, None)] {
        who.syncs();
        let record = who.ok(&["read", &group, "--last", "1"]).remove(0);
        assert_eq!(record["text"], "**six**, @bo?");
        assert_eq!(record["mentions_me"].as_bool(), mentioned);
    }
    let (code, failure) = ada.fails(&["forward", &group, "last", &talk, "nobody"]);
    assert_eq!((code, &failure["kind"]), (7, &"not_found".into()));
    let sent = ada.ok(&["forward", &group, &said, &talk, "climbing", &talk]);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0]["conversation"], talk.as_str());
    assert_eq!(sent[0]["state"], "sent");
    cy.syncs();
    let record = cy.ok(&["read", &talk, "--last", "1"]).remove(0);
    assert_eq!(
        (&record["text"], &record["forwarded"]),
        (&"**six**, @bo?".into(), &true.into())
    );
    let seen = cy.sees(&["read", &talk]);
    assert!(
        seen.contains("forwarded:") && seen.contains("**six**, @bo?"),
        "{seen}"
    );
}

#[test]
fn what_was_said_is_answered_edited_taken_back_and_reacted_to() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let first = ada.says(&talk, "meet at sixx");
    bo.syncs();
    let follow = bo.start(&["read", &talk, "--follow"]);
    let entries = || loop {
        let entry = follow.object();
        if entry["id"].is_string() {
            return entry;
        }
    };
    assert_eq!(entries()["text"], "meet at sixx");

    let edited = ada.ok(&["edit", &talk, &first, "meet at six"]);
    assert_eq!(edited[0]["id"], first.as_str());
    let entry = entries();
    assert_eq!(
        (&entry["text"], &entry["edited"]),
        (&"meet at six".into(), &true.into())
    );
    ada.ok(&["react", &talk, &first[..12], "🧗"]);
    assert_eq!(entries()["reactions"][0]["emoji"], "🧗");
    ada.ok(&["react", &talk, "last"]);
    assert!(entries()["reactions"].is_null());
    let (code, failure) = ada.fails(&["edit", &talk, "ffffffff", "no such"]);
    assert_eq!((code, &failure["kind"]), (7, &"not_found".into()));
    follow.interrupt();

    let answer = text(
        &bo.ok(&["reply", &talk, "last", "I will be there"])[0],
        "id",
    );
    let (code, failure) = bo.fails(&["edit", &talk, &first, "not mine"]);
    assert_eq!((code, &failure["kind"]), (3, &"refused".into()));
    ada.syncs();
    let record = ada.ok(&["read", &talk, "--last", "1"]).remove(0);
    assert_eq!(record["reply_to"]["id"], first.as_str());
    assert_eq!(record["reply_to"]["text"], "meet at six");
    let seen = ada.sees(&["read", &talk, "--ids", "--last", "2"]);
    assert!(
        seen.contains(&answer[..8]) && seen.contains("> you: meet at six"),
        "{seen}"
    );
    let pinned = ada.ok(&["pin", &talk, &first]);
    assert_eq!(pinned[0]["id"], first.as_str());
    bo.syncs();
    let pins = bo.ok(&["pins", &talk]);
    assert_eq!((pins.len(), &pins[0]["text"]), (1, &"meet at six".into()));
    assert_eq!(
        bo.ok(&["unpin", &talk, &first, "--queue"])[0]["state"],
        "waiting"
    );
    assert!(bo.ok(&["pins", &talk]).is_empty());
    ada.ok(&["take-back", &talk, &first, "--queue"]);
    assert_eq!(ada.ok(&["read", &talk])[1]["kind"], "taken_back");
    ada.syncs();
    bo.syncs();
    let seen = bo.sees(&["read", &talk]);
    assert!(seen.contains("ada took back a message"), "{seen}");
    assert!(seen.contains("> a message of ada"), "{seen}");
    assert!(!seen.contains("six"), "{seen}");
}
