//! What a link in a text leads to, as the sender's device has seen it. Readers show it beside the text, and fetch nothing.

use super::markup::Link;
use super::poll::is_line;
use super::{ContentError, Picture, Text, fields};
use crate::cbor;
use crate::limits::{MAX_LINK, MAX_PREVIEW_PICTURE, MAX_PREVIEW_WORDS};
use crate::state::{Description, Name};

/// The media type of the preview of a link.
pub const LINK: &str = "application/vnd.keyfold.link+cbor";

const KEY_URL: u64 = 1;
const KEY_TITLE: u64 = 2;
const KEY_DESCRIPTION: u64 = 3;
const KEY_PICTURE: u64 = 4;

/// The preview of a link.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    /// Where the link leads: `http` or `https`, and a link of the text.
    pub url: String,
    /// What the page is called.
    pub title: Name,
    /// What it says of itself, at most `MAX_PREVIEW_WORDS` bytes; may be empty.
    pub description: Description,
    /// A picture of at most `MAX_PREVIEW_PICTURE` bytes.
    pub picture: Option<Picture>,
}

impl Preview {
    /// Whether it can be one.
    ///
    /// # Errors
    /// [`ContentError::Preview`].
    pub fn check(&self) -> Result<(), ContentError> {
        let lower = self.url.get(..8).unwrap_or(&self.url).to_ascii_lowercase();
        let leads = lower.starts_with("https://") || lower.starts_with("http://");
        let picture = self.picture.as_ref();
        let fits = is_line(&self.url, MAX_LINK)
            && !self.title.as_str().trim().is_empty()
            && self.description.as_str().len() <= MAX_PREVIEW_WORDS
            && picture.is_none_or(|picture| picture.as_bytes().len() <= MAX_PREVIEW_PICTURE);
        if leads && fits {
            Ok(())
        } else {
            Err(ContentError::Preview)
        }
    }

    /// Whether the text has the link.
    pub fn is_of(&self, text: &Text) -> bool {
        links(text).any(|url| url == self.url)
    }

    /// As it travels. What is empty is left out.
    pub(super) fn encode(&self) -> Vec<u8> {
        let description = self.description.as_str();
        let picture = self.picture.as_ref().map(Picture::as_bytes);
        let fields = [!description.is_empty(), picture.is_some()];
        let count = fields.into_iter().filter(|there| *there).count();
        cbor::encode(|e| {
            e.map(count as u64 + 2)?;
            e.u64(KEY_URL)?.str(&self.url)?;
            e.u64(KEY_TITLE)?.str(self.title.as_str())?;
            if !description.is_empty() {
                e.u64(KEY_DESCRIPTION)?.str(description)?;
            }
            if let Some(picture) = picture {
                e.u64(KEY_PICTURE)?.bytes(picture)?;
            }
            e.ok()
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`ContentError`].
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, ContentError> {
        let mut preview = Self {
            url: String::new(),
            title: Name::default(),
            description: Description::default(),
            picture: None,
        };
        let bad = |_| ContentError::Preview;
        fields::read(encoded, |key, d| {
            match key {
                KEY_URL => d.str()?.clone_into(&mut preview.url),
                KEY_TITLE => preview.title = Name::new(d.str()?).map_err(bad)?,
                KEY_DESCRIPTION => preview.description = Description::new(d.str()?).map_err(bad)?,
                KEY_PICTURE => {
                    let picture = Picture::new(d.bytes()?.to_vec());
                    preview.picture = Some(picture.map_err(|_| ContentError::Preview)?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        preview.check()?;
        Ok(preview)
    }
}

/// Where the links of a text lead that lead to pages, in order.
pub fn links(text: &Text) -> impl Iterator<Item = String> {
    let spans = text.blocks().into_iter().flat_map(|block| block.spans);
    spans.filter_map(|span| match span.link {
        Some(Link::Uri(uri)) if uri.get(..4)?.eq_ignore_ascii_case("http") => Some(uri),
        _ => None,
    })
}
