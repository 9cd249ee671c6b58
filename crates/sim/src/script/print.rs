//! A script as a test that can be read: Rust, over [`Town`](crate::Town).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use keyfold_protocol::state::Role;

use super::{Act, Crowd, Hand, How, Mishap, Scene, Script, Where, Who, Whom, name};

impl Script {
    /// The test, under a name. Only scenes with names in place of numbers can be told, as a played world writes them down.
    pub fn told(&self, test: &str) -> String {
        let mut tale = Tale {
            names: BTreeMap::new(),
            text: String::new(),
        };
        for scene in &self.scenes {
            tale.tells(scene);
        }
        let people: Vec<&str> = (0..self.people).map(name).collect();
        let hybrid = if self.hybrid {
            "    town.speaks_hybrid();\n"
        } else {
            ""
        };
        format!(
            "#[test]\nfn {test}() {{\n    let town = Town::new({});\n{hybrid}    let [{}] = town.people();\n{}    town.keeps_its_promises();\n}}\n",
            self.seed,
            people.join(", "),
            tale.text
        )
    }
}

struct Tale {
    /// What each tag is called.
    names: BTreeMap<u32, String>,
    text: String,
}

fn hand(hand: Hand) -> String {
    match hand.device {
        0 => name(hand.person).to_owned(),
        device => format!("{}.on({device})", name(hand.person)),
    }
}

fn crowd(hands: &[Hand]) -> String {
    let hands: Vec<String> = hands.iter().copied().map(hand).collect();
    format!("[{}]", hands.join(", "))
}

fn mishap(what: Mishap) -> String {
    match what {
        Mishap::DiskFull(pages) => format!("Mishap::DiskFull({pages})"),
        Mishap::Busy(millis) => format!("Mishap::Busy({millis})"),
        Mishap::AnsweredAgain(millis) => format!("Mishap::AnsweredAgain({millis})"),
        Mishap::Cheats(cheat) => format!("Mishap::Cheats(Cheat::{cheat:?})"),
        what => format!("Mishap::{what:?}"),
    }
}

impl Tale {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {line}");
    }

    fn place(&self, place: Where) -> String {
        match place {
            Where::Is(tag) => self
                .names
                .get(&tag)
                .cloned()
                .unwrap_or_else(|| format!("Talk({tag})")),
            other => format!("{other:?}"),
        }
    }

    fn called(&mut self, tag: u32, name: String) -> String {
        self.names.insert(tag, name.clone());
        name
    }

    fn tells(&mut self, scene: &Scene) {
        if scene.wait > 0 {
            self.line(&format!("town.waits({});", scene.wait));
        }
        if scene.act == Act::Away(0) {
            return;
        }
        let line = self.sentence(scene);
        self.line(&line);
    }

    fn sentence(&mut self, scene: &Scene) -> String {
        let who = match scene.who {
            Who::Is(one) => hand(one),
            other => format!("{other:?}"),
        };
        let whom = |whom: &Whom| match whom {
            Whom::Is(person) => name(*person).to_owned(),
            other => format!("{other:?}"),
        };
        match &scene.act {
            Act::Says {
                place, text, long, ..
            } => {
                let says = if *long { "says_at_length" } else { "says" };
                format!("{who}.{says}({}, {text:?});", self.place(*place))
            }
            Act::Meets { tag, other } => {
                let talk = self.called(*tag, format!("talk_{tag}"));
                format!("let {talk} = {who}.meets({});", name(*other))
            }
            Act::Begins {
                tag, name, others, ..
            } => {
                let group = self.called(*tag, format!("group_{tag}"));
                let others: Vec<&str> = others.iter().map(|one| super::name(*one)).collect();
                let others = others.join(", ");
                format!("let {group} = {who}.creates_group({name:?}, [{others}]);")
            }
            Act::Adds(place, one) => {
                format!("{who}.adds({}, {});", self.place(*place), whom(one))
            }
            Act::Removes(place, one) => {
                format!("{who}.removes({}, {});", self.place(*place), whom(one))
            }
            Act::Leaves(place) => format!("{who}.leaves({});", self.place(*place)),
            Act::Renames(place, name) => {
                format!("{who}.renames({}, {name:?});", self.place(*place))
            }
            Act::Promotes(place, one, role) => {
                let role = match role {
                    Role::Owner => "Owner",
                    Role::Admin => "Admin",
                    Role::Member => "Member",
                };
                let place = self.place(*place);
                format!("{who}.makes({place}, {}, Role::{role});", whom(one))
            }
            Act::Amends { place, which, how } => {
                let place = self.place(*place);
                match how {
                    How::Edited(text) => format!("{who}.edits({place}, {which}, {text:?});"),
                    How::TakenBack => format!("{who}.takes_back({place}, {which});"),
                    How::Reacted(emoji) => format!("{who}.reacts({place}, {which}, {emoji:?});"),
                    How::Pinned(true) => format!("{who}.pins({place}, {which});"),
                    How::Pinned(false) => format!("{who}.unpins({place}, {which});"),
                }
            }
            Act::Updates(place) => format!("{who}.renews_keys({});", self.place(*place)),
            Act::Links(skew) => format!("{who}.links({skew});"),
            Act::Unlinks => format!("{who}.unlinks();"),
            other => befalls(&who, other),
        }
    }
}

fn befalls(who: &str, act: &Act) -> String {
    match act {
        Act::Away(minutes) => format!("{who}.is_away({minutes});"),
        Act::Dies => format!("{who}.dies();"),
        Act::ClockIsOff(millis) => format!("{who}.clock_is_off({millis});"),
        Act::Mishap { what, after } => {
            format!("{who}.will_meet({}, {after});", mishap(*what))
        }
        Act::Stolen => format!("{who}.is_stolen();"),
        Act::BackedUp => format!("{who}.is_backed_up();"),
        Act::Restored => format!("{who}.is_restored();"),
        Act::Turns(trick) => format!("{who}.turns(Trick::{trick:?});"),
        Act::Cloned => format!("{who}.is_cloned();"),
        Act::ServerDies => "town.server_dies();".to_owned(),
        Act::ServerBackedUp => "town.server_is_backed_up();".to_owned(),
        Act::ServerRestored => "town.server_is_restored();".to_owned(),
        Act::Parted(Crowd::Are(hands), minutes) => {
            format!("town.parts({}, {minutes});", crowd(hands))
        }
        other => format!("{other:?}"),
    }
}
