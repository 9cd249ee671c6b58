//! What a link leads to, looked at by the sender's device where its person switched that on.
//!
//! The page learns of the sender's network and that somebody there wrote of it, as if they had opened it. Nothing else is told: no cookies, no account, one plain
//! name for the program, and nothing that readers do. Only public addresses are asked, each checked after its name was looked up and connected to as it was checked.

mod address;
mod fetch;
mod page;

use std::io::Cursor;

use keyfold_engine::command::LinkPreview;
use keyfold_protocol::content::{Text, TextFormat, links};
use tokio::time::timeout;
use url::Url;

use crate::limits::{MAX_PAGE, MAX_PREVIEW_SOURCE, PREVIEW_PATIENCE};
use crate::picture;
use fetch::{Fetched, Fetcher};

pub(crate) use address::Reach;

/// Why there is no preview. The text goes without one.
#[derive(Debug, thiserror::Error)]
pub enum PreviewFailure {
    /// It leads somewhere else than to the web, or to a place that is not public.
    #[error("the link leads to no public page")]
    NotPublic,
    /// The page did not come in time, or not at all.
    #[error("the page could not be loaded")]
    NotLoaded,
    /// It moved too often.
    #[error("the page has moved too often")]
    Moved,
    /// It does not say what it is.
    #[error("the page does not say what it is called")]
    Untitled,
}

/// Looks at the first page that a text links to. `None`: it links to none.
///
/// # Errors
/// [`PreviewFailure`].
pub async fn make(text: &str) -> Result<Option<LinkPreview>, PreviewFailure> {
    let text = Text {
        text: text.to_owned(),
        format: TextFormat::Markdown,
        preview: None,
    };
    let Some(link) = links(&text).next() else {
        return Ok(None);
    };
    let fetcher = Fetcher::new(Reach::Public)?;
    let looked = timeout(PREVIEW_PATIENCE, look(&fetcher, &link)).await;
    looked
        .map_err(|_| PreviewFailure::NotLoaded)
        .flatten()
        .map(Some)
}

async fn look(fetcher: &Fetcher, link: &str) -> Result<LinkPreview, PreviewFailure> {
    let url = Url::parse(link).map_err(|_| PreviewFailure::NotPublic)?;
    let Fetched { url, body, is_page } = fetcher.get(url, MAX_PAGE).await?;
    if !is_page {
        return Err(PreviewFailure::Untitled);
    }
    let page = page::read(&body);
    let title = page.title.ok_or(PreviewFailure::Untitled)?;
    let source = page.picture.and_then(|picture| url.join(&picture).ok());
    // What nobody on the way can read does not lead to what everybody can.
    let source =
        source.filter(|source| source.scheme() == url.scheme() || source.scheme() == "https");
    // A page without its picture is better than none.
    let picture = match source {
        Some(source) => match fetcher.get(source, MAX_PREVIEW_SOURCE).await {
            Ok(fetched) => {
                let small = move || picture::for_preview(Cursor::new(fetched.body)).ok();
                tokio::task::spawn_blocking(small).await.ok().flatten()
            }
            Err(_) => None,
        },
        None => None,
    };
    Ok(LinkPreview {
        url: link.to_owned(),
        title,
        description: page.description.unwrap_or_default(),
        picture,
    })
}

#[cfg(test)]
mod tests;
