//! Invitation links as people pass them on: `https://SERVER/i#FRAGMENT`. What the fragment says is the engine's to read.

use crate::ServerUrl;

/// Where the page is that a browser shows. It is never asked for here.
const PATH: &str = "/i";

/// A link that can't be opened here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationLinkError {
    /// Not an invitation link.
    #[error(
        "this is not an invitation link: it looks like https://chat.example.org/i#… and has no spaces in it"
    )]
    NoLink,
    /// Of another server than the one that this account is on.
    #[error("this invitation is for accounts on {theirs}; yours is on {ours}")]
    OtherServer {
        /// The link's.
        theirs: String,
        /// This account's.
        ours: String,
    },
}

/// The link to this server with this fragment.
pub fn invitation_link(server: &ServerUrl, fragment: &str) -> String {
    format!("{server}{PATH}#{fragment}")
}

/// The fragment of a link to this server.
///
/// # Errors
/// [`InvitationLinkError`]. Nothing of the fragment is in it.
pub fn read_invitation_link<'l>(
    ours: &ServerUrl,
    link: &'l str,
) -> Result<&'l str, InvitationLinkError> {
    let (place, fragment) = link
        .trim()
        .split_once('#')
        .ok_or(InvitationLinkError::NoLink)?;
    let place = place.trim_end_matches('/').strip_suffix(PATH);
    let theirs: ServerUrl = place
        .and_then(|place| place.parse().ok())
        .ok_or(InvitationLinkError::NoLink)?;
    if theirs != *ours {
        return Err(InvitationLinkError::OtherServer {
            theirs: theirs.to_string(),
            ours: ours.to_string(),
        });
    }
    Ok(fragment)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_link_reads_back_on_its_own_server_and_on_no_other() {
        let ours: ServerUrl = "https://chat.example.org".parse().unwrap();
        let link = invitation_link(&ours, "pgAB_-");
        assert_eq!(link, "https://chat.example.org/i#pgAB_-");
        for written in [
            link.as_str(),
            " https://chat.example.org/i#pgAB_-\n",
            "HTTPS://Chat.Example.org:443/i/#pgAB_-",
        ] {
            assert_eq!(read_invitation_link(&ours, written), Ok("pgAB_-"));
        }
        let other = read_invitation_link(&ours, "https://chat.example.org:8443/i#secret");
        let said = other.unwrap_err().to_string();
        assert!(said.contains("https://chat.example.org:8443"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        for wrong in [
            "",
            "pgAB",
            "#pgAB",
            "https://chat.example.org/#pgAB",
            "https://chat.example.org/i",
            "https://chat.example.org/i?x=1#pgAB",
            "https://chat.example.org/invite#pgAB",
            "ftp://chat.example.org/i#pgAB",
            "https://ada@chat.example.org/i#pgAB",
        ] {
            let refused = read_invitation_link(&ours, wrong);
            assert_eq!(refused, Err(InvitationLinkError::NoLink), "{wrong}");
        }
    }
}
