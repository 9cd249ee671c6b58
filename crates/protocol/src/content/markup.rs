//! A text as a screen shows it: its Markdown, read into blocks and spans.
//!
//! The subset is that of chats: strong, emphasized, struck out, code, links, mentions, quotes, lists, headings. Nothing of a text is HTML, nothing of it
//! is fetched, and nothing of what somebody wrote is left out. `CommonMark` 0.31, GitHub Flavored Markdown (strikethrough, bare links);
//! a mention is a link to an account (draft-ietf-mimi-content-08, "Mentions").

use std::ops::Range;

use keyfold_wire::ids::AccountId;
use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeWithOffset};

use super::{Text, TextFormat};
use crate::limits::{MAX_LINK, MAX_NESTING, MAX_PIECES};

/// What the URI of an account begins with; 64 lower-case hexadecimal digits follow.
const ACCOUNT: &str = "keyfold:account/";
/// Where a link may lead. Others would have a program do something, and stay text.
const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

/// Lines that belong together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// In how many quotes it stands: at most `MAX_NESTING`.
    pub quoted: u8,
    /// Its text, in order. A line ends with `\n` inside a span, never at the end of a block.
    pub spans: Vec<Span>,
}

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BlockKind {
    /// Text.
    #[default]
    Paragraph,
    /// A heading.
    Heading,
    /// An item of a list, or a further paragraph of it.
    Item {
        /// In how many lists it stands: from 1 to `MAX_NESTING`.
        depth: u8,
        /// What stands before it.
        mark: Mark,
    },
    /// Code, line by line as it was written, in one span.
    Code,
    /// A line across; without text.
    Rule,
}

/// What stands before an item of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mark {
    /// A dot.
    Bullet,
    /// A number.
    Number(u64),
    /// Nothing: it goes on with the item before.
    #[default]
    More,
}

/// A piece of text of one look.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// Not empty.
    pub text: String,
    /// How it looks.
    pub look: Look,
    /// Where it leads.
    pub link: Option<Link>,
}

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is on or off by itself")]
pub struct Look {
    /// Strong.
    pub strong: bool,
    /// Emphasized.
    pub emphasis: bool,
    /// Struck out.
    pub strikethrough: bool,
    /// Code inside a line.
    pub code: bool,
}

/// Where a piece of text leads.
#[derive(Clone, PartialEq, Eq)]
pub enum Link {
    /// To a page or a mailbox: `http`, `https` or `mailto`, at most `MAX_LINK` bytes. What it says and where it leads may differ:
    /// a screen shows both.
    Uri(String),
    /// It mentions this person. What it says is the sender's word; a screen shows the name that it knows.
    Account(AccountId),
}

impl Text {
    /// The text as a screen shows it.
    ///
    /// One with more than `MAX_PIECES` blocks and spans is one span, as it was written.
    pub fn blocks(&self) -> Vec<Block> {
        let blocks = match self.format {
            TextFormat::Plain => plain(&self.text),
            TextFormat::Markdown => markdown(&self.text),
        };
        let pieces: usize = blocks
            .iter()
            .map(|block| block.spans.len().saturating_add(1))
            .sum();
        if pieces <= MAX_PIECES {
            return blocks;
        }
        let written = Span {
            text: self.text.clone(),
            ..Span::default()
        };
        vec![Block {
            spans: vec![written],
            ..Block::default()
        }]
    }

    /// The text as it was typed: each mention of somebody whose name is known is `@` and the name, as [`with_mentions`] takes it.
    pub fn as_typed(&self, name: impl Fn(&AccountId) -> Option<String>) -> String {
        let text = &self.text;
        if self.format == TextFormat::Plain || !text.contains(ACCOUNT) {
            return text.clone();
        }
        let mut typed = String::with_capacity(text.len());
        let mut done = 0;
        for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
            if let Event::Start(Tag::Link { dest_url, .. }) = event
                && let Some(Link::Account(account)) = Link::read(&dest_url)
                && let Some(name) = name(&account).filter(|_| range.start >= done)
            {
                typed.push_str(text.get(done..range.start).unwrap_or_default());
                typed.push('@');
                typed.push_str(&name);
                done = range.end;
            }
        }
        typed + text.get(done..).unwrap_or_default()
    }
}

impl Link {
    /// Reads where a link leads. `None`: it is not followed from here.
    fn read(uri: &str) -> Option<Self> {
        if let Some(account) = uri.strip_prefix(ACCOUNT) {
            return account.parse().ok().map(Self::Account);
        }
        let lower = uri.get(..8).unwrap_or(uri).to_ascii_lowercase();
        let leads = SCHEMES.iter().any(|scheme| lower.starts_with(scheme));
        let clean = uri
            .chars()
            .all(|one| !(one.is_control() || one.is_whitespace() || turns(one)));
        (leads && clean && uri.len() <= MAX_LINK).then(|| Self::Uri(uri.to_owned()))
    }
}

