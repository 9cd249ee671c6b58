//! Stories of reports: what somebody hands to the server's operator, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod town;

use std::time::Duration;

use keyfold_engine::{Answer, Command, Complaint, Event};
use keyfold_protocol::content::ContentId;
use keyfold_server::OpenedReport;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::limits::{MAX_REPORT_ABOUT, MAX_REPORTED, MAX_TEXT};
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::{RefusalCode, Refused};
use town::person::Loss;
use town::{Town, Who};

impl Town {
    fn reports(
        &mut self,
        who: Who,
        conversation: ConversationId,
        messages: &[ContentId],
        about: &str,
    ) -> Result<Answer, Complaint> {
        let command = Command::Report {
            conversation,
            messages: messages.to_vec(),
            about: about.to_owned(),
        };
        self.does(who, command)
    }

    /// What the operator sees.
    fn operator_sees(&self) -> Vec<OpenedReport> {
        self.runtime.block_on(async {
            let mut all = Vec::new();
            for (id, _) in self.core.reports().await.unwrap() {
                all.push(self.core.report(id).await.unwrap());
            }
            all
        })
    }

    fn said(&self, who: Who, id: ConversationId) -> Vec<ContentId> {
        let entries = self.timeline(who, id).into_iter();
        entries.filter_map(|entry| entry.id).collect()
    }
}

fn words(report: &OpenedReport) -> Vec<(&str, &str)> {
    let said = report.messages.iter();
    said.map(|(sender, _, text)| (sender.as_deref().unwrap(), text.as_str()))
        .collect()
}

#[test]
fn chosen_messages_reach_the_operator_and_nothing_else_does() {
    let mut town = Town::new(1);
    let [ada, bo, cy] = town.people(["ada", "bo", "cy"]);
    let group = town.creates_group(ada, "hut", &[bo, cy]);
    for (who, text) in [(bo, "buy"), (cy, "secret"), (bo, "byu"), (ada, "stop it")] {
        town.says(who, group, text);
        town.settles();
    }
    let said = town.said(ada, group);
    let edit = Command::Edit {
        conversation: group,
        message: said[2],
        text: "buy now".to_owned(),
    };
    town.does(bo, edit).unwrap();
    town.settles();
    let chosen = [said[0], said[2], said[3]];
    town.reports(ada, group, &chosen, "again and again")
        .unwrap();
    assert!(town.operator_sees().is_empty());
    town.settles();
    assert!(town.events(ada).contains(&Event::Reported(group)));
    let seen = town.operator_sees();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].by.as_deref(), Some("ada"));
    assert_eq!(seen[0].account.as_deref(), Some("bo"));
    assert_eq!(seen[0].about, "again and again");
    let expected = [("bo", "buy"), ("bo", "buy now"), ("ada", "stop it")];
    assert_eq!(words(&seen[0]), expected);
    let at = town.timeline(ada, group);
    let first = at.iter().find(|entry| entry.id == Some(said[0])).unwrap();
    assert_eq!(seen[0].messages[0].1, first.at);
    // Nobody else hears of it.
    for who in [bo, cy] {
        assert!(
            !town
                .events(who)
                .iter()
                .any(|event| matches!(event, Event::Reported(_)))
        );
        assert_eq!(town.reads(who, group).len(), 4);
    }
}

#[test]
fn a_report_waits_offline_across_a_restart_and_comes_once() {
    let mut town = Town::on_disk(2);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "buy");
    town.settles();
    town.goes_offline(ada);
    let said = town.said(ada, talk);
    town.reports(ada, talk, &said, "").unwrap();
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 1);
    town.people[ada.0].restarts();
    // Its first answer is lost.
    let mut lost = false;
    town.people[ada.0].loses = Some(Box::new(move |body| {
        if matches!(body, Body::Report(_)) && !std::mem::replace(&mut lost, true) {
            return Loss::Reply;
        }
        Loss::Nothing
    }));
    town.comes_back(ada);
    town.passes(Duration::from_mins(5));
    let told = town.events(ada).iter();
    let told = told.filter(|event| **event == Event::Reported(talk));
    assert_eq!(told.count(), 1);
    assert_eq!(town.operator_sees().len(), 1);
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 0);
}

