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

    /// Goes on in this group, of those that it is in. Gives the one before.
    pub(crate) const fn turns_to(&mut self, group: Option<MlsGroup>) -> Option<MlsGroup> {
        std::mem::replace(&mut self.group, group)
    }

    /// Keeps nothing of its group, if it has one.
    pub(crate) fn leave(&mut self) -> Result<()> {
        match self.group.take() {
            Some(mut group) => told(group.delete(self.provider.storage())),
            None => Ok(()),
        }
    }

    /// The same once it has been removed.
    pub(crate) fn leave_if_removed(&mut self) -> Result<()> {
        match &self.group {
            Some(group) if !group.is_active() => self.leave(),
            _ => Ok(()),
        }
    }

    /// The signature keys of all who are in its group.
    pub(crate) fn signature_keys(&self) -> Vec<Vec<u8>> {
        let members = self.group.iter().flat_map(MlsGroup::members);
        members.map(|member| member.signature_key).collect()
    }

    /// Checks a key package, given as an `MLSMessage`.
    pub(crate) fn check(&self, key_package: &[u8]) -> Result<KeyPackage> {
        let message = told(MlsMessageIn::tls_deserialize_exact_bytes(key_package))?;
        let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else {
            bail!("not a key package");
        };
        told(key_package.validate(self.provider.crypto(), ProtocolVersion::Mls10))
    }

    /// Makes a commit with new keys of its own that adds these and removes those with these signature keys, and keeps it
    /// pending. Gives it and the Welcome, each as an `MLSMessage`.
    pub(crate) fn commit(
        &mut self,
        added: Vec<KeyPackage>,
        removed: &[Vec<u8>],
    ) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let signer = Device {
            keys: &self.keys,
            certificate: &self.certificate,
        };
        let group = self.group.as_mut().context("no group")?;
        let gone = group
            .members()
            .filter(|member| removed.contains(&member.signature_key))
            .map(|member| member.index)
            .collect::<Vec<_>>();
        let builder = group
            .commit_builder()
            .consume_proposal_store(false)
            .propose_removals(gone)
            .propose_adds(added)
            .force_self_update(true);
        let ready = told(builder.load_psks(self.provider.storage()))?
            .create_group_info(false)
            .build(
                self.provider.rand(),
                self.provider.crypto(),
                &signer,
                |_| true,
            );
        let bundle = told(told(ready)?.stage_commit(&self.provider))?;
        let welcome = bundle.to_welcome_msg();
        let welcome = welcome
            .map(|welcome| told(welcome.to_bytes()))
            .transpose()?;
        Ok((told(bundle.commit().to_bytes())?, welcome))
    }

    /// Enters the epoch of its own commit.
    pub(crate) fn merge(&mut self) -> Result<()> {
        let group = self.group.as_mut().context("no group")?;
        anyhow::ensure!(group.pending_commit().is_some(), "nothing is pending");
        told(group.merge_pending_commit(&self.provider))
    }

    /// Forgets its own commit: it was not accepted.
    pub(crate) fn forget_commit(&mut self) -> Result<()> {
        match self.group.as_mut() {
            Some(group) => told(group.clear_pending_commit(self.provider.storage())),
            None => Ok(()),
        }
    }

    /// Enters the epoch of somebody else's commit.
    pub(crate) fn follow(&mut self, commit: &[u8]) -> Result<()> {
        let group = self.group.as_mut().context("no group")?;
        let message = told(MlsMessageIn::tls_deserialize_exact_bytes(commit))?;
        let message = told(message.try_into_protocol_message())?;
        let processed = told(group.process_message(&self.provider, message))?;
        match processed.into_content() {
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                told(group.merge_staged_commit(&self.provider, *staged))
            }
            _ => bail!("not a commit"),
        }
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
