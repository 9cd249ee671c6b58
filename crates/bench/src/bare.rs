//! Bare MLS: `openmls` under the configuration that Keyfold uses, without anything of Keyfold around it.
//!
//! Its storage is either the one in memory that comes with it (JSON), or one that only notes that message secrets have
//! changed, so that a comparison is not flattered by JSON.

use anyhow::{Context as _, Result, anyhow, bail};
use keyfold_engine::store::MlsStorage;
use keyfold_protocol::group::{
    Device, MAX_PAST_EPOCHS, MAXIMUM_FORWARD_DISTANCE, OUT_OF_ORDER_TOLERANCE,
};
use keyfold_protocol::identity::{AccountKey, CertificateRequest, DeviceKeys};
use keyfold_protocol::rules::ADDRESS_EXTENSION_TYPE;
use keyfold_protocol::state;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, Timestamp};
use openmls::group::StagedWelcome;
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CredentialType, CredentialWithKey,
    DeserializeBytes as _, Extension, ExtensionType, Extensions, KeyPackage, LeafNode, Lifetime,
    MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn,
    OpenMlsProvider, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedMessageContent, ProtocolVersion,
    RequiredCapabilitiesExtension, SenderRatchetConfiguration, UnknownExtension,
};
use openmls_rust_crypto::{OpenMlsRustCrypto, RustCrypto};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// The instant at which everything happens.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);
const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;

/// One device that speaks bare MLS.
pub(crate) struct Member<P> {
    pub(crate) provider: P,
    pub(crate) keys: DeviceKeys,
    pub(crate) account_key: AccountKey,
    pub(crate) certificate: Vec<u8>,
    pub(crate) handle: String,
    group: Option<MlsGroup>,
}

/// A provider that keeps message secrets in the group alone.
pub(crate) struct Quiet<'c> {
    crypto: RustCrypto,
    storage: MlsStorage<'c>,
}

impl<'c> Quiet<'c> {
    /// Over a database in memory that the engine's store has opened.
    pub(crate) fn new(connection: &'c rusqlite::Connection) -> Self {
        Self {
            crypto: RustCrypto::default(),
            storage: MlsStorage::new(connection),
        }
    }
}

impl<'c> OpenMlsProvider for Quiet<'c> {
    type CryptoProvider = RustCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = MlsStorage<'c>;

    fn storage(&self) -> &Self::StorageProvider {
        &self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &RustCrypto {
        &self.crypto
    }
}

/// Any error as `anyhow` has it.
pub(crate) fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| anyhow!("{error}"))
}

impl Member<OpenMlsRustCrypto> {
    /// With the storage that comes with `openmls`.
    pub(crate) fn plain(number: u64, suites: &[Suite]) -> Result<Self> {
        Self::new(OpenMlsRustCrypto::default(), number, suites)
    }
}