#[test]
fn a_stranger_is_reported_by_what_is_shown_of_them() {
    let mut town = Town::of_strangers(3);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "buy");
    town.says(bo, talk, "hidden");
    town.settles();
    let all = town.said(bo, talk);
    let hidden = town.reports(ada, talk, &all, "");
    assert_eq!(hidden, Err(Complaint::NoSuchMessage));
    let shown = town.said(ada, talk);
    town.reports(ada, talk, &shown, "").unwrap();
    // Nothing said is nothing proved: somebody can be named alone.
    town.reports(ada, talk, &[], "a bot").unwrap();
    town.settles();
    let seen = town.operator_sees();
    assert_eq!(words(&seen[0]), [("bo", "buy")]);
    assert_eq!(seen[1].account.as_deref(), Some("bo"));
    assert!(seen[1].messages.is_empty());
    assert!(town.shows(ada, talk).request.is_some(), "it still waits");
}

#[test]
fn what_cannot_be_reported_is_said_so() {
    let mut town = Town::new(4);
    let [ada, bo] = town.people(["ada", "bo"]);
    let group = town.creates_group(ada, "hut", &[bo]);
    let long = "x".repeat(MAX_TEXT);
    for _ in 0..3 {
        town.says(bo, group, &long);
        town.settles();
    }
    town.says(ada, group, "mine");
    town.says(bo, group, "taken back");
    town.settles();
    let said = town.said(ada, group);
    let too_much = |answer| matches!(answer, Err(Complaint::Report { .. }));
    assert!(
        too_much(town.reports(ada, group, &[], "")),
        "nobody is named"
    );
    assert!(
        too_much(town.reports(ada, group, &said[3..4], "")),
        "one's own alone"
    );
    assert!(
        too_much(town.reports(ada, group, &said[..3], "")),
        "too long"
    );
    assert!(town.reports(ada, group, &said[..2], "").is_ok());
    let about = "x".repeat(MAX_REPORT_ABOUT);
    assert!(town.reports(ada, group, &said[..1], &about).is_ok());
    assert!(too_much(town.reports(
        ada,
        group,
        &said[..1],
        &format!("{about}x")
    )));
    let message = said[4];
    let many = vec![message; MAX_REPORTED];
    assert!(town.reports(ada, group, &many, "").is_ok());
    let one_more = vec![message; MAX_REPORTED + 1];
    assert!(too_much(town.reports(ada, group, &one_more, "")));
    town.does(
        bo,
        Command::TakeBack {
            conversation: group,
            message,
        },
    )
    .unwrap();
    town.settles();
    let gone = town.reports(ada, group, &[message], "");
    assert_eq!(gone, Err(Complaint::NoSuchMessage));
    assert_eq!(town.operator_sees().len(), 3);
}

#[test]
fn a_server_that_knows_no_reports_says_so() {
    let mut town = Town::new(5);
    let [ada, bo] = town.people(["ada", "bo"]);
    let talk = town.meets(bo, ada);
    town.says(bo, talk, "buy");
    town.settles();
    town.people[ada.0].refuses = Some(Box::new(|body| {
        matches!(body, Body::Report(_)).then(|| Refused {
            code: RefusalCode::UnknownRequest.into(),
            ..Refused::default()
        })
    }));
    let said = town.said(ada, talk);
    town.reports(ada, talk, &said, "").unwrap();
    town.settles();
    let told = town.events(ada).last();
    assert!(
        matches!(told, Some(Event::ReportFailed(at, _)) if *at == talk),
        "{told:?}"
    );
    assert_eq!(town.people[ada.0].engine.waiting().unwrap(), 0);
}