/// Whether a character turns the direction of what stands behind it, so that a link would seem to lead elsewhere (Unicode UAX 9).
const fn turns(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A mention of an account as it stands in a text: a link that says `@` and the name.
pub fn mention(account: &AccountId, name: &str) -> String {
    let mut written = String::from("[@");
    for character in name.chars() {
        if "\\[]*_`<>&~!".contains(character) {
            written.push('\\');
        }
        written.push(character);
    }
    written + "](" + ACCOUNT + &account.to_string() + ")"
}

/// Puts mentions into a text that somebody has typed: where an `@` begins a word outside of code and links, and `found` makes an account of what
/// stands behind it. `found` says of how many bytes.
pub fn with_mentions(typed: &str, found: impl Fn(&str) -> Option<(usize, AccountId)>) -> String {
    if !typed.contains('@') {
        return typed.to_owned();
    }
    let words = words(typed);
    let mut written = String::with_capacity(typed.len());
    let mut done = 0;
    for (at, _) in typed.match_indices('@') {
        let before = typed
            .get(..at)
            .and_then(|before| before.chars().next_back());
        let begins =
            before.is_none_or(|before| !(before.is_alphanumeric() || "@/\\".contains(before)));
        let stands = words.partition_point(|range| range.end <= at);
        let is_word = words.get(stands).is_some_and(|range| range.contains(&at));
        let name = typed.get(at + 1..).unwrap_or_default();
        if at < done || !begins || !is_word {
            continue;
        }
        if let Some((length, account)) = found(name) {
            written.push_str(typed.get(done..at).unwrap_or_default());
            written.push_str(&mention(&account, name.get(..length).unwrap_or_default()));
            done = at + 1 + length;
        }
    }
    written + typed.get(done..).unwrap_or_default()
}

/// Where words stand, and no code and no links.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut inside = 0_usize;
    let mut words = Vec::new();
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Link { .. } | Tag::Image { .. }) => inside += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::Link | TagEnd::Image) => {
                inside = inside.saturating_sub(1);
            }
            Event::Text(_) if inside == 0 => words.push(range),
            _ => {}
        }
    }
    words
}

const OPTIONS: Options = Options::ENABLE_STRIKETHROUGH;

/// A text that is not marked up.
fn plain(text: &str) -> Vec<Block> {
    let mut reader = Reader::new(text);
    reader.words(text);
    reader.end_block();
    reader.blocks
}

fn markdown(text: &str) -> Vec<Block> {
    let parser = Parser::new_ext(text, OPTIONS);
    // Definitions of links would vanish: a text that has some is not of the subset.
    if parser.reference_definitions().iter().next().is_some() {
        return plain(text);
    }
    let mut reader = Reader::new(text);
    for (event, range) in TextMergeWithOffset::new(parser.into_offset_iter()) {
        reader.reads(event, &range);
    }
    reader.end_block();
    reader.blocks
}

/// Reads a text from its beginning to its end.
struct Reader<'a> {
    source: &'a str,
    blocks: Vec<Block>,
    /// The block that has begun.
    open: Option<Block>,
    quoted: usize,
    /// The number of the next item of each list that this stands in.
    lists: Vec<Option<u64>>,
    /// What stands before the next block of an item.
    mark: Mark,
    strong: usize,
    emphasis: usize,
    strikethrough: usize,
    /// The links that this stands in; of those that are not followed where they lead.
    links: Vec<Result<Link, String>>,
}

impl<'a> Reader<'a> {
    const fn new(source: &'a str) -> Self {
        Self {
            source,
            blocks: Vec::new(),
            open: None,
            quoted: 0,
            lists: Vec::new(),
            mark: Mark::More,
            strong: 0,
            emphasis: 0,
            strikethrough: 0,
            links: Vec::new(),
        }
    }

