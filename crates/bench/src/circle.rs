//! A group of bare MLS members: one that reads and writes, others that speak to it.

use anyhow::{Context as _, Result};
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{ConversationHandle, ConversationId};
use openmls::prelude::OpenMlsProvider;
use openmls_rust_crypto::OpenMlsRustCrypto;

use crate::bare::{Member, told};

/// What a device of a group with this suite speaks: devices that speak the better one do not join a group of the other.
pub(crate) fn spoken(suite: Suite) -> &'static [Suite] {
    match suite {
        Suite::Hybrid => &Suite::ALL,
        Suite::Classic => &[Suite::Classic],
    }
}

/// A group.
pub(crate) struct Circle<P> {
    /// Who made it.
    pub(crate) reader: Member<P>,
    /// Everybody else.
    pub(crate) speakers: Vec<Member<OpenMlsRustCrypto>>,
    next: usize,
}

impl<P: OpenMlsProvider> Circle<P> {
    /// Of so many members; everybody has spoken once, the reader too.
    pub(crate) fn new(provider: P, members: usize, suite: Suite) -> Result<Self> {
        let suites = spoken(suite);
        let mut reader = Member::new(provider, 1, suites)?;
        let mut speakers = Vec::new();
        let mut packages = Vec::new();
        for number in 1..members {
            let member = Member::plain(number as u64 + 1, suites)?;
            packages.push(member.key_package(suite, suites, &[7; 56])?);
            speakers.push(member);
        }
        let state = ConversationState::group(
            ConversationId::new([1; 16]),
            ConversationHandle::new([2; 32]),
            told(Name::new("climbing"))?,
            reader.account(),
        );
        let welcome = reader.create(suite, suites, state.encode(), &packages)?;
        for speaker in &mut speakers {
            speaker.join(&welcome)?;
        }
        let mut circle = Self {
            reader,
            speakers,
            next: 0,
        };
        circle.reader.encrypt(b"good morning")?;
        for _ in 1..members {
            let said = circle.somebody_says(b"good morning")?;
            circle.reader.decrypt(&said)?;
        }
        Ok(circle)
    }

    /// One after the other says something.
    pub(crate) fn somebody_says(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        self.next = (self.next + 1) % self.speakers.len();
        let speaker = self.speakers.get_mut(self.next).context("nobody speaks")?;
        speaker.encrypt(content)
    }
}
