//! The people of the story, and everything that they have said.

use anyhow::Result;

use super::person::{Conversation, Person};
use super::screen::Screen;

/// A person of the story.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Ada,
    Bo,
    Cy,
}

impl Who {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Ada, Self::Bo, Self::Cy];
}

/// The people, and what they have said.
pub(super) struct Cast {
    pub(super) ada: Person,
    pub(super) bo: Person,
    pub(super) cy: Person,
    /// The name of the account that is there to be found.
    pub(super) control: String,
    /// Every text, in order.
    pub(super) said: Vec<String>,
}

impl Cast {
    /// Three people who have not said anything yet.
    pub(super) fn new(ada: Person, bo: Person, cy: Person, control: String) -> Self {
        Self {
            ada,
            bo,
            cy,
            control,
            said: Vec::new(),
        }
    }

    /// The person.
    pub(super) fn person(&self, who: Who) -> &Person {
        match who {
            Who::Ada => &self.ada,
            Who::Bo => &self.bo,
            Who::Cy => &self.cy,
        }
    }

    /// Somebody says something, once the server has it also on the screen.
    pub(super) fn says(
        &mut self,
        who: Who,
        to: &str,
        conversation: &Conversation,
        text: &str,
        screen: &Screen,
    ) -> Result<()> {
        let person = self.person(who);
        person.says(conversation, text)?;
        screen.says(&person.name, to, text);
        self.said.push(text.to_owned());
        Ok(())
    }

    /// What was said after the first `from` texts.
    pub(super) fn said_since(&self, from: usize) -> Vec<String> {
        self.said.get(from..).unwrap_or_default().to_vec()
    }

    /// What somebody reads after fetching all that waits.
    pub(super) fn reads(&self, who: Who, conversation: &Conversation) -> Result<Vec<String>> {
        let person = self.person(who);
        person.syncs()?;
        person.reads(conversation)
    }

    /// All three must read exactly this.
    pub(super) fn all_read(
        &self,
        conversation: &Conversation,
        wanted: &[String],
        sentence: &str,
        screen: &mut Screen,
    ) -> Result<()> {
        let mut other = Vec::new();
        for who in Who::ALL {
            let seen = self.reads(who, conversation)?;
            if seen != wanted {
                other.push(format!("{} sees {seen:?}", self.person(who).name));
            }
        }
        screen.check(other.is_empty(), sentence, other.join("; "));
        Ok(())
    }
}
