//! What a page says of itself: its title, a few words and a picture, by the Open Graph protocol (ogp.me) or plain HTML.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use keyfold_protocol::limits::{MAX_NAME, MAX_PREVIEW_WORDS};
use keyfold_protocol::state::Name;

/// What was found, each as it may be said.
#[derive(Default)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    /// Where a picture lies, from where the page does.
    pub(super) picture: Option<String>,
}

/// Reads the beginning of a page: nothing behind its head counts.
pub(super) fn read(html: &[u8]) -> Page {
    let (mut page, mut title, mut in_title) = (Page::default(), String::new(), false);
    let mut plain = None;
    // What stands in a script is no tag.
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if *tag.name == b"title" => in_title = title.is_empty(),
            Token::StartTag(tag) if *tag.name == b"body" => break,
            Token::StartTag(tag) if *tag.name == b"meta" => meta(&tag, &mut page, &mut plain),
            Token::String(text) if in_title => title.push_str(&String::from_utf8_lossy(&text)),
            Token::EndTag(tag) if *tag.name == b"title" => in_title = false,
            Token::EndTag(tag) if *tag.name == b"head" => break,
            _ => {}
        }
    }
    page.title = page.title.or_else(|| line(&title, MAX_NAME));
    page.description = page.description.or(plain);
    page
}

fn meta(tag: &StartTag<()>, page: &mut Page, plain: &mut Option<String>) {
    let value = |name: &str| {
        let found = tag.attributes.get(name.as_bytes());
        found.map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let Some(content) = value("content") else {
        return;
    };
    let name = value("property").or_else(|| value("name"));
    match name.unwrap_or_default().to_ascii_lowercase().as_str() {
        "og:title" if page.title.is_none() => page.title = line(&content, MAX_NAME),
        "og:description" if page.description.is_none() => {
            page.description = line(&content, MAX_PREVIEW_WORDS);
        }
        "description" if plain.is_none() => *plain = line(&content, MAX_PREVIEW_WORDS),
        "og:image" | "og:image:secure_url" if page.picture.is_none() => {
            page.picture = Some(content.trim().to_owned());
        }
        _ => {}
    }
}

/// Words in one line, without what could disturb a screen, cut where they are too long. `None`: nothing is left.
fn line(text: &str, most: usize) -> Option<String> {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        let shown = |one: &char| Name::new(one.encode_utf8(&mut [0; 4])).is_ok();
        line.extend(word.chars().filter(shown));
    }
    let mut end = line.len().min(most);
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    line.truncate(end);
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_page_says_what_it_is() {
        let page = read(
            b"<!doctype html><html><head><title>\n The  rock &amp; more </title>
              <meta name=description content='plain words'>
              <meta property='og:image' content='/rock.jpg'></head>
              <body><meta property='og:title' content='too late'><title>no</title>",
        );
        assert_eq!(page.title.as_deref(), Some("The rock & more"));
        assert_eq!(page.description.as_deref(), Some("plain words"));
        assert_eq!(page.picture.as_deref(), Some("/rock.jpg"));
        let page = read(
            b"<META PROPERTY=og:title CONTENT='Rock'><meta property=og:description content='its words'>
              <meta name=description content=other><title>The site: Rock</title>",
        );
        assert_eq!(page.title.as_deref(), Some("Rock"));
        assert_eq!(page.description.as_deref(), Some("its words"));
    }

    #[test]
    fn what_it_says_is_cut_and_cleaned() {
        let long = format!("<title>{}\u{202e}\u{7}</title>", "\u{e9}".repeat(MAX_NAME));
        let title = read(long.as_bytes()).title.unwrap();
        assert_eq!(title, "\u{e9}".repeat(MAX_NAME / 2));
        assert!(read(b"<title> \xe2\x80\xae </title>").title.is_none());
        assert!(read(b"\xff\xfe<title").title.is_none());
        let script = b"<script>'<title>no</title>'</script><title>yes</title>";
        assert_eq!(read(script).title.as_deref(), Some("yes"));
    }
}
