//! Texts with the preview of a link, which the shell has made where its person switched that on.

use keyfold_protocol::content::{Picture, Preview, Saying};
use keyfold_protocol::state::{Description, Name};

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Complaint, LinkPreview};
use crate::memory::Loaded;

impl Step<'_> {
    /// A person says a text with the preview of one of its links.
    pub(super) fn say_previewed(
        &mut self,
        loaded: &mut Loaded,
        text: &str,
        preview: LinkPreview,
    ) -> Result<Answered, Fault> {
        let Some(preview) = read(preview) else {
            return Ok(Err(Complaint::Preview));
        };
        let text = self.with_mentions(loaded, text)?;
        let (text, preview) = (&text, &preview);
        self.say(loaded, Saying::Previewed { text, preview })
    }
}

fn read(preview: LinkPreview) -> Option<Preview> {
    let LinkPreview {
        url,
        title,
        description,
        picture,
    } = preview;
    Some(Preview {
        url,
        title: Name::new(&title).ok()?,
        description: Description::new(&description).ok()?,
        picture: picture.map(Picture::new).transpose().ok()?,
    })
}
