//! A bound on the database's size: for shells on devices that give an app a quota, and for trying out a full disk.

use crate::{Engine, Fault};

impl Engine {
    /// Lets the database grow to at most so many pages (of 2,048 bytes where it is encrypted natively, else of 4,096), or keeps it at its present size where that is more.
    /// A step that needs more is [`Fault::DiskFull`]. Lasts until the database is closed.
    ///
    /// # Errors
    /// [`Fault`] when the database fails.
    pub fn set_quota(&self, pages: u32) -> Result<(), Fault> {
        let set = format!("PRAGMA max_page_count = {}", pages.max(1));
        self.database.query_row(&set, (), |_| Ok(()))?;
        Ok(())
    }
}
