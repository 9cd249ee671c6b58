//! How Keyfold sets MLS up: extension types, capabilities, wire format, and how many old secrets are kept.

use openmls::prelude::{
    Capabilities, CredentialType, Extension, ExtensionType, Extensions, GroupContext, LeafNode,
    Lifetime, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    ProtocolVersion, RequiredCapabilitiesExtension, SenderRatchetConfiguration, UnknownExtension,
};
use openmls_traits::types::Ciphersuite;

use crate::rules::ADDRESS_EXTENSION_TYPE;
use crate::state;
use crate::suite::Suite;

/// Past epochs whose messages can still be opened. The server takes a Send for the previous epoch only, for a short grace.
pub const MAX_PAST_EPOCHS: usize = 1;

/// Keys of skipped messages of a sender that are kept. All members see one order, so only a message that its sender
/// encrypted and sends again late comes out of turn; each kept key is one that a thief could use.
pub const OUT_OF_ORDER_TOLERANCE: u32 = 16;

/// How far ahead a sender's counter may jump. A device sends at most 1,000 messages before it updates; twice that allows
/// for messages that were never accepted, and bounds what a forged counter makes us compute.
pub const MAXIMUM_FORWARD_DISTANCE: u32 = 2_000;

/// No resumption PSK is ever used.
const RESUMPTION_PSKS: usize = 0;

pub(super) fn ciphersuite(suite: Suite) -> Ciphersuite {
    match suite {
        Suite::Hybrid => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
        Suite::Classic => Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    }
}

pub(super) fn suite(ciphersuite: Ciphersuite) -> Option<Suite> {
    Suite::ALL
        .into_iter()
        .find(|known| self::ciphersuite(*known) == ciphersuite)
}

/// Unbounded, since a limit would be checked against each member's own clock, and members would fork. The certificate's
/// dates are what counts, checked by whoever adds.
pub(super) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// What a leaf declares. Listed explicitly: the defaults of `openmls` omit the hybrid suite.
pub(super) fn capabilities(suites: &[Suite]) -> Capabilities {
    let suites: Vec<_> = suites.iter().copied().map(ciphersuite).collect();
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&suites),
        Some(&[
            ExtensionType::LastResort,
            ExtensionType::Unknown(state::EXTENSION_TYPE),
            ExtensionType::Unknown(ADDRESS_EXTENSION_TYPE),
        ]),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

pub(super) fn required_capabilities() -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(
        &[
            ExtensionType::Unknown(state::EXTENSION_TYPE),
            ExtensionType::Unknown(ADDRESS_EXTENSION_TYPE),
        ],
        &[],
        &[CredentialType::Basic],
    )
}

/// The group context's extensions: what is required, and the conversation's encoded state. Nothing else is allowed there.
pub(super) fn context_extensions(state: Vec<u8>) -> Option<Extensions<GroupContext>> {
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required_capabilities()),
        Extension::Unknown(state::EXTENSION_TYPE, UnknownExtension(state)),
    ])
    .ok()
}

/// The leaf node's extensions: the delivery address, and nothing else.
pub(super) fn leaf_extensions(address: &[u8]) -> Option<Extensions<LeafNode>> {
    Extensions::single(Extension::Unknown(
        ADDRESS_EXTENSION_TYPE,
        UnknownExtension(address.to_vec()),
    ))
    .ok()
}

pub(super) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        // The envelope pads, under the same key for all sizes; padding here as well would only add bytes.
        .padding_size(0)
        .max_past_epochs(MAX_PAST_EPOCHS)
        .number_of_resumption_psks(RESUMPTION_PSKS)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchets())
        .build()
}

pub(super) fn create_config(
    suite: Suite,
    capabilities: Capabilities,
    context: Extensions<GroupContext>,
    leaf: Extensions<LeafNode>,
) -> Option<MlsGroupCreateConfig> {
    let config = MlsGroupCreateConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(0)
        .max_past_epochs(MAX_PAST_EPOCHS)
        .number_of_resumption_psks(RESUMPTION_PSKS)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchets())
        .ciphersuite(ciphersuite(suite))
        .lifetime(lifetime())
        .capabilities(capabilities)
        .with_group_context_extensions(context)
        .with_leaf_node_extensions(leaf)
        .ok()?
        .build();
    Some(config)
}

fn ratchets() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_TOLERANCE, MAXIMUM_FORWARD_DISTANCE)
}
