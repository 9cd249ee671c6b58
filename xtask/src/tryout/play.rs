//! The story: seven scenes, each with what it promises.
//!
//! The words that are said are the words that the last scene searches for on the server's disk.

use anyhow::Result;

use super::cast::{Cast, Who};
use super::person::Conversation;
use super::screen::Screen;
use super::stage::Stage;
use super::{crash, disk};

/// The group's name; sealed like everything in it.
const GROUP: &str = "lighthouse climbers";

/// Words that only the people of this story know, of which each is said or is in a name.
const SECRET_WORDS: [&str; 7] = [
    "lighthouse",
    "climbers",
    "marzipan",
    "granite",
    "thermos",
    "limestone",
    "quarry",
];

/// Plays all scenes in order.
pub(super) fn all(stage: &mut Stage, screen: &mut Screen) -> Result<()> {
    let mut cast = registration(stage, screen)?;
    one_to_one(&mut cast, screen)?;
    let group = group(&mut cast, screen)?;
    offline(&mut cast, &group, screen)?;
    crash::play(stage, &mut cast, &group, screen)?;
    removal(&mut cast, &group, screen)?;
    robbery(stage, &mut cast, screen)
}

fn registration(stage: &Stage, screen: &mut Screen) -> Result<Cast> {
    screen.section("A server, and three people");
    screen.note(format_args!(
        "The server listens on {} and has a certificate of its own.",
        stage.server.url()
    ));
    let [ada, bo, cy] = [
        stage.person("ada")?,
        stage.person("bo")?,
        stage.person("cy")?,
    ];
    for person in [&ada, &bo, &cy] {
        person.registers(&stage.server)?;
        screen.does(
            &person.name,
            "registers: a name and a passphrase, no number, no mail address",
        );
    }
    let control = format!("beacon{:08x}", std::process::id());
    stage.person(&control)?.registers(&stage.server)?;
    screen.note(format_args!(
        "A fourth account, {control}, only gives the search at the end something to find."
    ));
    screen.check(
        true,
        "three people have accounts, with nothing but a name",
        "",
    );
    Ok(Cast::new(ada, bo, cy, control))
}

fn one_to_one(cast: &mut Cast, screen: &mut Screen) -> Result<()> {
    screen.section("Ada and Bo");
    let talk = cast.ada.starts(&["bo"], None)?;
    let from = cast.said.len();
    cast.says(
        Who::Ada,
        "bo",
        &talk,
        "Friday at six, at the old quarry?",
        screen,
    )?;
    cast.bo.syncs()?;
    cast.says(Who::Bo, "ada", &talk, "Yes! I bring marzipan.", screen)?;
    cast.ada.syncs()?;
    cast.says(Who::Ada, "bo", &talk, "Then I bring the rope.", screen)?;
    let wanted = cast.said_since(from);
    let (ada, bo) = (cast.reads(Who::Ada, &talk)?, cast.reads(Who::Bo, &talk)?);
    screen.same(&bo, &wanted, "one to one: Bo reads what was said, in order");
    screen.same(&ada, &wanted, "and Ada's screen shows the same");
    let (hers, his) = (cast.ada.safety_number("bo")?, cast.bo.safety_number("ada")?);
    screen.note(format_args!("Safety number: {hers}"));
    screen.check(
        hers == his,
        "both see the same safety number, so nobody stands between them",
        his,
    );
    Ok(())
}

fn group(cast: &mut Cast, screen: &mut Screen) -> Result<Conversation> {
    screen.section("A group of three");
    let group = cast.ada.starts(&["bo", "cy"], Some(GROUP))?;
    screen.does(
        "ada",
        format_args!("makes a group, \"{GROUP}\", with bo and cy"),
    );
    let from = cast.said.len();
    cast.bo.syncs()?;
    cast.cy.syncs()?;
    cast.says(
        Who::Ada,
        "group",
        &group,
        "Who has done the granite route before?",
        screen,
    )?;
    cast.says(
        Who::Cy,
        "group",
        &group,
        "Me, twice. Bring a thermos.",
        screen,
    )?;
    cast.says(Who::Bo, "group", &group, "I never have.", screen)?;
    let wanted = cast.said_since(from);
    cast.all_read(
        &group,
        &wanted,
        "in a group: all three screens show the same, in the same order",
        screen,
    )?;
    Ok(group)
}

