//! MP4 and `QuickTime` films and sounds (ISO/IEC 14496-12), and HEIC and AVIF pictures (ISO/IEC 23008-12). Everything stays where it is, for places
//! are named all over such a file: what goes is made blank.
//!
//! Of a film that is what describes it (`udta`, `meta`, `uuid`), when it was made, and every track beside picture and sound: cameras write there where
//! they were, many times a second. Of a picture it is Exif and XMP. What no reader needs to know goes as well, such as the film that some telephones put into a picture.

use std::collections::BTreeSet;

use super::boxes::{Part, parts};
use crate::Trouble;
use crate::limits::{MAX_PARTS, MAX_TABLE};
use crate::recipe::{Patches, Recipe};
use crate::source::Source;

/// What a film needs at its top.
const NEEDED: [&[u8; 4]; 7] = [
    b"ftyp", b"styp", b"mdat", b"mfra", b"sidx", b"ssix", b"pdin",
];

/// What it needs in its table of contents, beside what is looked into.
const IN_FILM: [&[u8; 4]; 3] = [b"mvex", b"iods", b"pssh"];

/// ... in a track.
const IN_TRACK: [&[u8; 4]; 5] = [b"edts", b"tref", b"tapt", b"load", b"trgr"];

/// ... in what is seen or heard of it.
const IN_MEDIA: [&[u8; 4]; 2] = [b"minf", b"elng"];

/// ... in a fragment.
const IN_FRAGMENT: [&[u8; 4]; 2] = [b"mfhd", b"pssh"];

/// ... in a track of a fragment.
const IN_RUN: [&[u8; 4]; 9] = [
    b"tfhd", b"tfdt", b"trun", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"senc",
];

/// Tracks that are seen and heard.
const SEEN_AND_HEARD: [&[u8; 4]; 3] = [b"vide", b"soun", b"auxv"];

/// Where in a `hdlr` its name stands.
const NAME: u64 = 24;

pub(super) fn strip(source: &mut Source<'_>) -> Result<Recipe, Trouble> {
    let length = source.length();
    let (mut patches, mut other_tracks, mut in_fragments) = (Patches::default(), false, false);
    let all = parts(source, 0, length)?;
    let says = |kind: &&[u8; 4]| all.iter().any(|part| part.kind == **kind);
    if says(&b"mdat") && ![b"moov", b"moof", b"meta"].iter().any(says) {
        // Without a table of contents nobody can say what is in it.
        return Err(Trouble::Damaged);
    }
    for part in &all {
        match &part.kind {
            b"moov" => other_tracks |= film(source, part, &mut patches)?,
            b"moof" => {
                in_fragments = true;
                fragment(source, part, &mut patches)?;
            }
            b"meta" if handler(source, part, 4)? == Some(*b"pict") => {
                picture(source, part, &mut patches)?;
            }
            kind if NEEDED.contains(&kind) => {}
            _ => part.blank(&mut patches)?,
        }
    }
    if other_tracks && in_fragments {
        // What such a track says lies anywhere.
        return Err(Trouble::Damaged);
    }
    Ok(patches.recipe(length))
}

/// Whether it has tracks that went.
fn film(source: &mut Source<'_>, film: &Part, patches: &mut Patches) -> Result<bool, Trouble> {
    let mut other_tracks = false;
    for part in film.parts(source, 0)? {
        match &part.kind {
            b"mvhd" => no_times(source, &part, patches)?,
            b"trak" => other_tracks |= track(source, &part, patches)?,
            kind if IN_FILM.contains(&kind) => {}
            _ => part.blank(patches)?,
        }
    }
    Ok(other_tracks)
}

fn fragment(source: &mut Source<'_>, part: &Part, patches: &mut Patches) -> Result<(), Trouble> {
    for part in part.parts(source, 0)? {
        match &part.kind {
            b"traf" => {
                for run in part.parts(source, 0)? {
                    if !IN_RUN.contains(&&run.kind) {
                        run.blank(patches)?;
                    }
                }
            }
            kind if IN_FRAGMENT.contains(&kind) => {}
            _ => part.blank(patches)?,
        }
    }
    Ok(())
}

