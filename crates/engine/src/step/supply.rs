//! What the directory and other people need of this device: key packages and delivery addresses, kept in stock.

use keyfold_protocol::group::{self, Use as PackageUse};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{Serial, Timestamp};
use keyfold_wire::limits::LOW_KEY_PACKAGES;
use keyfold_wire::v1;

use super::Step;
use crate::Fault;
use crate::limits::{
    ADDRESSES, FEW_ADDRESSES, KEY_PACKAGES, LAST_RESORT_AGAIN, REPLACE_INTERVAL, RETRY_FIRST,
};
use crate::memory::Stock;
use crate::table::address::{self, Use};
use crate::table::outbox::{Kind, Waiting};
use crate::table::setting::{self, Setting};
use crate::table::{key_package, parked};

/// Key packages to be made for one suite.
struct Order {
    suite: Suite,
    one_time: usize,
    last_resort: bool,
}

impl Step<'_> {
    /// The server has told what the directory holds: makes what is missing.
    pub(super) fn restock(&mut self, supply: &v1::Supply) -> Result<(), Fault> {
        if self.memory.has_request(Kind::PublishKeyPackages) {
            return Ok(());
        }
        let mut orders = Vec::new();
        for suite in self.me()?.suites() {
            let held = supply
                .suites
                .iter()
                .find(|held| held.suite == u32::from(suite.number()));
            let one_time = held.map_or(0, |held| usize::try_from(held.one_time).unwrap_or(0));
            let last_resort = !held.is_some_and(|held| held.last_resort);
            let low = one_time <= LOW_KEY_PACKAGES;
            let one_time = if low {
                KEY_PACKAGES.saturating_sub(one_time)
            } else {
                0
            };
            if low || last_resort {
                orders.push(Order {
                    suite,
                    one_time,
                    last_resort,
                });
            }
        }
        self.publish(&orders, Stock::Missing(supply.clone()))
    }

    /// Replaces all key packages, once a day: each of many conversations renews its keys at a time of its own.
    pub(super) fn replace_packages_daily(&mut self) -> Result<(), Fault> {
        let made = key_package::oldest_last_resort(self.tx)?.unwrap_or_default();
        let due = made.after(REPLACE_INTERVAL);
        if due <= self.now {
            return self.replace_packages();
        }
        // It may be due sooner, for another reason.
        let due = self
            .replacement_due()?
            .map_or(due, |before| before.min(due));
        setting::put(self.tx, Setting::ReplacementDue, &due.0.to_be_bytes())?;
        self.reschedule = true;
        Ok(())
    }

    /// When all key packages are to be replaced; durable, since a copied device's packages must not outlive a restart.
    pub(super) fn replacement_due(&self) -> Result<Option<Timestamp>, Fault> {
        let due = setting::get(self.tx, Setting::ReplacementDue)?;
        let due = due.and_then(|due| due.as_slice().try_into().ok().map(u64::from_be_bytes));
        Ok(due.map(Timestamp))
    }

    /// Replaces all key packages at the directory: whoever copied this device's state has those that are there.
    pub(super) fn replace_packages(&mut self) -> Result<(), Fault> {
        if self.memory.has_request(Kind::PublishKeyPackages) {
            let soon = self.now.after(RETRY_FIRST);
            setting::put(self.tx, Setting::ReplacementDue, &soon.0.to_be_bytes())?;
            self.wake(soon);
            return Ok(());
        }
        let now = self.now;
        setting::put(self.tx, Setting::ReplacementDue, &now.0.to_be_bytes())?;
        let suites = self.me()?.suites();
        let whole = |suite| Order {
            suite,
            one_time: KEY_PACKAGES,
            last_resort: true,
        };
        let orders: Vec<Order> = suites.into_iter().map(whole).collect();
        self.publish(&orders, Stock::All)
    }

    /// Something comes for a last-resort key package that brought this device into no conversation in which it still is: the address can be
    /// given up once another has taken its place.
    pub(super) fn doubt_last_resort(&mut self) -> Result<(), Fault> {
        let made = key_package::oldest_last_resort(self.tx)?;
        let is_old = made.is_some_and(|made| self.now >= made.after(LAST_RESORT_AGAIN));
        if is_old {
            self.replace_packages()?;
        }
        Ok(())
    }

    fn publish(&mut self, orders: &[Order], stock: Stock) -> Result<(), Fault> {
        let count = |order: &Order| {
            order
                .one_time
                .saturating_add(usize::from(order.last_resort))
        };
        let needed: usize = orders.iter().map(count).sum();
        if address::count_free(self.tx)? < needed.saturating_add(FEW_ADDRESSES) {
            self.take_addresses()?;
            if address::count_free(self.tx)? < needed {
                self.session.publish_due = Some(stock);
                return Ok(());
            }
        }
        self.session.publish_due = None;
        if needed == 0 {
            return Ok(());
        }
        let replace = stock == Stock::All;
        if replace {
            key_package::retire_all(self.tx, self.now)?;
            self.disown_retired()?;
            setting::remove(self.tx, Setting::ReplacementDue)?;
        }
        let mut key_packages = Vec::with_capacity(needed);
        for order in orders {
            for _ in 0..order.one_time {
                key_packages.extend(self.key_package(order.suite, PackageUse::Once)?);
            }
            if order.last_resort {
                key_packages.extend(self.key_package(order.suite, PackageUse::LastResort)?);
            }
        }
        self.reschedule = true;
        let body = v1::PublishKeyPackages {
            key_packages,
            replace,
        };
        let body = v1::client_frame::Request::PublishKeyPackages(body);
        self.request(Waiting::new(Kind::PublishKeyPackages, None, 0), body)?;
        Ok(())
    }

    fn key_package(
        &mut self,
        suite: Suite,
        usage: PackageUse,
    ) -> Result<Option<v1::KeyPackage>, Fault> {
        let Some((serial, bytes)) = address::free(self.tx)? else {
            return Ok(None);
        };
        let made = group::make(&self.mls(), self.device()?, suite, &bytes, usage)
            .map_err(Fault::from_mls)?;
        let last_resort = usage == PackageUse::LastResort;
        address::assign(self.tx, serial, Use::Package, None)?;
        key_package::add(
            self.tx,
            &made.reference,
            suite,
            serial,
            last_resort,
            self.now,
        )?;
        Ok(Some(v1::KeyPackage {
            suite: u32::from(suite.number()),
            data: made.message.into(),
            last_resort,
        }))
    }

    /// Asks for fresh addresses unless that is under way.
    pub(super) fn take_addresses(&mut self) -> Result<(), Fault> {
        if self.memory.has_request(Kind::TakeAddresses) {
            return Ok(());
        }
        let body = v1::TakeAddresses { count: ADDRESSES };
        let body = v1::client_frame::Request::TakeAddresses(body);
        self.request(Waiting::new(Kind::TakeAddresses, None, 0), body)?;
        Ok(())
    }

    /// Fresh addresses have come: whatever waited for some goes on.
    pub(super) fn stock(&mut self, addresses: &v1::Addresses) -> Result<(), Fault> {
        let fit = |fresh: &&v1::Address| i64::try_from(fresh.serial).is_ok();
        for fresh in addresses.addresses.iter().filter(fit) {
            address::add(self.tx, Serial(fresh.serial), &fresh.address)?;
        }
        self.touched.extend(self.memory.intents.keys().copied());
        match self.session.publish_due.take() {
            Some(Stock::All) => self.replace_packages(),
            Some(Stock::Missing(supply)) => self.restock(&supply),
            None => Ok(()),
        }
    }

    /// Addresses that are not used any more: what still comes in for them is dropped by the server, and what waits here by this device.
    pub(super) fn revoke(&mut self, serials: Vec<Serial>) -> Result<(), Fault> {
        if serials.is_empty() {
            return Ok(());
        }
        let mut numbers = Vec::with_capacity(serials.len());
        for serial in serials {
            address::remove(self.tx, serial)?;
            parked::take(self.tx, serial)?;
            self.memory.serials.remove(&serial);
            numbers.push(serial.0);
        }
        let body = v1::RevokeAddresses { serials: numbers };
        let body = v1::client_frame::Request::RevokeAddresses(body);
        self.request(Waiting::new(Kind::RevokeAddresses, None, 0), body)?;
        Ok(())
    }
}
