//! The conversation state in CBOR: one encoding for each state (RFC 8949 section 4.2.1), unknown entries kept byte for byte.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keyfold_wire::ids::{AccountId, ConversationHandle, ConversationId, Epoch};
use keyfold_wire::limits::{MAX_KEY_PACKAGE, MAX_ROSTER};
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::encode::Error;

use super::{
    ConversationState, Description, Errand, Kind, Name, NameError, Origin, Place, Policy, Role,
};
use crate::cbor::{self, Malformed};
use crate::limits::{
    MAX_EPOCH, MAX_EXTENSION_VALUE, MAX_MOVES, MAX_NAMED, MAX_STATE, MAX_TIMER, MAX_UNKNOWN_ENTRIES,
};
use crate::picture::{GroupPicture, NotAPicture};

const VERSION: u8 = 1;

const KEY_VERSION: u64 = 0;
const KEY_ID: u64 = 1;
const KEY_KIND: u64 = 2;
const KEY_NAME: u64 = 3;
const KEY_HANDLE: u64 = 4;
const KEY_ROLES: u64 = 5;
const KEY_ADD_POLICY: u64 = 6;
const KEY_MOVES: u64 = 7;
const KEY_ACCOUNTS: u64 = 8;
const KEY_ERRAND: u64 = 9;
const KEY_MOVED_FROM: u64 = 10;
const KEY_FROM_HANDLE: u64 = 11;
const KEY_TIMER: u64 = 12;
const KEY_DESCRIPTION: u64 = 13;
const KEY_POST_POLICY: u64 = 14;
const KEY_EDIT_POLICY: u64 = 15;
const KEY_PICTURE: u64 = 16;

const KIND_DIRECT: u8 = 0;
const KIND_GROUP: u8 = 1;
const KIND_ERRAND: u8 = 2;

const ERRAND_LET_ME_IN: u8 = 0;
const ERRAND_NOT_A_MEMBER: u8 = 1;
const ERRAND_NOT_FOLLOWED: u8 = 2;
const ERRAND_ASK_THESE: u8 = 3;
const ERRAND_STANDS_AT: u8 = 4;

/// A place is the move counter, big-endian, and the handle.
const PLACE: usize = MOVES + HANDLE;
const MOVES: usize = 8;
const HANDLE: usize = 32;

/// Why bytes are not a conversation's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Not such CBOR, or not in its one encoding.
    #[error("the conversation's settings are malformed")]
    Malformed,
    /// Over a limit.
    #[error("the conversation's settings are too large")]
    TooLarge,
    /// Of a later version, or with a role or policy that this one does not know.
    #[error("the conversation needs a newer version of Keyfold: update it")]
    NewerVersion,
    /// The picture is too large, or none.
    #[error(transparent)]
    Picture(#[from] NotAPicture),
    /// The name is not acceptable.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl From<Malformed> for StateError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for StateError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

impl ConversationState {
    /// The state's one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut entries: Vec<(Vec<u8>, Vec<u8>)> = self.unknown.clone();
        entries.extend(self.known());
        entries.sort();
        let mut encoded = cbor::encode(|e| e.map(entries.len() as u64)?.ok());
        for (key, value) in entries {
            encoded.extend(key);
            encoded.extend(value);
        }
        encoded
    }

    fn known(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut entries = vec![
            entry(KEY_VERSION, |e| e.u8(VERSION)?.ok()),
            entry(KEY_ID, |e| e.bytes(self.id.as_bytes())?.ok()),
            entry(KEY_KIND, |e| e.u8(kind_number(&self.kind))?.ok()),
            entry(KEY_NAME, |e| e.str(self.name.as_str())?.ok()),
            entry(KEY_HANDLE, |e| e.bytes(self.handle.as_bytes())?.ok()),
            entry(KEY_ROLES, |e| {
                e.map(self.roles.len() as u64)?;
                for (account, role) in &self.roles {
                    e.bytes(account.as_bytes())?.u8(role.number())?;
                }
                e.ok()
            }),
            entry(KEY_ADD_POLICY, |e| e.u8(self.add_policy.number())?.ok()),
            entry(KEY_MOVES, |e| e.u64(self.moves)?.ok()),
        ];
        if let Some(Origin { handle, epoch }) = &self.moved_from {
            entries.push(entry(KEY_MOVED_FROM, |e| e.u64(epoch.0)?.ok()));
            entries.push(entry(KEY_FROM_HANDLE, |e| e.bytes(handle.as_bytes())?.ok()));
        }
        // What is mostly so is not written down.
        if let Some(timer) = self.timer {
            entries.push(entry(KEY_TIMER, |e| e.u32(timer)?.ok()));
        }
        if !self.description.is_empty() {
            let description = self.description.as_str();
            entries.push(entry(KEY_DESCRIPTION, |e| e.str(description)?.ok()));
        }
        if let Some(picture) = &self.picture {
            entries.push(entry(KEY_PICTURE, |e| e.bytes(picture.as_bytes())?.ok()));
        }
        for (key, policy, mostly) in [
            (KEY_POST_POLICY, self.post_policy, Policy::Everyone),
            (KEY_EDIT_POLICY, self.edit_policy, Policy::Admins),
        ] {
            if policy != mostly {
                entries.push(entry(key, |e| e.u8(policy.number())?.ok()));
            }
        }
        if let Kind::Direct([one, other]) = &self.kind {
            entries.push(entry(KEY_ACCOUNTS, |e| {
                e.array(2)?
                    .bytes(one.as_bytes())?
                    .bytes(other.as_bytes())?
                    .ok()
            }));
        }
        if let Some(errand) = &self.errand {
            let (number, bytes) = written(errand);
            entries.push(entry(KEY_ERRAND, |e| {
                e.array(2)?.u8(number)?.bytes(&bytes)?.ok()
            }));
        }
        entries
    }

    /// Reads a state.
    ///
    /// # Errors
    /// [`StateError`]: anything that [`ConversationState::encode`] would not have written exactly so is malformed.
    pub fn decode(encoded: &[u8]) -> Result<Self, StateError> {
        if encoded.len() > MAX_STATE {
            return Err(StateError::TooLarge);
        }
        let mut d = Decoder::new(encoded);
        let mut fields = Fields::default();
        for _ in 0..cbor::map(&mut d)? {
            fields.read(&mut d)?;
        }
        cbor::end(&d)?;
        let state = fields.finish()?;
        if state.encode() != encoded {
            return Err(StateError::Malformed);
        }
        Ok(state)
    }
}

