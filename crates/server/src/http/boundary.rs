//! Where frames begin and end in the bytes that come in (RFC 6455 section 5.2).
//!
//! Only follows lengths; what is not well formed is found by whoever reads the frames. With this a socket knows that
//! its library holds nothing unread, so that it can take the library's buffers back.

/// The longest head of a frame: two bytes, eight of length, four of mask.
const HEAD: usize = 14;

/// Instead of a length: it follows in two or in eight bytes.
const SIXTEEN_BITS: u8 = 0x7e;
const SIXTY_FOUR_BITS: u8 = 0x7f;

/// A place in the bytes of one direction.
#[derive(Default)]
pub(super) struct Boundary {
    head: [u8; HEAD],
    have: usize,
    payload_left: u64,
    in_message: bool,
}

impl Boundary {
    /// Whether all that came so far is whole messages.
    pub(super) fn is_between_messages(&self) -> bool {
        self.have == 0 && self.payload_left == 0 && !self.in_message
    }

    /// Follows further bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let here = usize::try_from(self.payload_left)
                    .map_or(bytes.len(), |left| left.min(bytes.len()));
                self.payload_left -= here as u64;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.head.get_mut(self.have) {
                *place = first;
            }
            self.have += 1;
            bytes = rest;
            if self.have >= self.head_length() {
                self.payload_begins();
            }
        }
    }

    fn head_length(&self) -> usize {
        let [_, second, ..] = self.head;
        if self.have < 2 {
            return 2;
        }
        let length = match second & 0x7f {
            SIXTEEN_BITS => 2,
            SIXTY_FOUR_BITS => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        2 + length + mask
    }

    fn payload_begins(&mut self) {
        let [first, second, length @ ..] = self.head;
        let length = u64::from_be_bytes(*length.first_chunk().unwrap_or(&[0; 8]));
        self.payload_left = match second & 0x7f {
            SIXTEEN_BITS => length >> 48,
            SIXTY_FOUR_BITS => length,
            short => short.into(),
        };
        let is_control = first & 0x08 != 0;
        if !is_control {
            self.in_message = first & 0x80 == 0;
        }
        self.have = 0;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(0x80 | SIXTEEN_BITS);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | SIXTY_FOUR_BITS);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0xaa; 4]);
        frame.resize(frame.len() + length, 0xff);
        frame
    }

    /// In pieces of every size, it is between messages exactly where a message ends.
    fn ends(message: &[u8]) {
        for size in [1, 2, 3, 7, 1_000, message.len()] {
            let mut boundary = Boundary::default();
            let mut followed = 0;
            for piece in message.chunks(size) {
                boundary.follow(piece);
                followed += piece.len();
                assert_eq!(
                    boundary.is_between_messages(),
                    followed == message.len(),
                    "at {followed}"
                );
            }
        }
    }

    #[test]
    fn it_finds_the_end_of_messages_of_any_length() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            ends(&frame(0x82, length));
        }
    }

    #[test]
    fn fragments_are_one_message_whatever_control_comes_between() {
        let mut message = frame(0x02, 200);
        message.extend(frame(0x89, 5));
        message.extend(frame(0x00, 70_000));
        message.extend(frame(0x8a, 0));
        message.extend(frame(0x80, 3));
        ends(&message);
    }
}
