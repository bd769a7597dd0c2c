//! A disk in memory that loses power, fills up, and ends processes between any two system calls.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::runtime::journal::ahead::{Filling, Made, Maker};
use crate::runtime::journal::folder::{Folder, Medium};
use crate::tests::simulated::VirtualClock;

/// What a disk writes whole or not at all.
pub(crate) const SECTOR: usize = 512;

/// A disk with one folder. Of what was not synced, a power cut keeps any part: any sectors of files, and
/// any of the changes of names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
    helper: Arc<Mutex<Helper>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    files: Vec<Contents>,
    /// What names stand for, for as long as there is power.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the last sync of the folder. Each takes place as a whole.
    renames: Vec<Vec<(String, Option<usize>)>>,
    /// So many calls succeed, and then none.
    works: Option<usize>,
    /// The calls that were made, whether they succeeded or not.
    calls: usize,
    /// The time that a sync of a file takes, and by which clock.
    sync_takes: Option<(VirtualClock, Duration)>,
}

/// The contents of a file.
#[derive(Clone, Debug, Default)]
struct Contents {
    durable: Vec<u8>,
    /// What is read, for as long as there is power: what was written, durable or not.
    cached: Vec<u8>,
    /// Sectors as they were at some time since the last sync: place, contents.
    dirty: Vec<(usize, Vec<u8>)>,
    /// Those of a sync that failed: no later one writes them, as with Linux, unless they are written again.
    /// The power may still have found them written, or not.
    unsynced: Vec<(usize, Vec<u8>)>,
}

/// The file that is being made ahead. How many of its calls come before each call of the others is said by
/// a schedule, so that no thread is needed.
#[derive(Debug, Default)]
struct Helper {
    filling: Option<Filling>,
    filled: Option<io::Result<Box<dyn Medium>>>,
    schedule: Vec<usize>,
    turn: usize,
}

#[derive(Debug)]
pub(crate) struct DiskFile {
    disk: Disk,
    file: usize,
}

impl State {
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match &mut self.works {
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn named(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, changes: Vec<(String, Option<usize>)>) {
        apply(&mut self.names, &changes);
        self.renames.push(changes);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, changes: &[(String, Option<usize>)]) {
    for (name, file) in changes {
        match file {
            Some(file) => names.insert(name.clone(), *file),
            None => names.remove(name),
        };
    }
}

/// Writes into a file, which gets longer if it must.
fn put(contents: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    contents.resize(contents.len().max(at + bytes.len()), 0);
    contents[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Contents {
    /// Writes these bytes to the cache.
    fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.cached, at, bytes);
        for sector in (at / SECTOR * SECTOR..at + bytes.len()).step_by(SECTOR) {
            let end = self.cached.len().min(sector + SECTOR);
            self.dirty.push((sector, self.cached[sector..end].to_vec()));
        }
    }

    fn sync(&mut self) {
        for (sector, _) in std::mem::take(&mut self.dirty) {
            let end = self.cached.len().min(sector + SECTOR);
            put(&mut self.durable, sector, &self.cached[sector..end]);
            self.unsynced.retain(|(other, _)| *other != sector);
        }
    }

    fn lose_power(&mut self, mut keeps: impl FnMut() -> bool) {
        for (at, bytes) in self.unsynced.drain(..).chain(self.dirty.drain(..)) {
            if keeps() {
                put(&mut self.durable, at, &bytes);
            }
        }
        self.cached.clone_from(&self.durable);
    }
}

impl Disk {
    /// The helper does so many of its calls before each of the next calls of the others, round and round.
    pub(crate) fn helps(&self, schedule: &[usize]) {
        self.helper.lock().unwrap().schedule = schedule.to_vec();
    }

    /// So many calls succeed from now on, and then none; all, if no number is given.
    pub(crate) fn works(&self, calls: Option<usize>) {
        self.state.lock().unwrap().works = calls;
    }

    /// A sync of a file takes so long from now on.
    pub(crate) fn syncs_take(&self, clock: &VirtualClock, time: Duration) {
        self.state.lock().unwrap().sync_takes = Some((clock.clone(), time));
    }

    /// The number of calls that were made.
    pub(crate) fn calls(&self) -> usize {
        self.state.lock().unwrap().calls
    }

    /// The power fails. Of what was not synced, that is kept that `keeps` says.
    pub(crate) fn cut_power(&self, mut keeps: impl FnMut(usize) -> bool) -> Disk {
        let mut state = self.state.lock().unwrap().clone();
        let mut number = 0..;
        let mut keeps = || keeps(number.next().unwrap());
        for changes in std::mem::take(&mut state.renames) {
            if keeps() {
                apply(&mut state.durable_names, &changes);
            }
        }
        state.files.iter_mut().for_each(|file| file.lose_power(&mut keeps));
        state.names.clone_from(&state.durable_names);
        state.works = None;
        Disk { state: Arc::new(Mutex::new(state)), helper: Arc::default() }
    }

    /// A copy of the disk on which a file is changed.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Disk {
        let disk = self.cut_power(|_| true);
        {
            let mut state = disk.state.lock().unwrap();
            let file = state.named(name).unwrap();
            let Contents { durable, cached, .. } = &mut state.files[file];
            change(durable);
            cached.clone_from(durable);
        }
        disk
    }

    /// A copy of the disk on which there is one file more.
    pub(crate) fn add(&self, name: &str, contents: &[u8]) -> Disk {
        let mut disk = self.cut_power(|_| true);
        disk.replace(name, contents).unwrap();
        disk
    }

    /// A copy of the disk on which a file is missing.
    pub(crate) fn without(&self, name: &str) -> Disk {
        let mut disk = self.cut_power(|_| true);
        disk.remove(name).unwrap();
        disk
    }

    /// All files, as they are read.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let contents = |file: &usize| state.files[*file].cached.clone();
        state.names.iter().map(|(name, file)| (name.clone(), contents(file))).collect()
    }