/// Whether the track went.
fn track(source: &mut Source<'_>, track: &Part, patches: &mut Patches) -> Result<bool, Trouble> {
    let inside = track.first(source, *b"mdia")?.ok_or(Trouble::Damaged)?;
    let handler = handler(source, &inside, 0)?.ok_or(Trouble::Damaged)?;
    if !SEEN_AND_HEARD.contains(&&handler) {
        blank_samples(source, &inside, patches)?;
        track.blank(patches)?;
        return Ok(true);
    }
    for part in track.parts(source, 0)? {
        match &part.kind {
            b"tkhd" => no_times(source, &part, patches)?,
            b"mdia" => {}
            kind if IN_TRACK.contains(&kind) => {}
            _ => part.blank(patches)?,
        }
    }
    for part in inside.parts(source, 0)? {
        match &part.kind {
            b"mdhd" => no_times(source, &part, patches)?,
            // Behind its kind stands a name, such as that of the camera.
            b"hdlr" => patches.blank(part.body + NAME, part.length().saturating_sub(NAME))?,
            kind if IN_MEDIA.contains(&kind) => {}
            _ => part.blank(patches)?,
        }
    }
    Ok(false)
}

/// What a track or a picture is for.
fn handler(source: &mut Source<'_>, part: &Part, behind: u64) -> Result<Option<[u8; 4]>, Trouble> {
    let found = part.parts(source, behind).unwrap_or_default();
    let found = found.into_iter().find(|part| part.kind == *b"hdlr");
    found.map(|part| source.array(part.body + 8)).transpose()
}

/// When it was made and changed, which a head begins with.
fn no_times(source: &mut Source<'_>, part: &Part, patches: &mut Patches) -> Result<(), Trouble> {
    let [version] = source.array(part.body)?;
    let times = if version == 0 { 8 } else { 16 };
    if part.length() < 4 + times {
        return Err(Trouble::Damaged);
    }
    patches.blank(part.body + 4, times)
}

/// Nothing of what a track says stays, wherever it lies.
fn blank_samples(
    source: &mut Source<'_>,
    media: &Part,
    patches: &mut Patches,
) -> Result<(), Trouble> {
    let table = media.first(source, *b"minf")?.ok_or(Trouble::Damaged)?;
    let table = table.first(source, *b"stbl")?.ok_or(Trouble::Damaged)?;
    let all = table.parts(source, 0)?;
    let find = |kinds: &[&[u8; 4]]| all.iter().find(|part| kinds.contains(&&part.kind)).copied();
    let (Some(chunks), Some(runs)) = (find(&[b"stco", b"co64"]), find(&[b"stsc"])) else {
        return Ok(());
    };
    let sizes = Sizes::read(source, find(&[b"stsz", b"stz2"]).ok_or(Trouble::Damaged)?)?;
    let wide = chunks.kind == *b"co64";
    let places = numbers(source, &chunks, 4, if wide { 8 } else { 4 })?;
    let runs = numbers(source, &runs, 4, 4)?;
    let runs: Vec<&[u64]> = runs.chunks_exact(3).collect();
    let (mut sample, mut run) = (0_usize, 0_usize);
    for (chunk, place) in (1_u64..).zip(places) {
        while runs
            .get(run + 1)
            .is_some_and(|next| next.first().is_some_and(|first| *first <= chunk))
        {
            run += 1;
        }
        let count = runs
            .get(run)
            .and_then(|run| run.get(1))
            .copied()
            .unwrap_or(0);
        let count = usize::try_from(count).map_err(|_| Trouble::Damaged)?;
        let length = sizes.of(sample, count)?;
        sample += count;
        patches.blank(place, length)?;
    }
    Ok(())
}

/// How long the samples of a track are.
enum Sizes {
    All(u64),
    Each(Vec<u64>),
}

impl Sizes {
    fn read(source: &mut Source<'_>, part: Part) -> Result<Self, Trouble> {
        let one = u64::from(u32::from_be_bytes(source.array(part.body + 4)?));
        if part.kind == *b"stz2" {
            // Half bytes are not written by anybody.
            return match one & 0xff {
                8 => Ok(Self::Each(numbers(source, &part, 8, 1)?)),
                16 => Ok(Self::Each(numbers(source, &part, 8, 2)?)),
                _ => Err(Trouble::Damaged),
            };
        }
        match one {
            0 => Ok(Self::Each(numbers(source, &part, 8, 4)?)),
            one => Ok(Self::All(one)),
        }
    }

    /// Of so many samples from this one on.
    fn of(&self, from: usize, count: usize) -> Result<u64, Trouble> {
        match self {
            Self::All(one) => one.checked_mul(count as u64).ok_or(Trouble::Damaged),
            Self::Each(each) => {
                let end = from.checked_add(count).ok_or(Trouble::Damaged)?;
                let some = each.get(from..end).ok_or(Trouble::Damaged)?;
                Ok(some.iter().sum())
            }
        }
    }
}

