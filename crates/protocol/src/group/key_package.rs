//! Key packages (RFC 9420 section 10): making one's own, and checking another device's before adding it.

use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::MAX_KEY_PACKAGE;
use openmls::prelude::{
    DeserializeBytes as _, ExtensionType, KeyPackage, KeyPackageRef, MlsMessageBodyIn,
    MlsMessageIn, MlsMessageOut, OpenMlsProvider as _, ProtocolVersion,
};

use tls_codec::{Serialize as _, VLByteSlice};

use super::config;
use super::device::Device;
use super::error::{Error, Reject};
use super::leaf;
use super::provider::{Crypto, Failure, Mls, Storage};
use crate::rules::{ADDRESS_EXTENSION_TYPE, LeafIndex, LeafView, Violation};
use crate::state;
use crate::suite::Suite;

/// How often a key package may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// For one group; its private keys are deleted when it is joined.
    Once,
    /// As long as nothing better is left; its private keys stay until it is replaced.
    LastResort,
}

/// A key package of one's own, whose private keys are in the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnKeyPackage {
    /// An `MLSMessage`, for the directory.
    pub message: Vec<u8>,
    /// Its `KeyPackageRef`.
    pub reference: Vec<u8>,
}

/// Another device's key package, checked: its device can be added with it.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedKeyPackage {
    pub(super) key_package: KeyPackage,
    suite: Suite,
    leaf: LeafView,
    reference: Vec<u8>,
}

/// Makes a key package and stores its private keys.
///
/// # Errors
/// [`Error`] when the certificate is not this device's, or the storage fails.
pub fn make<S: Storage>(
    mls: &Mls<'_, S>,
    device: Device<'_>,
    suite: Suite,
    address: &[u8],
    usage: Use,
) -> Result<OwnKeyPackage, Error<Failure<S>>> {
    let extensions = config::leaf_extensions(address)
        .ok_or(Violation::AddressMissing)
        .map_err(Reject::from)?;
    let builder = KeyPackage::builder()
        .key_package_lifetime(config::lifetime())
        .leaf_node_capabilities(device.capabilities()?)
        .leaf_node_extensions(extensions);
    let builder = match usage {
        Use::Once => builder,
        Use::LastResort => builder.mark_as_last_resort(),
    };
    let bundle = builder
        .build(
            config::ciphersuite(suite),
            mls,
            &device,
            device.credential(),
        )
        .map_err(|_| mls.failed(Error::Internal("making a key package")))?;
    let key_package = bundle.into_key_package();
    let reference = reference(mls.crypto(), &key_package).map_err(|error| mls.failed(error))?;
    let message = MlsMessageOut::from(key_package)
        .to_bytes()
        .map_err(|_| Error::Internal("encoding a key package"))?;
    Ok(OwnKeyPackage { message, reference })
}

/// Deletes the private keys of a key package of one's own. One that is not there is no error.
///
/// # Errors
/// [`Error`] when the storage fails.
pub fn delete<S: Storage>(mls: &Mls<'_, S>, reference: &[u8]) -> Result<(), Error<Failure<S>>> {
    let encoded = VLByteSlice(reference)
        .tls_serialize_detached()
        .map_err(|_| Error::Internal("a long reference"))?;
    let reference = KeyPackageRef::tls_deserialize_exact_bytes(&encoded)
        .map_err(|_| Error::Internal("reading a reference"))?;
    mls.storage()
        .delete_key_package(&reference)
        .map_err(Error::Storage)
}

impl CheckedKeyPackage {
    /// Reads and checks another device's key package: form, signatures, certificate, and that the certificate is valid now.
    ///
    /// # Errors
    /// [`Reject`], saying what is wrong with it.
    pub fn check(crypto: &Crypto, message: &[u8], now: Timestamp) -> Result<Self, Reject> {
        let key_package = read(crypto, message)?;
        let suite = config::suite(key_package.ciphersuite())
            .ok_or(Reject::KeyPackage("its cipher suite is unknown"))?;
        let leaf = leaf::verify(LeafIndex(0), key_package.leaf_node())?;
        if !suite.is_spoken_by(&leaf.certificate) {
            return Err(Violation::SuiteNotSpoken.into());
        }
        if !leaf.certificate.is_valid_at(now) {
            return Err(Reject::Expired);
        }
        check_capabilities(&key_package)?;
        let reference = key_package
            .hash_ref(crypto.get())
            .map_err(|_| Reject::KeyPackage("it has no reference"))?
            .as_slice()
            .to_vec();
        Ok(Self {
            key_package,
            suite,
            leaf,
            reference,
        })
    }

    /// Whose it is.
    pub fn certificate(&self) -> &Certificate {
        &self.leaf.certificate
    }

    /// Where the device wants items of a group that it joins with it.
    pub fn address(&self) -> &[u8] {
        &self.leaf.address
    }

    /// The suite of groups that it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Its `KeyPackageRef`.
    pub fn reference(&self) -> &[u8] {
        &self.reference
    }

    /// How often it may be used.
    pub fn usage(&self) -> Use {
        if self.key_package.last_resort() {
            Use::LastResort
        } else {
            Use::Once
        }
    }
}

fn read(crypto: &Crypto, message: &[u8]) -> Result<KeyPackage, Reject> {
    if message.len() > MAX_KEY_PACKAGE {
        return Err(Reject::KeyPackage("it is too large"));
    }
    let message =
        MlsMessageIn::tls_deserialize_exact_bytes(message).map_err(|_| Reject::Malformed)?;
    let MlsMessageBodyIn::KeyPackage(key_package) = message.extract() else {
        return Err(Reject::WrongKind);
    };
    key_package
        .validate(crypto.get(), ProtocolVersion::Mls10)
        .map_err(|_| Reject::KeyPackage("it is forged or not valid"))
}

fn check_capabilities(key_package: &KeyPackage) -> Result<(), Reject> {
    let supported = key_package.leaf_node().capabilities().extensions();
    let wanted = [state::EXTENSION_TYPE, ADDRESS_EXTENSION_TYPE].map(ExtensionType::Unknown);
    if !wanted.iter().all(|extension| supported.contains(extension)) {
        return Err(Reject::KeyPackage(
            "its device does not support what Keyfold needs",
        ));
    }
    let mut extensions = key_package.extensions().iter();
    if extensions.any(|extension| extension.extension_type() != ExtensionType::LastResort) {
        return Err(Reject::KeyPackage("it has unknown extensions"));
    }
    Ok(())
}

fn reference<E>(
    crypto: &openmls_rust_crypto::RustCrypto,
    key_package: &KeyPackage,
) -> Result<Vec<u8>, Error<E>> {
    let reference = key_package
        .hash_ref(crypto)
        .map_err(|_| Error::Internal("hashing a key package"))?;
    Ok(reference.as_slice().to_vec())
}
