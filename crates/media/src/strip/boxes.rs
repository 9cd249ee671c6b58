//! Boxes in boxes (ISO/IEC 14496-12, section 4.2).

use crate::Trouble;
use crate::limits::MAX_PARTS;
use crate::recipe::Patches;
use crate::source::Source;

/// What nothing looks at: the kind that a box gets whose content went.
const FREE: &[u8; 4] = b"free";

/// Where a box lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: [u8; 4],
    pub(crate) at: u64,
    /// Where its content begins.
    pub(crate) body: u64,
    pub(crate) end: u64,
}

impl Part {
    pub(crate) const fn length(&self) -> u64 {
        self.end - self.body
    }

    /// The boxes in it, which begin so many bytes behind its head.
    pub(crate) fn parts(&self, source: &mut Source<'_>, behind: u64) -> Result<Vec<Self>, Trouble> {
        parts(source, self.body + behind, self.end)
    }

    /// The first one of this kind in it.
    pub(crate) fn first(
        &self,
        source: &mut Source<'_>,
        kind: [u8; 4],
    ) -> Result<Option<Self>, Trouble> {
        let parts = self.parts(source, 0)?;
        Ok(parts.into_iter().find(|part| part.kind == kind))
    }

    /// Nothing of it stays, and everything else stays where it was.
    pub(crate) fn blank(&self, patches: &mut Patches) -> Result<(), Trouble> {
        patches.write(self.at + 4, FREE)?;
        patches.blank(self.body, self.length())
    }
}

/// The boxes between two places.
pub(crate) fn parts(source: &mut Source<'_>, from: u64, end: u64) -> Result<Vec<Part>, Trouble> {
    let (mut parts, mut at) = (Vec::new(), from);
    // A row may end with four zeros (QuickTime).
    while at + 8 <= end {
        let size = u64::from(u32::from_be_bytes(source.array(at)?));
        let kind = source.array(at + 4)?;
        let (head, size) = match size {
            0 => (8, end - at),
            1 => (16, u64::from_be_bytes(source.array(at + 8)?)),
            size => (8, size),
        };
        let next = at
            .checked_add(size)
            .filter(|next| size >= head && *next <= end);
        let next = next.ok_or(Trouble::Damaged)?;
        if parts.len() == MAX_PARTS {
            return Err(Trouble::Damaged);
        }
        parts.push(Part {
            kind,
            at,
            body: at + head,
            end: next,
        });
        at = next;
    }
    Ok(parts)
}
