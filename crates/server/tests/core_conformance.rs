//! Both stores do what every store must.
#![allow(clippy::unwrap_used)]

use keyfold_server::store::conformance;
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::store::sqlite::SqliteStore;

#[tokio::test]
async fn the_memory_store_conforms() {
    conformance::check(|| async { MemoryStore::new() }).await;
}

#[tokio::test]
async fn the_sqlite_store_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    conformance::check(|| async {
        number.set(number.get() + 1);
        SqliteStore::open(&folder.path().join(format!("{}.sqlite", number.get()))).unwrap()
    })
    .await;
}
