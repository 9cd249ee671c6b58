//! Which conversation a word means: an id, its unique beginning, a name or a handle.

use keyfold_client::Link;
use keyfold_engine::{Engine, Fault};
use keyfold_wire::ids::ConversationId;

use crate::failure::{Candidate, Failure, Kind};
use crate::session::{Online, PATIENCE};

type Found = Vec<(ConversationId, String)>;

fn candidates(engine: &Engine, words: &str) -> Result<Found, Fault> {
    let name = |id| {
        Ok((
            id,
            engine
                .conversation(id)?
                .map(|found| found.name)
                .unwrap_or_default(),
        ))
    };
    engine.find(words)?.into_iter().map(name).collect()
}

/// The conversation that is meant.
pub(crate) fn conversation(engine: &Engine, words: &str) -> Result<ConversationId, Failure> {
    choose(words, &candidates(engine, words)?)
}

/// The same, while the client runs. What is not known yet may be among what waits at the server, such as a group to which
/// this person was just added: it is looked for again once all of that has come.
pub(crate) async fn conversation_online(
    online: &Online,
    words: &str,
) -> Result<ConversationId, Failure> {
    let mut found = search(online, words).await?;
    if found.is_empty() {
        let told =
            |link: &Link| !matches!(link, Link::Connecting | Link::Online { caught_up: false });
        let _ = online.client.wait_for_link(told, PATIENCE).await;
        found = search(online, words).await?;
    }
    choose(words, &found)
}

async fn search(online: &Online, words: &str) -> Result<Found, Failure> {
    let wanted = words.to_owned();
    let search = move |engine: &Engine| candidates(engine, &wanted);
    Ok(online.client.read(search).await?)
}

fn choose(words: &str, found: &[(ConversationId, String)]) -> Result<ConversationId, Failure> {
    let none = format!(
        "no conversation is called {words}: `keyfold list` shows them, `keyfold new {words}` begins one"
    );
    let several = format!(
        "{words} may be one of {} conversations: use the beginning of an id",
        found.len()
    );
    the_one(found, none, several)
}

/// The only one that is found; else why not, in these words, with the names of all.
pub(super) fn the_one<T: Copy + ToString>(
    found: &[(T, String)],
    none: String,
    several: String,
) -> Result<T, Failure> {
    match found {
        [(only, _)] => Ok(*only),
        [] => Err(Failure::new(Kind::NotFound, none)),
        all => Err(Failure {
            error: several,
            kind: Kind::Ambiguous,
            candidates: all
                .iter()
                .map(|(id, name)| Candidate {
                    id: id.to_string(),
                    name: name.clone(),
                })
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn one_is_chosen_none_is_told_and_several_are_listed() {
        let [a, b] = [1, 2].map(|byte| (ConversationId::new([byte; 16]), "climbing".to_owned()));
        assert_eq!(choose("climbing", std::slice::from_ref(&a)).unwrap(), a.0);
        assert_eq!(choose("climbing", &[]).unwrap_err().kind, Kind::NotFound);
        let failure = choose("climbing", &[a, b]).unwrap_err();
        assert_eq!(failure.kind, Kind::Ambiguous);
        assert_eq!(failure.candidates.len(), 2);
    }
}
