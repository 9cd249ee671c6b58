//! How `mls-rs` is set up to be a Keyfold device, as `docs/protocol/mls.md` says.

use std::time::Duration;

use keyfold_protocol::identity::DeviceKeys;
use keyfold_protocol::rules::ADDRESS_EXTENSION_TYPE;
use keyfold_protocol::state::{ConversationState, EXTENSION_TYPE};
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, DeviceId};
use mls_rs::client_builder::{
    BaseConfig, PaddingMode, WithCryptoProvider, WithIdentityProvider, WithMlsRules,
};
use mls_rs::error::IntoAnyError;
use mls_rs::extension::ExtensionType;
use mls_rs::extension::built_in::RequiredCapabilitiesExt;
use mls_rs::group::GroupContext;
use mls_rs::identity::basic::BasicCredential;
use mls_rs::identity::{CredentialType, SigningIdentity};
use mls_rs::mls_rules::{CommitOptions, DefaultMlsRules, EncryptionOptions};
use mls_rs::time::MlsTime;
use mls_rs::{
    CipherSuite, Client, CryptoProvider as _, Extension, ExtensionList, Group, IdentityProvider,
    MlsMessage,
};
use mls_rs_core::identity::MemberValidationContext;
use mls_rs_crypto_rustcrypto::RustCryptoProvider;

pub const SUITE: CipherSuite = CipherSuite::CURVE25519_AES128;
pub const STATE: ExtensionType = ExtensionType::new(EXTENSION_TYPE);
pub const ADDRESS: ExtensionType = ExtensionType::new(ADDRESS_EXTENSION_TYPE);
/// draft-ietf-mls-extensions; `mls-rs` knows it behind a feature only.
const LAST_RESORT: ExtensionType = ExtensionType::new(0x000a);

/// The types of what it is given.
pub type Given = WithMlsRules<
    DefaultMlsRules,
    WithCryptoProvider<RustCryptoProvider, WithIdentityProvider<Devices, BaseConfig>>,
>;
pub type MlsClient = Client<Given>;
pub type MlsGroup = Group<Given>;

/// The beginning and the length of a lifetime without bounds.
const ALWAYS: (u64, Duration) = (0, Duration::from_secs(u64::MAX));

/// Members are devices, certified by their accounts.
#[derive(Clone, Copy)]
pub struct Devices;

#[derive(Debug)]
pub struct NotADevice;

impl std::fmt::Display for NotADevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("its credential does not certify it as a device")
    }
}

impl std::error::Error for NotADevice {}

impl IntoAnyError for NotADevice {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(self.into())
    }
}

pub fn certificate(identity: &SigningIdentity) -> Result<Certificate, NotADevice> {
    let basic = identity.credential.as_basic().ok_or(NotADevice)?;
    let certificate = Certificate::verify(&basic.identifier).map_err(|_| NotADevice)?;
    if certificate.signature_key.as_slice() == identity.signature_key.as_bytes() {
        Ok(certificate)
    } else {
        Err(NotADevice)
    }
}

impl IdentityProvider for Devices {
    type Error = NotADevice;

    fn validate_member(
        &self,
        identity: &SigningIdentity,
        _timestamp: Option<MlsTime>,
        _context: MemberValidationContext<'_>,
    ) -> Result<(), NotADevice> {
        certificate(identity).map(drop)
    }

    fn validate_external_sender(
        &self,
        _identity: &SigningIdentity,
        _timestamp: Option<MlsTime>,
        _extensions: Option<&ExtensionList>,
    ) -> Result<(), NotADevice> {
        Err(NotADevice)
    }

    /// Account and device; so a leaf keeps them when its keys change.
    fn identity(
        &self,
        identity: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<Vec<u8>, NotADevice> {
        let certificate = certificate(identity)?;
        Ok([certificate.account.to_vec(), certificate.device.to_vec()].concat())
    }

    /// Also asked of a committer's new leaf: it stays the same device's.
    fn valid_successor(
        &self,
        predecessor: &SigningIdentity,
        successor: &SigningIdentity,
        extensions: &ExtensionList,
    ) -> Result<bool, NotADevice> {
        Ok(self.identity(predecessor, extensions)? == self.identity(successor, extensions)?)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CredentialType::BASIC]
    }
}

pub fn crypto() -> RustCryptoProvider {
    RustCryptoProvider::with_enabled_cipher_suites(vec![SUITE])
}

/// A client of the device that this certificate is for.
pub fn client(keys: &DeviceKeys, certificate: &[u8]) -> MlsClient {
    let credential = BasicCredential::new(certificate.to_vec()).into_credential();
    let identity = SigningIdentity::new(credential, keys.public().to_vec().into());
    // `mls-rs-crypto-rustcrypto` wants seed and public key, one behind the other.
    let secret = [keys.seed().as_slice(), &keys.public()].concat();
    let rules = DefaultMlsRules::new()
        .with_commit_options(CommitOptions::new().with_path_required(true))
        .with_encryption_options(EncryptionOptions::new(true, PaddingMode::None));
    Client::builder()
        .identity_provider(Devices)
        .crypto_provider(crypto())
        .mls_rules(rules)
        .extension_types([LAST_RESORT, STATE, ADDRESS])
        .key_package_lifetime(ALWAYS.1)
        .signing_identity(identity, secret.into(), SUITE)
        .build()
}

/// The extensions of a leaf.
pub fn leaf(address: &[u8]) -> ExtensionList {
    ExtensionList::from(vec![Extension::new(ADDRESS, address.to_vec())])
}

/// The extensions of a group's context.
pub fn context(state: &ConversationState) -> ExtensionList {
    let required = RequiredCapabilitiesExt::new(
        vec![STATE, ADDRESS],
        Vec::new(),
        vec![CredentialType::BASIC],
    );
    let mut extensions = ExtensionList::new();
    extensions.set_from(required).unwrap();
    extensions.set(Extension::new(STATE, state.encode()));
    extensions
}

/// What a group's members agreed on.
pub fn state(context: &GroupContext) -> ConversationState {
    let state = context.extensions().get(STATE).unwrap();
    ConversationState::decode(state.extension_data()).unwrap()
}

/// A key package as an `MLSMessage`.
pub fn key_package(client: &MlsClient, address: &[u8], extensions: ExtensionList) -> Vec<u8> {
    let message = client
        .generate_key_package_message(extensions, leaf(address), Some(ALWAYS.0.into()))
        .unwrap();
    message.to_bytes().unwrap()
}

/// Marks a key package as one of last resort.
pub fn last_resort() -> ExtensionList {
    ExtensionList::from(vec![Extension::new(LAST_RESORT, Vec::new())])
}

/// A group with this client alone.
pub fn group(client: &MlsClient, id: &[u8], state: &ConversationState, address: &[u8]) -> MlsGroup {
    let (context, leaf) = (context(state), leaf(address));
    client
        .create_group_with_id(id.to_vec(), context, leaf, Some(ALWAYS.0.into()))
        .unwrap()
}

/// The `KeyPackageRef` of a key package.
pub fn reference(package: &MlsMessage) -> Vec<u8> {
    let suite = crypto().cipher_suite_provider(SUITE).unwrap();
    let reference = package.key_package_reference(&suite).unwrap();
    reference.unwrap().to_vec()
}

/// The device that a key package is of.
pub fn device_of(package: &MlsMessage) -> (AccountId, DeviceId) {
    let package = package.as_key_package().unwrap();
    let certificate = certificate(package.signing_identity()).unwrap();
    (certificate.account, certificate.device)
}
