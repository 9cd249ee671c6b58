//! CBOR (RFC 8949) put together by hand, so that the files can hold what Keyfold never writes.

/// The head of an item: major type and number, in the shortest form.
fn head(major: u8, number: u64) -> Vec<u8> {
    let initial = |argument: u8| (major << 5) + argument;
    let bytes = number.to_be_bytes();
    match number {
        0..=23 => vec![initial(bytes[7])],
        24..=0xff => vec![initial(24), bytes[7]],
        0x100..=0xffff => [&[initial(25)], &bytes[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[initial(26)], &bytes[4..]].concat(),
        _ => [&[initial(27)], bytes.as_slice()].concat(),
    }
}

fn length(items: usize) -> u64 {
    u64::try_from(items).unwrap()
}

pub(crate) const NULL: u8 = 0xf6;
pub(crate) const TRUE: u8 = 0xf5;
/// `false`.
pub(crate) const FALSE: u8 = 0xf4;

/// An unsigned integer.
pub(crate) fn uint(number: u64) -> Vec<u8> {
    head(0, number)
}

/// A byte string.
pub(crate) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, length(bytes.len())), bytes.to_vec()].concat()
}

/// A text.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [head(3, length(text.len())), text.as_bytes().to_vec()].concat()
}

/// An array of encoded items.
pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, length(items.len())), items.concat()].concat()
}

/// A map of encoded keys and values, in the order given.
pub(crate) fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut encoded = head(5, length(entries.len()));
    for (key, value) in entries {
        encoded.extend_from_slice(key);
        encoded.extend_from_slice(value);
    }
    encoded
}
