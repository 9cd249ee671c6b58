//! The calls of `SQLite` into the disk. The only place of the simulation that handles raw pointers.
#![allow(unsafe_code, reason = "SQLite's file layer is an interface of C")]
#![allow(non_snake_case, reason = "SQLite's names")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, Once, Weak};

use rusqlite::ffi;
use rusqlite::ffi::{sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use super::files::{File, Files, Number};
use super::shared::{REGION, Shared};
use super::trouble::Failed;
use super::{VFS, find, lock};

/// The longest path.
const PATH: c_int = 512;

/// A noon in 2026, as a Julian day. The product's SQL never asks for the time.
const TODAY: f64 = 2_461_000.0;

static OPENED: AtomicU64 = AtomicU64::new(0);
static RANDOM: AtomicU64 = AtomicU64::new(0);

/// What is open. `SQLite` has room for it, and knows the first field.
#[repr(C)]
struct Open {
    base: sqlite3_file,
    handle: *mut Handle,
}

struct Handle {
    disk: Weak<Mutex<Files>>,
    number: Number,
    /// Tells it from everything else that is or was open.
    id: u64,
    /// The disk's life that it was opened in.
    life: u64,
    temporary: Option<String>,
    shared: Option<Arc<Shared>>,
}

impl Handle {
    /// Does something with the file, unless the machine has died since it was opened.
    fn with<R>(
        &self,
        job: impl FnOnce(&mut Files, Number) -> Result<R, Failed>,
    ) -> Result<R, Failed> {
        let disk = self.disk.upgrade().ok_or(Failed::Broken)?;
        let mut files = lock(&disk);
        if files.life != self.life {
            return Err(Failed::Broken);
        }
        job(&mut files, self.number)
    }

    fn file<R>(&self, job: impl FnOnce(&mut File) -> R) -> Result<R, Failed> {
        self.with(|files, number| files.file(number).map(job))
    }
}

/// Tells `SQLite` of the file layer, once.
pub(super) fn install() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let name = CString::new(VFS).unwrap();
        let layer = Box::leak(Box::new(sqlite3_vfs {
            iVersion: 1,
            szOsFile: c_int::try_from(size_of::<Open>()).unwrap(),
            mxPathname: PATH,
            pNext: std::ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: std::ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(time),
            xGetLastError: None,
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        // SAFETY: what is registered is complete and lives for ever.
        let registered = unsafe { ffi::sqlite3_vfs_register(layer, 0) };
        assert_eq!(registered, ffi::SQLITE_OK, "SQLite takes the file layer");
    });
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(raise),
    xUnlock: Some(lower),
    xCheckReservedLock: Some(is_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shared_map),
    xShmLock: Some(shared_lock),
    xShmBarrier: Some(shared_barrier),
    xShmUnmap: Some(shared_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The code that `SQLite` is told; `broken` is the one for this call's input/output error.
fn code(result: Result<(), Failed>, broken: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Failed::Full) => ffi::SQLITE_FULL,
        Err(Failed::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(Failed::Broken) => broken,
    }
}

/// # Safety
/// A file that [`open`] opened and [`close`] has not closed.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a mut Handle {
    // SAFETY: as promised; `SQLite` uses a file from one thread at a time.
    unsafe { &mut *(*file.cast::<Open>()).handle }
}

/// # Safety
/// Null, or a string that ends with a zero.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: `SQLite` gives room for an `Open`; without methods it does not call `xClose`.
    unsafe { (*file).pMethods = std::ptr::null() };
    // SAFETY: a path of `SQLite`'s.
    let Some((disk, name)) = unsafe { text(name) }.and_then(find) else {
        return ffi::SQLITE_CANTOPEN;
    };
    let mut files = lock(&disk);
    if files.crashed {
        return ffi::SQLITE_CANTOPEN;
    }
    let number = match (files.named(name), flags & ffi::SQLITE_OPEN_CREATE != 0) {
        (Some(number), _) => Ok(number),
        (None, true) => files.create(name),
        (None, false) => Err(Failed::Missing),
    };
    let Ok(number) = number else {
        return ffi::SQLITE_CANTOPEN;
    };
    let temporary = flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0;
    let handle = Box::new(Handle {
        disk: Arc::downgrade(&disk),
        number,
        id: OPENED.fetch_add(1, Ordering::SeqCst),
        life: files.life,
        temporary: temporary.then(|| name.to_owned()),
        shared: None,
    });
    // SAFETY: there is room for an `Open` at `file`.
    unsafe {
        (*file.cast::<Open>()).handle = Box::into_raw(handle);
        (*file).pMethods = &raw const METHODS;
        if !flags_out.is_null() {
            *flags_out = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: an open file, which is not used after this.
    let handle = unsafe { Box::from_raw((*file.cast::<Open>()).handle) };
    let closed = handle.with(|files, number| {
        if let Ok(file) = files.file(number) {
            file.locks.lower(handle.id, ffi::SQLITE_LOCK_NONE);
        }
        match &handle.temporary {
            Some(name) => files.delete(name, false),
            None => Ok(()),
        }
    });
    // A dead machine's files are closed, too.
    let _ = closed;
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut sqlite3_file,
    into: *mut c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    let (Ok(count), Ok(at)) = (usize::try_from(count), usize::try_from(at)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    // SAFETY: an open file, and room for so many bytes.
    let (handle, into) = unsafe {
        (
            handle(file),
            std::slice::from_raw_parts_mut(into.cast::<u8>(), count),
        )
    };
    let there = handle.file(|file| {
        let rest = file.now.get(at..).unwrap_or_default();
        let there = rest.len().min(count);
        into[..there].copy_from_slice(&rest[..there]);
        into[there..].fill(0);
        there
    });
    match there {
        Ok(there) if there == count => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: sqlite3_int64,
) -> c_int {
    let (Ok(count), Ok(at)) = (usize::try_from(count), usize::try_from(at)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: an open file, and so many bytes.
    let (handle, bytes) = unsafe {
        (
            handle(file),
            std::slice::from_raw_parts(from.cast::<u8>(), count),
        )
    };
    let written = handle.with(|files, number| files.write(number, at, bytes));
    code(written, ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    let size = usize::try_from(size).unwrap_or_default();
    let done = handle.with(|files, number| files.truncate(number, size));
    code(done, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    let synced = handle.with(Files::sync);
    code(synced, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn size(file: *mut sqlite3_file, size: *mut sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let length = unsafe { handle(file) }.file(|file| file.now.len());
    let told = length.map(|length| {
        // SAFETY: a place for the answer.
        unsafe { *size = sqlite3_int64::try_from(length).unwrap_or_default() };
    });
    code(told, ffi::SQLITE_IOERR_FSTAT)
}

unsafe extern "C" fn raise(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    match handle.file(|file| file.locks.raise(handle.id, level)) {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(_) => ffi::SQLITE_IOERR_LOCK,
    }
}

unsafe extern "C" fn lower(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    // What a dead machine locked is free.
    let _ = handle.file(|file| file.locks.lower(handle.id, level));
    ffi::SQLITE_OK
}

unsafe extern "C" fn is_reserved(file: *mut sqlite3_file, answer: *mut c_int) -> c_int {
    // SAFETY: an open file.
    let reserved = unsafe { handle(file) }.file(|file| file.locks.is_reserved());
    let told = reserved.map(|reserved| {
        // SAFETY: a place for the answer.
        unsafe { *answer = c_int::from(reserved) };
    });
    code(told, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK)
}

unsafe extern "C" fn control(_: *mut sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

/// As the product's file layer says on every disk.
unsafe extern "C" fn sector(_: *mut sqlite3_file) -> c_int {
    4_096
}

/// As the product's file layer says on every disk.
unsafe extern "C" fn characteristics(_: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shared_map(
    file: *mut sqlite3_file,
    index: c_int,
    bytes: c_int,
    make: c_int,
    place: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file, and a place for the answer.
    let (handle, place) = unsafe { (handle(file), &mut *place) };
    *place = std::ptr::null_mut();
    if usize::try_from(bytes) != Ok(REGION) {
        return ffi::SQLITE_IOERR_SHMMAP;
    }
    let found = handle.file(|file| {
        file.shared.upgrade().unwrap_or_else(|| {
            let shared = Arc::new(Shared::default());
            file.shared = Arc::downgrade(&shared);
            shared
        })
    });
    let Ok(found) = found else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    let shared = handle.shared.get_or_insert(found);
    let index = usize::try_from(index).unwrap_or_default();
    if let Some(region) = shared.region(index, make != 0) {
        *place = region.cast();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn shared_lock(
    file: *mut sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    match &handle.shared {
        Some(shared) if shared.lock(handle.id, first..first + count, flags) => ffi::SQLITE_OK,
        Some(_) => ffi::SQLITE_BUSY,
        None => ffi::SQLITE_IOERR_SHMLOCK,
    }
}

unsafe extern "C" fn shared_barrier(_: *mut sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shared_unmap(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file, whose connection has forgotten every region.
    unsafe { handle(file) }.shared = None;
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, durably: c_int) -> c_int {
    // SAFETY: a path of `SQLite`'s.
    let Some((disk, name)) = unsafe { text(name) }.and_then(find) else {
        return ffi::SQLITE_IOERR_DELETE;
    };
    let deleted = lock(&disk).delete(name, durably != 0);
    code(deleted, ffi::SQLITE_IOERR_DELETE)
}

unsafe extern "C" fn access(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: a path of `SQLite`'s.
    let Some((disk, name)) = unsafe { text(name) }.and_then(find) else {
        return ffi::SQLITE_IOERR_ACCESS;
    };
    let mut files = lock(&disk);
    if files.crashed {
        return ffi::SQLITE_IOERR_ACCESS;
    }
    let number = files.named(name);
    let file = number.and_then(|number| files.file(number).ok());
    // An empty journal is none, as for the product's file layer.
    let there = file.is_some_and(|file| flags != ffi::SQLITE_ACCESS_EXISTS || !file.now.is_empty());
    // SAFETY: a place for the answer.
    unsafe { *answer = c_int::from(there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_path(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    into: *mut c_char,
) -> c_int {
    // SAFETY: a path of `SQLite`'s.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if usize::try_from(room).is_ok_and(|room| bytes.len() <= room) {
        // SAFETY: there is room for it, and the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), into, bytes.len()) };
        ffi::SQLITE_OK
    } else {
        ffi::SQLITE_CANTOPEN
    }
}

/// Different each time; nothing that is secret comes from here.
unsafe extern "C" fn randomness(_: *mut sqlite3_vfs, count: c_int, into: *mut c_char) -> c_int {
    let length = usize::try_from(count).unwrap_or_default();
    // SAFETY: room for so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts_mut(into.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        let number = RANDOM.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
        chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
    }
    count
}

/// Nobody else will give a lock back while the one thread sleeps.
unsafe extern "C" fn sleep(_: *mut sqlite3_vfs, micros: c_int) -> c_int {
    micros
}

unsafe extern "C" fn time(_: *mut sqlite3_vfs, day: *mut f64) -> c_int {
    // SAFETY: a place for the answer.
    unsafe { *day = TODAY };
    ffi::SQLITE_OK
}