fn offline(cast: &mut Cast, group: &Conversation, screen: &mut Screen) -> Result<()> {
    screen.section("Cy is away, and comes back");
    let from = cast.said.len();
    let before = cast.cy.reads(group)?;
    screen.does("cy", "closes the laptop");
    cast.says(
        Who::Ada,
        "group",
        group,
        "New plan: the limestone wall, it stays dry.",
        screen,
    )?;
    cast.bo.syncs()?;
    cast.says(Who::Bo, "group", group, "Good. Same time?", screen)?;
    cast.ada.syncs()?;
    cast.says(Who::Ada, "group", group, "Same time.", screen)?;
    screen.does("cy", "opens the laptop");
    let seen = cast.reads(Who::Cy, group)?;
    let new = seen.get(before.len()..).unwrap_or_default();
    screen.same(
        new,
        &cast.said_since(from),
        "after being away: Cy reads all of it, once, in order",
    );
    Ok(())
}

fn removal(cast: &mut Cast, group: &Conversation, screen: &mut Screen) -> Result<()> {
    screen.section("Cy is removed");
    let had = cast.reads(Who::Cy, group)?;
    cast.ada.removes(group, "cy")?;
    screen.does("ada", "removes cy from the group: every key changes");
    let from = cast.said.len();
    cast.says(
        Who::Ada,
        "group",
        group,
        "It is a surprise: we meet at the quarry instead.",
        screen,
    )?;
    cast.bo.syncs()?;
    cast.says(Who::Bo, "group", group, "Cy will love it.", screen)?;
    let bo = cast.reads(Who::Bo, group)?;
    let new = cast.said_since(from);
    screen.check(
        bo.ends_with(&new),
        "Cy was removed: Bo reads on",
        format_args!("{bo:?}"),
    );
    let cy = cast.reads(Who::Cy, group)?;
    screen.same(&cy, &had, "Cy keeps what was there, and reads nothing new");
    let refused = cast.cy.is_refused(&["send", &group.0, "Hello?"])?;
    let told = refused.clone().unwrap_or_default();
    screen.note(format_args!("Cy tries to write, and is told: {told}"));
    screen.check(
        refused.is_some(),
        "and can no longer write there",
        "it was taken",
    );
    Ok(())
}

fn robbery(stage: &mut Stage, cast: &mut Cast, screen: &mut Screen) -> Result<()> {
    screen.section("Somebody copies the server's disk");
    let talk = cast.ada.starts(&["bo"], None)?;
    cast.says(Who::Ada, "bo", &talk, "The thermos is in the car.", screen)?;
    screen.note("Bo has not fetched it yet, so it lies on the server. The disk is copied now.");
    let copy = disk::Copy::steal(stage)?;
    copy.show(stage, screen)?;
    screen.tell("");
    let found = copy.files_with(&cast.control)?;
    screen.note(format_args!(
        "Searched {} bytes: tables, journal, keys and log.",
        copy.size()?
    ));
    screen.check(
        !found.is_empty(),
        "the disk was copied and searched: the name that was planted there is found",
        "it finds nothing",
    );
    let mut words: Vec<&str> = SECRET_WORDS.to_vec();
    words.extend(cast.said.iter().map(String::as_str));
    let mut leaked = Vec::new();
    for word in &words {
        let files = copy.files_with(word)?;
        if !files.is_empty() {
            leaked.push(format!("{word:?} in {}", files.join(", ")));
        }
    }
    let sentence = format!(
        "of {} texts and words that were said or are in names, none is found",
        words.len()
    );
    screen.check(leaked.is_empty(), &sentence, leaked.join("; "));
    let seen = cast.reads(Who::Bo, &talk)?;
    let arrived = seen.last() == cast.said.last();
    screen.check(
        arrived,
        "and Bo reads that last message all the same",
        format_args!("{seen:?}"),
    );
    Ok(())
}
