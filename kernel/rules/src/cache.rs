//! A bounded memory of chains that were found authentic. It never holds a decision.
//!
//! An entry is found by what was hashed and compared with all else that was checked: the key and the
//! signatures. It has what authenticates the next thing, so the memory is as secret as the leases.
//!
//! Two generations keep it bounded without a queue: what is used moves to the young one, and when that
//! is full the old one is dropped. Whoever holds a lease can make children of it without end, and each
//! is authentic: so prefixes stand in shards by their block 0, and a shard may take what the others
//! leave, but never what they hold. A flood of children pushes out itself and what shares its shard.
//!
//! Nobody waits long for a shard: one that is held is passed over, which costs a cold verification. In
//! a process that was forked while a thread held it, a shard is held for ever.

use crate::chain::Bytes32;
use crate::token::{Chain, Frame, Proof};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, TryLockError};
use zeroize::Zeroizing;

/// A chain that passed V5, and what authenticates the next thing: t[n] or p[n+1].
#[derive(Clone)]
pub struct Known {
    /// The chain.
    pub chain: Arc<Chain>,
    /// t[n] or p[n+1].
    pub last: Zeroizing<Bytes32>,
}

#[derive(Clone)]
enum Entry {
    Prefix(Known),
    Exact(Arc<Chain>, Proof),
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Entries held now.
    pub entries: usize,
    /// Bytes held now, about.
    pub bytes: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<Bytes32, Entry>,
    old: HashMap<Bytes32, Entry>,
    young_size: usize,
    old_size: usize,
    hits: u64,
    misses: u64,
}

/// Up to about `max_bytes` of chains; safe to share between threads.
pub struct Cache {
    shards: Vec<Mutex<Shard>>,
    room: Room,
}

/// How much there is: half of all in common, and a share of the other half for each shard.
struct Room {
    all: usize,
    own: usize,
    taken: AtomicUsize,
}

impl Room {
    /// What a shard's young generation may take: half of what its two may.
    fn of(&self, shard: &Shard) -> usize {
        let others = self.taken.load(Relaxed).saturating_sub(shard.young_size + shard.old_size);
        (self.all / 2).saturating_sub(others).max(self.own) / 2
    }
}

/// Shards for prefixes; one more is for exact tokens.
const SHARDS: usize = 16;
/// Bytes of an entry beside its chain, about: tables, keys and counters.
const OVERHEAD: usize = 512;
/// How often a shard that is held is asked for: about two microseconds.
const TRIES: usize = 64;

impl Entry {
    fn size(&self) -> usize {
        let (Entry::Prefix(Known { chain, .. }) | Entry::Exact(chain, _)) = self;
        chain.size() + OVERHEAD
    }
}

impl Shard {
    fn get(&mut self, key: &Bytes32, room: &Room, fits: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let mut found = self.young.get(key).filter(|entry| fits(entry)).cloned();
        if found.is_none() {
            found = self.old.get(key).filter(|entry| fits(entry)).cloned();
            if let Some(entry) = &found {
                self.put(*key, entry.clone(), room);
            }
        }
        match found {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        found
    }

    fn put(&mut self, key: Bytes32, entry: Entry, room: &Room) {
        let (size, most) = (entry.size(), room.of(self));
        if size > most {
            return;
        }
        if self.young_size + size > most {
            self.drop_old(room);
            self.old = std::mem::take(&mut self.young);
            self.old_size = std::mem::take(&mut self.young_size);
        }
        if room.taken.load(Relaxed) + size > room.all {
            self.drop_old(room); // others took what was free when this generation grew
        }
        if room.taken.load(Relaxed) + size > room.all {
            return;
        }
        let replaced = self.young.insert(key, entry).map_or(0, |entry| entry.size());
        self.young_size = self.young_size + size - replaced;
        room.taken.fetch_add(size, Relaxed);
        room.taken.fetch_sub(replaced, Relaxed);
    }

    fn drop_old(&mut self, room: &Room) {
        self.old.clear();
        room.taken.fetch_sub(std::mem::take(&mut self.old_size), Relaxed);
    }
}

impl Cache {
    /// Make a memory of up to about this many bytes.
    pub fn new(max_bytes: usize) -> Self {
        let shards: Vec<_> = (0..=SHARDS).map(|_| Mutex::default()).collect();
        let own = max_bytes / 2 / shards.len();
        Cache { shards, room: Room { all: max_bytes, own, taken: AtomicUsize::new(0) } }
    }

    fn shard<T>(&self, at: usize, work: impl FnOnce(&mut Shard, &Room) -> T) -> Option<T> {
        for _ in 0..TRIES {
            match self.shards[at].try_lock() {
                Ok(mut shard) => return Some(work(&mut shard, &self.room)),
                Err(TryLockError::Poisoned(shard)) => return Some(work(&mut shard.into_inner(), &self.room)),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        None
    }

    /// The first is for exact tokens; block 0 of a chain says which of the others.
    fn shard_of(&self, hashes: &[Bytes32]) -> usize {
        1 + usize::from(hashes[0][0]) % SHARDS
    }

    /// Return the chain and proof of a token that was seen before, exactly so.
    pub fn exact(&self, digest: &Bytes32) -> Option<(Arc<Chain>, Proof)> {
        match self.shard(0, |shard, room| shard.get(digest, room, |_| true))?? {
            Entry::Exact(chain, proof) => Some((chain, proof)),
            Entry::Prefix(_) => None,
        }
    }

    /// Return the longest beginning of a token, of at least `least` blocks, that is known under a key.
    pub fn prefix(&self, frame: &Frame, hashes: &[Bytes32], key: &Bytes32, least: usize) -> Option<Known> {
        let fits = |entry: &Entry| match entry {
            Entry::Prefix(known) => known.chain.fingerprint == *key && known.chain.signed_as(frame),
            Entry::Exact(..) => false,
        };
        let look = |shard: &mut Shard, room: &Room| {
            let mut ends = hashes[least.max(1) - 1..].iter().rev();
            ends.find_map(|h| shard.get(h, room, fits))
        };
        match self.shard(self.shard_of(hashes), look)?? {
            Entry::Prefix(known) => Some(known),
            Entry::Exact(..) => None,
        }
    }

    /// Remember a chain.
    pub fn put_prefix(&self, known: Known) {
        let hashes = &known.chain.hashes;
        let (at, key) = (self.shard_of(hashes), hashes[hashes.len() - 1]);
        self.shard(at, |shard, room| shard.put(key, Entry::Prefix(known), room));
    }

    /// Remember a token that is bearer or sealed by the hash of its text.
    pub fn put_exact(&self, digest: Bytes32, chain: Arc<Chain>, proof: Proof) {
        self.shard(0, |shard, room| shard.put(digest, Entry::Exact(chain, proof), room));
    }

    /// Return counts since the start.
    pub fn info(&self) -> Info {
        (0..self.shards.len()).fold(Info::default(), |sum, at| {
            let more = |shard: &mut Shard, _: &Room| Info {
                hits: sum.hits + shard.hits,
                misses: sum.misses + shard.misses,
                entries: sum.entries + shard.young.len() + shard.old.len(),
                bytes: sum.bytes + shard.young_size + shard.old_size,
            };
            self.shard(at, more).unwrap_or(sum)
        })
    }
}