/// An errand's number, and what it carries.
fn written(errand: &Errand) -> (u8, Cow<'_, [u8]>) {
    match errand {
        Errand::LetMeIn(key_package) => (ERRAND_LET_ME_IN, key_package.into()),
        Errand::NotAMember => (ERRAND_NOT_A_MEMBER, Cow::default()),
        Errand::NotFollowed(place) => (ERRAND_NOT_FOLLOWED, encoded_place(place).to_vec().into()),
        Errand::AskThese(accounts) => {
            let ids = accounts.iter().flat_map(|account| *account.as_bytes());
            (ERRAND_ASK_THESE, ids.collect())
        }
        Errand::StandsAt(place, key_package) => {
            let both = [encoded_place(place).as_slice(), key_package].concat();
            (ERRAND_STANDS_AT, both.into())
        }
    }
}

#[derive(Default)]
struct Fields {
    version: Option<u8>,
    id: Option<[u8; 16]>,
    kind: Option<u8>,
    name: Option<Name>,
    handle: Option<[u8; 32]>,
    roles: BTreeMap<AccountId, Role>,
    add_policy: Option<Policy>,
    moves: u64,
    accounts: Option<[AccountId; 2]>,
    errand: Option<Errand>,
    moved_from: Option<u64>,
    from_handle: Option<[u8; 32]>,
    timer: Option<u32>,
    description: Description,
    post_policy: Option<Policy>,
    edit_policy: Option<Policy>,
    picture: Option<GroupPicture>,
    unknown: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Fields {
    fn read(&mut self, d: &mut Decoder<'_>) -> Result<(), StateError> {
        let key = cbor::any(d)?;
        match Decoder::new(key).u64().ok() {
            Some(KEY_VERSION) => self.version = Some(d.u8()?),
            Some(KEY_ID) => self.id = Some(cbor::fixed(d)?),
            Some(KEY_KIND) => self.kind = Some(d.u8()?),
            Some(KEY_NAME) => self.name = Some(Name::new(d.str()?)?),
            Some(KEY_HANDLE) => self.handle = Some(cbor::fixed(d)?),
            Some(KEY_ROLES) => self.roles = roles(d)?,
            Some(KEY_ADD_POLICY) => self.add_policy = Some(Policy::from_number(d.u8()?)?),
            Some(KEY_MOVES) => self.moves = at_most(d.u64()?, MAX_MOVES)?,
            Some(KEY_ACCOUNTS) => self.accounts = Some(accounts(d)?),
            Some(KEY_ERRAND) => self.errand = Some(errand(d)?),
            Some(KEY_MOVED_FROM) => self.moved_from = Some(at_most(d.u64()?, MAX_EPOCH)?),
            Some(KEY_FROM_HANDLE) => self.from_handle = Some(cbor::fixed(d)?),
            Some(KEY_TIMER) => self.timer = Some(timer(d.u64()?)?),
            Some(KEY_DESCRIPTION) => self.description = Description::new(d.str()?)?,
            Some(KEY_POST_POLICY) => self.post_policy = Some(Policy::from_number(d.u8()?)?),
            Some(KEY_EDIT_POLICY) => self.edit_policy = Some(Policy::from_number(d.u8()?)?),
            Some(KEY_PICTURE) => self.picture = Some(GroupPicture::new(d.bytes()?.to_vec())?),
            _ => self.keep(key, cbor::any(d)?)?,
        }
        Ok(())
    }

    fn keep(&mut self, key: &[u8], value: &[u8]) -> Result<(), StateError> {
        if self.unknown.len() == MAX_UNKNOWN_ENTRIES
            || key.len() + value.len() > MAX_EXTENSION_VALUE
        {
            return Err(StateError::TooLarge);
        }
        if canonical_key(key)? != key || self.unknown.iter().any(|(known, _)| known == key) {
            return Err(StateError::Malformed);
        }
        self.unknown.push((key.to_vec(), value.to_vec()));
        Ok(())
    }

    fn finish(self) -> Result<ConversationState, StateError> {
        if self.version.ok_or(StateError::Malformed)? != VERSION {
            return Err(StateError::NewerVersion);
        }
        let number = self.kind.ok_or(StateError::Malformed)?;
        let kind = match (number, self.accounts, &self.errand) {
            (KIND_DIRECT, Some(accounts), None) => Kind::Direct(accounts),
            (KIND_GROUP, None, None) => Kind::Group,
            (KIND_ERRAND, None, Some(_)) => Kind::Errand,
            (KIND_DIRECT | KIND_GROUP | KIND_ERRAND, ..) => return Err(StateError::Malformed),
            _ => return Err(StateError::NewerVersion),
        };
        let moved_from = match (self.moves, self.moved_from, self.from_handle) {
            (0, None, None) => None,
            (1.., Some(epoch), Some(handle)) => Some(Origin {
                handle: ConversationHandle::new(handle),
                epoch: Epoch(epoch),
            }),
            _ => return Err(StateError::Malformed),
        };
        Ok(ConversationState {
            id: ConversationId::new(self.id.ok_or(StateError::Malformed)?),
            kind,
            name: self.name.ok_or(StateError::Malformed)?,
            handle: ConversationHandle::new(self.handle.ok_or(StateError::Malformed)?),
            description: self.description,
            picture: self.picture,
            add_policy: self.add_policy.ok_or(StateError::Malformed)?,
            post_policy: self.post_policy.unwrap_or(Policy::Everyone),
            edit_policy: self.edit_policy.unwrap_or(Policy::Admins),
            timer: self.timer,
            moves: self.moves,
            moved_from,
            errand: self.errand,
            roles: self.roles,
            unknown: sorted(self.unknown),
        })
    }
}

/// Seconds: none is no timer, and more than the most is none that anybody means.
fn timer(seconds: u64) -> Result<u32, StateError> {
    let seconds = u32::try_from(at_most(seconds, MAX_TIMER.into())?);
    match seconds {
        Ok(seconds @ 1..) => Ok(seconds),
        _ => Err(StateError::Malformed),
    }
}

fn at_most(number: u64, most: u64) -> Result<u64, StateError> {
    let fits = number <= most;
    fits.then_some(number).ok_or(StateError::TooLarge)
}

/// The one encoding of a key, which is a number or a text.
fn canonical_key(key: &[u8]) -> Result<Vec<u8>, StateError> {
    let mut d = Decoder::new(key);
    if d.datatype()? == Type::String {
        let text = d.str()?;
        return Ok(cbor::encode(|e| e.str(text)?.ok()));
    }
    let number = d.int()?;
    Ok(cbor::encode(|e| e.int(number)?.ok()))
}

fn roles(d: &mut Decoder<'_>) -> Result<BTreeMap<AccountId, Role>, StateError> {
    let count = cbor::map(d)?;
    if count > MAX_ROSTER as u64 {
        return Err(StateError::TooLarge);
    }
    let mut roles = BTreeMap::new();
    for _ in 0..count {
        roles.insert(AccountId::new(cbor::fixed(d)?), Role::from_number(d.u8()?)?);
    }
    Ok(roles)
}

fn errand(d: &mut Decoder<'_>) -> Result<Errand, StateError> {
    if cbor::array(d)? != 2 {
        return Err(StateError::Malformed);
    }
    let (number, bytes) = (d.u8()?, d.bytes()?);
    match number {
        ERRAND_LET_ME_IN if bytes.len() > MAX_KEY_PACKAGE => Err(StateError::TooLarge),
        ERRAND_LET_ME_IN => Ok(Errand::LetMeIn(bytes.to_vec())),
        ERRAND_NOT_A_MEMBER if bytes.is_empty() => Ok(Errand::NotAMember),
        ERRAND_NOT_FOLLOWED => match place(bytes)? {
            (place, []) => Ok(Errand::NotFollowed(place)),
            _ => Err(StateError::Malformed),
        },
        ERRAND_ASK_THESE => named(bytes).map(Errand::AskThese),
        ERRAND_STANDS_AT => match place(bytes)? {
            (_, package) if package.len() > MAX_KEY_PACKAGE => Err(StateError::TooLarge),
            (place, package) => Ok(Errand::StandsAt(place, package.to_vec())),
        },
        ERRAND_NOT_A_MEMBER => Err(StateError::Malformed),
        _ => Err(StateError::NewerVersion),
    }
}

fn encoded_place(place: &Place) -> [u8; PLACE] {
    let mut encoded = [0; PLACE];
    let (moves, handle) = encoded.split_at_mut(MOVES);
    moves.copy_from_slice(&place.moves.to_be_bytes());
    handle.copy_from_slice(place.handle.as_bytes());
    encoded
}

/// A place, and what is behind it.
fn place(bytes: &[u8]) -> Result<(Place, &[u8]), StateError> {
    let (moves, rest) = bytes
        .split_first_chunk::<MOVES>()
        .ok_or(StateError::Malformed)?;
    let (handle, rest) = rest
        .split_first_chunk::<HANDLE>()
        .ok_or(StateError::Malformed)?;
    let place = Place {
        moves: at_most(u64::from_be_bytes(*moves), MAX_MOVES)?,
        handle: ConversationHandle::new(*handle),
    };
    Ok((place, rest))
}

/// Rising ids, one behind the other.
fn named(bytes: &[u8]) -> Result<Vec<AccountId>, StateError> {
    let (ids, rest) = bytes.as_chunks::<32>();
    if ids.len() > MAX_NAMED {
        return Err(StateError::TooLarge);
    }
    let rising = ids.is_sorted_by(|one, next| one < next);
    if ids.is_empty() || !rest.is_empty() || !rising {
        return Err(StateError::Malformed);
    }
    Ok(ids.iter().map(|id| AccountId::new(*id)).collect())
}

fn accounts(d: &mut Decoder<'_>) -> Result<[AccountId; 2], StateError> {
    if cbor::array(d)? != 2 {
        return Err(StateError::Malformed);
    }
    let accounts = [
        AccountId::new(cbor::fixed(d)?),
        AccountId::new(cbor::fixed(d)?),
    ];
    let [one, other] = &accounts;
    if one >= other {
        return Err(StateError::Malformed);
    }
    Ok(accounts)
}

impl Role {
    fn number(self) -> u8 {
        match self {
            Self::Member => 0,
            Self::Admin => 1,
            Self::Owner => 2,
        }
    }

    fn from_number(number: u8) -> Result<Self, StateError> {
        match number {
            0 => Err(StateError::Malformed),
            1 => Ok(Self::Admin),
            2 => Ok(Self::Owner),
            _ => Err(StateError::NewerVersion),
        }
    }
}

impl Policy {
    fn number(self) -> u8 {
        match self {
            Self::Admins => 0,
            Self::Everyone => 1,
        }
    }

    fn from_number(number: u8) -> Result<Self, StateError> {
        match number {
            0 => Ok(Self::Admins),
            1 => Ok(Self::Everyone),
            _ => Err(StateError::NewerVersion),
        }
    }
}

fn kind_number(kind: &Kind) -> u8 {
    match kind {
        Kind::Direct(_) => KIND_DIRECT,
        Kind::Group => KIND_GROUP,
        Kind::Errand => KIND_ERRAND,
    }
}

fn sorted(mut entries: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    entries.sort();
    entries
}

fn entry(
    key: u64,
    value: impl FnOnce(&mut minicbor::Encoder<Vec<u8>>) -> Result<(), Error<core::convert::Infallible>>,
) -> (Vec<u8>, Vec<u8>) {
    (cbor::encode(|e| e.u64(key)?.ok()), cbor::encode(value))
}
