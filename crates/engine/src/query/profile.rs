//! What people show of themselves.

use keyfold_protocol::content::Profile;
use keyfold_wire::ids::AccountId;

use crate::table::profile;
use crate::{Engine, Fault};

impl Engine {
    /// What somebody, maybe oneself, shows of themselves. `None`: nothing that has come here.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn profile(&self, account: &AccountId) -> Result<Option<Profile>, Fault> {
        profile::get(&self.database, account)
    }
}