    /// The number of segments of the journal.
    pub(crate) fn segments(&self) -> usize {
        self.files().keys().filter(|name| name.starts_with("journal-")).count()
    }

    /// How many bytes of a file are in use.
    pub(crate) fn used(&self, name: &str) -> usize {
        self.files()[name].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    }

    /// Lets the helper do what the schedule says, and then makes a call.
    fn call<T>(&self, call: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.help();
        let mut state = self.state.lock().unwrap();
        state.call()?;
        call(&mut state)
    }

    fn help(&self) {
        // It is not there while it does its own calls.
        let mut helper = std::mem::take(&mut *self.helper.lock().unwrap());
        let calls = helper.schedule.get(helper.turn % helper.schedule.len().max(1)).copied();
        helper.turn += 1;
        (0..calls.unwrap_or(0)).for_each(|_| helper.step());
        *self.helper.lock().unwrap() = helper;
    }
}

impl Helper {
    fn step(&mut self) {
        let Some(mut filling) = self.filling.take() else { return };
        match filling.step() {
            Ok(false) => self.filling = Some(filling),
            Ok(true) => self.filled = Some(Ok(filling.into_file())),
            Err(error) => self.filled = Some(Err(error)),
        }
    }
}

/// Makes files ahead, as the disk's schedule says. What is not finished when this goes stays so.
#[derive(Debug)]
pub(crate) struct Scheduled(Disk);

impl Maker for Scheduled {
    fn begin(&mut self, filling: Filling) -> io::Result<()> {
        self.0.helper.lock().unwrap().filling = Some(filling);
        Ok(())
    }

    fn finish(&mut self, _: Duration) -> Option<Made> {
        let mut helper = std::mem::take(&mut *self.0.helper.lock().unwrap());
        let late = helper.filling.is_some();
        while helper.filling.is_some() {
            helper.step();
        }
        let file = helper.filled.take();
        *self.0.helper.lock().unwrap() = helper;
        file.map(|file| Made { file, late })
    }
}

impl Drop for Scheduled {
    fn drop(&mut self) {
        let Helper { filling, filled, .. } = &mut *self.0.helper.lock().unwrap();
        (*filling, *filled) = (None, None);
    }
}

impl Folder for Disk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state.lock().unwrap().names.keys().cloned().collect())
    }

    fn read(&self, name: &str, most: usize) -> io::Result<Vec<u8>> {
        let state = self.state.lock().unwrap();
        let bytes = &state.files[state.named(name)?].cached;
        (bytes.len() <= most).then(|| bytes.clone()).ok_or(io::ErrorKind::InvalidData.into())
    }

    fn make(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        let disk = self.clone();
        self.call(|state| {
            let file = state.files.len();
            state.files.push(Contents::default());
            state.rename(vec![(name.to_owned(), Some(file))]);
            Ok(Box::new(DiskFile { disk, file }) as Box<dyn Medium>)
        })
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        let disk = self.clone();
        self.call(|state| {
            let file = state.named(name)?;
            Ok(Box::new(DiskFile { disk, file }) as Box<dyn Medium>)
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.call(|state| {
            let file = state.named(from)?;
            state.rename(vec![(from.to_owned(), None), (to.to_owned(), Some(file))]);
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.call(|state| {
            state.named(name)?;
            state.rename(vec![(name.to_owned(), None)]);
            Ok(())
        })
    }

    /// The changes of a sync that failed stay uncertain until the next one.
    fn sync(&mut self) -> io::Result<()> {
        self.call(|state| {
            state.renames.clear();
            state.durable_names.clone_from(&state.names);
            Ok(())
        })
    }

    fn maker(&self) -> Box<dyn Maker> {
        Box::new(Scheduled(self.clone()))
    }
}

impl Medium for DiskFile {
    /// A write that fails has been done in part.
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.disk.help();
        let state = &mut *self.disk.state.lock().unwrap();
        let result = state.call();
        let half = bytes.get(..bytes.len() / 2 / SECTOR * SECTOR).unwrap_or_default();
        let done = if result.is_ok() { bytes } else { half };
        if !done.is_empty() {
            state.files[self.file].write(offset, done);
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.help();
        let state = &mut *self.disk.state.lock().unwrap();
        let result = state.call();
        if let Some((clock, time)) = &state.sync_takes {
            clock.pass(*time);
        }
        let file = &mut state.files[self.file];
        match result {
            Ok(()) => file.sync(),
            Err(_) => file.unsynced.append(&mut file.dirty),
        }
        result
    }
}