impl<P: OpenMlsProvider> Member<P> {
    pub(crate) fn new(provider: P, number: u64, suites: &[Suite]) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(number);
        let account_key = AccountKey::generate(&mut rng);
        let keys = DeviceKeys::generate(&mut rng);
        let handle = format!("member{number}");
        let certificate = told(account_key.certify(&CertificateRequest {
            handle: handle.clone(),
            device: keys.device(),
            signature_key: keys.public(),
            suites: suites.to_vec(),
            created: NOW,
            expires: Timestamp(NOW.0 + YEAR),
        }))?;
        Ok(Self {
            provider,
            keys,
            account_key,
            certificate,
            handle,
            group: None,
        })
    }

    pub(crate) fn account(&self) -> AccountId {
        self.account_key.account()
    }

    /// Lets go of its group.
    pub(crate) fn forget(&mut self) {
        self.group = None;
    }

    fn signer(&self) -> Device<'_> {
        Device {
            keys: &self.keys,
            certificate: &self.certificate,
        }
    }

    fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.certificate.clone()).into(),
            signature_key: self.keys.public().to_vec().into(),
        }
    }

    /// A key package, as an `MLSMessage` and as itself.
    pub(crate) fn key_package(
        &self,
        suite: Suite,
        suites: &[Suite],
        address: &[u8],
    ) -> Result<KeyPackage> {
        let bundle = told(
            KeyPackage::builder()
                .key_package_lifetime(Lifetime::init(0, u64::MAX))
                .leaf_node_capabilities(capabilities(suites))
                .leaf_node_extensions(leaf_extensions(address)?)
                .build(
                    ciphersuite(suite),
                    &self.provider,
                    &self.signer(),
                    self.credential(),
                ),
        )?;
        Ok(bundle.into_key_package())
    }

    /// Makes a group with these members, and gives the Welcome as an `MLSMessage`.
    pub(crate) fn create(
        &mut self,
        suite: Suite,
        suites: &[Suite],
        state: Vec<u8>,
        others: &[KeyPackage],
    ) -> Result<Vec<u8>> {
        let config = MlsGroupCreateConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .padding_size(0)
            .max_past_epochs(MAX_PAST_EPOCHS)
            .number_of_resumption_psks(0)
            .use_ratchet_tree_extension(true)
            .sender_ratchet_configuration(ratchets())
            .ciphersuite(ciphersuite(suite))
            .lifetime(Lifetime::init(0, u64::MAX))
            .capabilities(capabilities(suites))
            .with_group_context_extensions(context_extensions(state)?)
            .with_leaf_node_extensions(leaf_extensions(&[7; 56])?);
        let config = told(config)?.build();
        let made = MlsGroup::new(&self.provider, &self.signer(), &config, self.credential());
        let mut group = told(made)?;
        let (_, welcome, _) = told(group.add_members(&self.provider, &self.signer(), others))?;
        told(group.merge_pending_commit(&self.provider))?;
        self.group = Some(group);
        told(welcome.to_bytes())
    }

    /// Joins by a Welcome, given as an `MLSMessage`.
    pub(crate) fn join(&mut self, welcome: &[u8]) -> Result<()> {
        let message = told(MlsMessageIn::tls_deserialize_exact_bytes(welcome))?;
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            bail!("not a welcome");
        };
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .padding_size(0)
            .max_past_epochs(MAX_PAST_EPOCHS)
            .number_of_resumption_psks(0)
            .use_ratchet_tree_extension(true)
            .sender_ratchet_configuration(ratchets())
            .build();
        let builder = told(StagedWelcome::build_from_welcome(
            &self.provider,
            &config,
            welcome,
        ))?;
        let staged = told(builder.skip_lifetime_validation().build())?;
        self.group = Some(told(staged.into_group(&self.provider))?);
        Ok(())
    }

    /// Encrypts: one bare MLS operation. An `MLSMessage`.
    pub(crate) fn encrypt(&mut self, content: &[u8]) -> Result<Vec<u8>> {
        let signer = Device {
            keys: &self.keys,
            certificate: &self.certificate,
        };
        let group = self.group.as_mut().context("no group")?;
        let message = told(group.create_message(&self.provider, &signer, content))?;
        told(message.to_bytes())
    }

    /// Opens: one bare MLS operation.
    pub(crate) fn decrypt(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        let group = self.group.as_mut().context("no group")?;
        let message = told(MlsMessageIn::tls_deserialize_exact_bytes(message))?;
        let message = told(message.try_into_protocol_message())?;
        let processed = told(group.process_message(&self.provider, message))?;
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(content) => Ok(content.into_bytes()),
            _ => bail!("not a message"),
        }
    }

    /// What the epoch exports under a label.
    pub(crate) fn export(&self, label: &str) -> Result<[u8; 32]> {
        let group = self.group.as_ref().context("no group")?;
        let exported = told(group.export_secret(self.provider.crypto(), label, &[], 32))?;
        exported
            .try_into()
            .map_err(|_| anyhow!("an export of another length"))
    }
}

fn ciphersuite(suite: Suite) -> Ciphersuite {
    match suite {
        Suite::Hybrid => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
        Suite::Classic => Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    }
}

fn ratchets() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_TOLERANCE, MAXIMUM_FORWARD_DISTANCE)
}

fn capabilities(suites: &[Suite]) -> Capabilities {
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

fn leaf_extensions(address: &[u8]) -> Result<Extensions<LeafNode>> {
    told(Extensions::single(Extension::Unknown(
        ADDRESS_EXTENSION_TYPE,
        UnknownExtension(address.to_vec()),
    )))
}

fn context_extensions(state: Vec<u8>) -> Result<Extensions<openmls::prelude::GroupContext>> {
    let required = RequiredCapabilitiesExtension::new(
        &[
            ExtensionType::Unknown(state::EXTENSION_TYPE),
            ExtensionType::Unknown(ADDRESS_EXTENSION_TYPE),
        ],
        &[],
        &[CredentialType::Basic],
    );
    told(Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required),
        Extension::Unknown(state::EXTENSION_TYPE, UnknownExtension(state)),
    ]))
}