/// The numbers of a table, each of so many bytes, behind their count; of `stsc`, three for each. The count stands so many bytes behind the head.
fn numbers(
    source: &mut Source<'_>,
    part: &Part,
    behind: u64,
    width: usize,
) -> Result<Vec<u64>, Trouble> {
    let count = u64::from(u32::from_be_bytes(source.array(part.body + behind)?));
    let each = if part.kind == *b"stsc" { 3 } else { 1 };
    let bytes = count * each * width as u64;
    let begin = part.body + behind + 4;
    if bytes > MAX_TABLE || begin + bytes > part.end {
        return Err(Trouble::Damaged);
    }
    let table = source.at(begin, usize::try_from(bytes).unwrap_or(0))?;
    Ok(table.chunks_exact(width).map(number).collect())
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Exif, XMP and the like of a picture.
fn picture(source: &mut Source<'_>, meta: &Part, patches: &mut Patches) -> Result<(), Trouble> {
    let all = meta.parts(source, 4)?;
    let find = |kind: &[u8; 4]| all.iter().find(|part| part.kind == *kind).copied();
    for part in &all {
        if matches!(&part.kind, b"xml " | b"bxml" | b"udta" | b"uuid") {
            part.blank(patches)?;
        }
    }
    let described = match find(b"iinf") {
        Some(part) => descriptions(source, &part)?,
        None => BTreeSet::new(),
    };
    if described.is_empty() {
        return Ok(());
    }
    let places = find(b"iloc").ok_or(Trouble::Damaged)?;
    let inside = find(b"idat").map(|part| part.body);
    Places::new(source, &places)?.blank(&described, inside, patches)
}

/// The numbers of items that describe the picture.
fn descriptions(source: &mut Source<'_>, list: &Part) -> Result<BTreeSet<u32>, Trouble> {
    let [version] = source.array(list.body)?;
    let mut described = BTreeSet::new();
    for item in list.parts(source, if version == 0 { 6 } else { 8 })? {
        let [version] = source.array(item.body)?;
        let (id, kind) = match version {
            2 => (
                u32::from(u16::from_be_bytes(source.array(item.body + 4)?)),
                item.body + 8,
            ),
            3 => (
                u32::from_be_bytes(source.array(item.body + 4)?),
                item.body + 10,
            ),
            // Their kinds are told otherwise.
            _ => return Err(Trouble::Damaged),
        };
        if matches!(&source.array(kind)?, b"Exif" | b"mime" | b"uri ") {
            described.insert(id);
        }
    }
    Ok(described)
}

/// Where the items of a picture lie (`iloc`).
struct Places<'a, 's> {
    source: &'a mut Source<'s>,
    at: u64,
    end: u64,
    version: u8,
    /// Bytes of a place, a length, a base and an index.
    widths: [u8; 4],
}

impl<'a, 's> Places<'a, 's> {
    fn new(source: &'a mut Source<'s>, part: &Part) -> Result<Self, Trouble> {
        let [version, _, _, _, first, second] = source.array(part.body)?;
        Ok(Self {
            source,
            at: part.body + 6,
            end: part.end,
            version,
            widths: [first >> 4, first & 15, second >> 4, second & 15],
        })
    }

    fn next(&mut self, width: u8) -> Result<u64, Trouble> {
        let from = self.at;
        self.at += u64::from(width);
        if width > 8 || self.at > self.end {
            return Err(Trouble::Damaged);
        }
        Ok(number(&self.source.at(from, usize::from(width))?))
    }

    fn blank(
        mut self,
        described: &BTreeSet<u32>,
        inside: Option<u64>,
        patches: &mut Patches,
    ) -> Result<(), Trouble> {
        let [place, length, base, index] = self.widths;
        let wide = if self.version == 2 { 4 } else { 2 };
        let items = self.next(wide)?;
        let mut extents = 0_u64;
        if items > MAX_PARTS as u64 {
            return Err(Trouble::Damaged);
        }
        for _ in 0..items {
            let id = self.next(wide)?;
            let method = if self.version == 0 {
                0
            } else {
                self.next(2)? & 15
            };
            let _data_reference = self.next(2)?;
            let base = self.next(base)?;
            let count = self.next(2)?;
            extents += count;
            if extents > MAX_PARTS as u64 {
                return Err(Trouble::Damaged);
            }
            for _ in 0..count {
                if self.version > 0 {
                    let _index = self.next(index)?;
                }
                let (from, length) = (self.next(place)?, self.next(length)?);
                if !u32::try_from(id).is_ok_and(|id| described.contains(&id)) {
                    continue;
                }
                let from = base.checked_add(from).ok_or(Trouble::Damaged)?;
                if length == 0 {
                    // To the end of something: nobody writes that.
                    return Err(Trouble::Damaged);
                }
                match (method, inside) {
                    (0, _) => patches.blank(from, length)?,
                    (1, Some(inside)) => {
                        patches.blank(inside.checked_add(from).ok_or(Trouble::Damaged)?, length)?;
                    }
                    _ => return Err(Trouble::Damaged),
                }
            }
        }
        Ok(())
    }
}

/// What can be seen of a film or picture without decoding it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Film {
    /// Width and height in pixels, as it is shown.
    pub(crate) sides: Option<(u32, u32)>,
    /// Milliseconds.
    pub(crate) duration: Option<u64>,
}

