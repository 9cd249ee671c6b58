//! `cargo xtask try --interactive`: the server stays, and each person has a chat screen to type in.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Result;

use super::person::Person;
use super::screen::Screen;
use super::stage::Stage;
use crate::workspace::{Workspace, answer, succeed};

/// The group that the screens open on.
const GROUP: &str = "climbing";

/// How the screens are framed.
const TMUX: &str = r#"
set -g mouse on
set -g pane-border-status top
set -g pane-border-format " #{pane_title} "
set -g allow-rename off
set -g status-left " Keyfold: click a person to write as them; Ctrl-B, then D, ends it all "
set -g status-left-length 80
set -g status-right ""
set -g window-status-format ""
set -g window-status-current-format ""
"#;

/// Registers three people, puts them into a group, and opens their screens.
pub(super) fn run(workspace: &Workspace, stage: &mut Stage, screen: &mut Screen) -> Result<()> {
    screen.section("Three people in a group");
    let people = [
        stage.person("ada")?,
        stage.person("bo")?,
        stage.person("cy")?,
    ];
    for person in &people {
        person.registers(&stage.server)?;
        screen.does(&person.name, "has an account");
    }
    let [ada, bo, cy] = &people;
    let group = ada.starts(&["bo", "cy"], Some(GROUP))?;
    ada.says(&group, "Hello! Type a line and press Enter.")?;
    bo.syncs()?;
    cy.syncs()?;
    let lines = people
        .each_ref()
        .map(|person| person.shell_line(&["chat", &group.0]));
    if has_tmux(workspace) && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return in_tmux(workspace, stage, &people, &lines);
    }
    screen.tell("Open a terminal for each person and paste:\n");
    for line in &lines {
        println!("{line}\n");
    }
    wait_for_enter(screen)
}

fn has_tmux(workspace: &Workspace) -> bool {
    answer(workspace.command("tmux").arg("-V")).is_some()
}

/// One window, a screen for each person, on a tmux server of our own that ends with this command.
fn in_tmux(
    workspace: &Workspace,
    stage: &Stage,
    people: &[Person; 3],
    lines: &[String; 3],
) -> Result<()> {
    let (socket, settings) = (stage.path("tmux"), stage.path("tmux.conf"));
    std::fs::write(&settings, TMUX)?;
    let tmux = |words: &str, more: &[&str]| {
        let mut command = workspace.command("tmux");
        command.arg("-S").arg(&socket).arg("-f").arg(&settings);
        command.args(words.split(' ')).args(more);
        // Also from within somebody's own tmux.
        command.env_remove("TMUX");
        command
    };
    stage.processes.at_end(tmux("kill-server", &[]));
    for (at, (person, line)) in people.iter().zip(lines).enumerate() {
        let open = if at == 0 {
            "new-session -d -s keyfold -x 200 -y 50"
        } else {
            "split-window -h"
        };
        succeed(&mut tmux(open, &[line]))?;
        succeed(&mut tmux("select-pane -T", &[&person.name]))?;
    }
    succeed(&mut tmux("select-layout even-horizontal", &[]))?;
    succeed(&mut tmux("attach", &[]))
}

fn wait_for_enter(screen: &Screen) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        screen.tell("The server runs until this command is stopped.");
        loop {
            std::thread::park();
        }
    }
    print!("  Press Enter here to end it all. ");
    std::io::stdout().flush()?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