    fn reads(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.starts(tag, range),
            Event::End(tag) => self.ends(tag, range),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.words(&text),
            Event::Code(text) => {
                let look = Look {
                    code: true,
                    ..self.look()
                };
                self.push(&text, look, self.link());
            }
            Event::SoftBreak | Event::HardBreak => self.words("\n"),
            Event::Rule => {
                self.begin(BlockKind::Rule);
                self.end_block();
            }
            // Of what is not switched on the source is shown.
            _ => self.words(self.source.get(range.clone()).unwrap_or_default()),
        }
    }

    fn starts(&mut self, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.begin(self.kind_here()),
            Tag::Heading { .. } => self.begin(BlockKind::Heading),
            Tag::CodeBlock(kind) => {
                self.begin(BlockKind::Code);
                // Behind the fence mostly stands the language; some write their first line there.
                if let CodeBlockKind::Fenced(info) = kind
                    && info.contains(char::is_whitespace)
                {
                    self.words(&format!("{info}\n"));
                }
            }
            Tag::BlockQuote(_) => {
                self.end_block();
                self.quoted += 1;
            }
            Tag::List(first) => {
                self.end_block();
                self.lists.push(first);
            }
            Tag::Item => self.begin_item(),
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::Strikethrough if self.is_double(range) => self.strikethrough += 1,
            Tag::Strikethrough => self.words("~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                let link = Link::read(&dest_url);
                self.links.push(link.ok_or_else(|| dest_url.into_string()));
            }
            _ => {}
        }
    }

    fn ends(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock | TagEnd::Heading(_) | TagEnd::CodeBlock => {
                self.end_block();
            }
            TagEnd::BlockQuote(_) => {
                self.end_block();
                self.quoted = self.quoted.saturating_sub(1);
            }
            TagEnd::List(_) => {
                self.end_block();
                self.lists.pop();
                self.mark = Mark::More;
            }
            TagEnd::Item => {
                self.end_block();
                self.mark = Mark::More;
            }
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            TagEnd::Strikethrough if self.is_double(range) => {
                self.strikethrough = self.strikethrough.saturating_sub(1);
            }
            TagEnd::Strikethrough => self.words("~"),
            TagEnd::Link | TagEnd::Image => {
                if let Some(Err(leads)) = self.links.pop()
                    && !leads.is_empty()
                {
                    self.words(&format!(" ({leads})"));
                }
            }
            _ => {}
        }
    }

    /// One `~` is mostly a home or an estimate.
    fn is_double(&self, range: &Range<usize>) -> bool {
        let source = self.source.get(range.clone());
        source.is_some_and(|source| source.starts_with("~~"))
    }

    fn begin_item(&mut self) {
        self.mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = Mark::Number(*number);
                *number = number.saturating_add(1);
                mark
            }
            _ => Mark::Bullet,
        };
        self.begin(self.kind_here());
    }

    const fn kind_here(&self) -> BlockKind {
        match self.lists.len() {
            0 => BlockKind::Paragraph,
            depth => BlockKind::Item {
                depth: bounded(depth),
                mark: self.mark,
            },
        }
    }

    fn begin(&mut self, kind: BlockKind) {
        // The first paragraph of an item is the item.
        let begun = self.open.as_ref();
        if begun.is_some_and(|open| open.kind == kind && open.spans.is_empty()) {
            return;
        }
        self.end_block();
        self.open = Some(Block {
            kind,
            quoted: bounded(self.quoted),
            spans: Vec::new(),
        });
    }

    fn end_block(&mut self) {
        let Some(mut block) = self.open.take() else {
            return;
        };
        while let Some(last) = block.spans.last_mut() {
            let text = last.text.trim_end_matches('\n').len();
            last.text.truncate(text);
            if !last.text.is_empty() {
                break;
            }
            block.spans.pop();
        }
        let is_item = matches!(block.kind, BlockKind::Item { mark, .. } if mark != Mark::More);
        if is_item {
            self.mark = Mark::More;
        }
        if is_item || block.kind == BlockKind::Rule || !block.spans.is_empty() {
            self.blocks.push(block);
        }
    }

    /// The link that this stands in: a link inside of an outer one is the outer one.
    fn link(&self) -> Option<Link> {
        self.links.iter().find_map(|one| one.as_ref().ok()).cloned()
    }

    const fn look(&self) -> Look {
        Look {
            strong: self.strong > 0,
            emphasis: self.emphasis > 0,
            strikethrough: self.strikethrough > 0,
            code: false,
        }
    }

    /// Words; links among them are found.
    fn words(&mut self, text: &str) {
        let look = self.look();
        let in_code = self
            .open
            .as_ref()
            .is_some_and(|open| open.kind == BlockKind::Code);
        if in_code || !self.links.is_empty() {
            return self.push(text, look, self.link());
        }
        for piece in LinkFinder::new().spans(text) {
            let link = match piece.kind() {
                Some(LinkKind::Url) => Link::read(piece.as_str()),
                Some(LinkKind::Email) => Link::read(&format!("mailto:{}", piece.as_str())),
                _ => None,
            };
            self.push(piece.as_str(), look, link);
        }
    }

    fn push(&mut self, text: &str, look: Look, link: Option<Link>) {
        if text.is_empty() {
            return;
        }
        if self.open.is_none() {
            self.begin(self.kind_here());
        }
        let Some(block) = &mut self.open else {
            return;
        };
        match block.spans.last_mut() {
            Some(last) if last.look == look && last.link == link => last.text.push_str(text),
            _ => block.spans.push(Span {
                text: text.to_owned(),
                look,
                link,
            }),
        }
    }
}

/// How deep something stands, as far as a screen shows it.
const fn bounded(depth: usize) -> u8 {
    if depth < MAX_NESTING as usize {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "under MAX_NESTING, which is a byte"
        )]
        return depth as u8;
    }
    MAX_NESTING
}