impl Film {
    pub(crate) fn read(source: &mut Source<'_>) -> Result<Self, Trouble> {
        let mut seen = Self::default();
        for part in parts(source, 0, source.length())? {
            match &part.kind {
                b"moov" => seen.film(source, &part)?,
                b"meta" => seen.sides = picture_sides(source, &part)?.or(seen.sides),
                _ => {}
            }
        }
        Ok(seen)
    }

    fn film(&mut self, source: &mut Source<'_>, film: &Part) -> Result<(), Trouble> {
        for part in film.parts(source, 0)? {
            match &part.kind {
                b"mvhd" => self.duration = duration(source, &part)?,
                b"trak" if self.sides.is_none() => self.sides = track_sides(source, &part)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn duration(source: &mut Source<'_>, head: &Part) -> Result<Option<u64>, Trouble> {
    let [version] = source.array(head.body)?;
    let (scale, ticks) = if version == 0 {
        let ticks: [u8; 4] = source.array(head.body + 16)?;
        (
            source.array(head.body + 12)?,
            u64::from(u32::from_be_bytes(ticks)),
        )
    } else {
        (
            source.array(head.body + 20)?,
            u64::from_be_bytes(source.array(head.body + 24)?),
        )
    };
    let scale = u64::from(u32::from_be_bytes(scale));
    let milliseconds = ticks
        .checked_mul(1_000)
        .and_then(|ticks| ticks.checked_div(scale));
    Ok(milliseconds.filter(|milliseconds| *milliseconds > 0))
}

/// Width and height of a track, turned as its matrix says; a sound has none.
fn track_sides(source: &mut Source<'_>, track: &Part) -> Result<Option<(u32, u32)>, Trouble> {
    let Some(head) = track.first(source, *b"tkhd")? else {
        return Ok(None);
    };
    let [version] = source.array(head.body)?;
    let matrix = head.body + if version == 0 { 40 } else { 52 };
    let whole = |source: &mut Source<'_>, at| -> Result<u32, Trouble> {
        Ok(u32::from_be_bytes(source.array(at)?) >> 16)
    };
    let upright = source.array::<4>(matrix)? != [0; 4];
    let (width, height) = (whole(source, matrix + 36)?, whole(source, matrix + 40)?);
    Ok(oriented(width, height, !upright))
}

/// The largest picture of a HEIC or AVIF file, turned as it says.
fn picture_sides(source: &mut Source<'_>, meta: &Part) -> Result<Option<(u32, u32)>, Trouble> {
    let all = meta.parts(source, 4)?;
    let Some(properties) = all.iter().find(|part| part.kind == *b"iprp") else {
        return Ok(None);
    };
    let Some(list) = properties.first(source, *b"ipco")? else {
        return Ok(None);
    };
    let (mut largest, mut turned) = ((0, 0), false);
    for part in list.parts(source, 0)? {
        match &part.kind {
            b"ispe" => {
                let sides =
                    [4, 8].map(|behind| source.array(part.body + behind).map(u32::from_be_bytes));
                let [width, height] = sides;
                let (width, height) = (width?, height?);
                if u64::from(width) * u64::from(height)
                    > u64::from(largest.0) * u64::from(largest.1)
                {
                    largest = (width, height);
                }
            }
            b"irot" => turned = source.array::<1>(part.body)?[0] % 2 == 1,
            _ => {}
        }
    }
    Ok(oriented(largest.0, largest.1, turned))
}

fn oriented(width: u32, height: u32, turned: bool) -> Option<(u32, u32)> {
    match (width, height) {
        (0, _) | (_, 0) => None,
        (width, height) if turned => Some((height, width)),
        sides => Some(sides),
    }
}
