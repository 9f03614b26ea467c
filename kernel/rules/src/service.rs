//! The check of a tool service, and what may be read of a token that nobody checked.

use crate::cbor::Data;
use crate::chain::{self, Bytes32};
use crate::charges::{Asked, Charge, charge, counts, ends, notes};
use crate::clear::{Rules, run_of};
use crate::limits::{MAX_LEEWAY, SAFE_MAX};
use crate::refused::{BadSetting, Refused};
use crate::request::{Asking, Request, text_of_run};
use crate::ring::Ring;
use crate::token::{Chain, ED25519, Frame, HMAC, Proof};
use crate::trust::Question;
use crate::verify::{Allowed, decide, open};
use crate::{Cache, grammar, text};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Handler = Box<dyn Fn(&Data, &Request) -> bool + Send + Sync>;

/// Verifies leases for one service. Make it once; it is safe to share between threads.
///
/// As made it takes leases of any lifetime, allows no clock difference, asks each request for its run,
/// remembers nothing, and refuses every extension caveat and what only counters can hold somebody to.
pub struct Verifier {
    ring: Ring,
    audience: String,
    rules: Rules,
    allow_unstated_run: bool,
    applies_charges: bool,
    cache: Option<Cache>,
    handlers: HashMap<String, Handler>,
}

fn setting<T>(holds: bool, value: T, words: &str) -> Result<T, BadSetting> {
    if holds { Ok(value) } else { Err(BadSetting(words.into())) }
}

impl Verifier {
    /// Make the verifier of the service of this name.
    pub fn new(ring: Ring, audience: impl Into<String>) -> Result<Self, BadSetting> {
        let audience = audience.into();
        let named = !audience.is_empty();
        let made = Verifier {
            ring,
            audience,
            rules: Rules::default(),
            allow_unstated_run: false,
            applies_charges: false,
            cache: None,
            handlers: HashMap::new(),
        };
        setting(named, made, "a service has a name")
    }

    /// Refuse leases that were issued for more than so many seconds, from 1.
    pub fn max_lifetime(mut self, seconds: i64) -> Result<Self, BadSetting> {
        self.rules.max_lifetime = Some(seconds);
        setting((1..=SAFE_MAX).contains(&seconds), self, "max_lifetime is 1 second or more")
    }

    /// Allow a clock difference of 0 to 60 seconds at not_before and expires.
    pub fn leeway(mut self, seconds: i64) -> Result<Self, BadSetting> {
        self.rules.leeway = seconds;
        setting((0..=MAX_LEEWAY).contains(&seconds), self, "leeway is 0 to 60 seconds")
    }

    /// Take requests without a run, and the run from the lease: for services that do not know which
    /// run they work for.
    pub fn allow_unstated_run(mut self) -> Self {
        self.allow_unstated_run = true;
        self
    }

    /// Take leases that ask for counters: the caller applies all of `Verified::charges`, or none, before
    /// it grants anything. Without this a budget, a final, a bound proof and an approval are refused.
    pub fn applies_charges(mut self) -> Self {
        self.applies_charges = true;
        self
    }

    /// Remember authentic chains in about so many bytes. A decision is never remembered.
    pub fn cache(mut self, max_bytes: usize) -> Self {
        self.cache = Some(Cache::new(max_bytes));
        self
    }

    /// Decide an extension caveat, vendor/name: the function gets its value and the request. One that
    /// panics says no.
    pub fn handler(
        mut self,
        name: &str,
        holds: impl Fn(&Data, &Request) -> bool + Send + Sync + 'static,
    ) -> Result<Self, BadSetting> {
        self.handlers.insert(name.to_owned(), Box::new(holds));
        setting(grammar::is_extension(name.as_bytes()), self, "a handler is for vendor/name")
    }

    /// Begin a request for an action at this service.
    pub fn ask(&self, action: impl Into<String>) -> Asking {
        Request::ask(self.audience.clone(), action)
    }

    /// Say whether a token, with its approvals, allows a request (V1 to V8). now: seconds since 1970.
    pub fn verify(&self, token: &str, request: &Request, now: i64) -> Result<Verified, Refused> {
        let no = |part| Err(Refused::request(part, false));
        if let Some(part) = request.unsound() {
            return Err(Refused::request(part, request.is_large()));
        } else if request.audience != self.audience {
            return no("audience");
        } else if request.run.is_none() && !self.allow_unstated_run {
            return no("run");
        } else if !(0..=SAFE_MAX).contains(&now) {
            return no("time");
        }
        let (ring, rules) = (&self.ring, self.rules);
        let question = Question { request, ring, now, rules, cache: self.cache.as_ref() };
        let mut handlers = |chain: &Arc<Chain>, block: usize, name: &str| {
            let handler = self.handlers.get(name)?;
            let value = chain.blocks().nth(block)?.extension(name);
            // one that panics has not said yes
            let asked = || value.is_some_and(|value| handler(&value, request));
            Some(catch_unwind(AssertUnwindSafe(asked)).unwrap_or(false))
        };
        let allowed = decide(open(token, &question)?, &question, &mut handlers, false)?;
        let run = request.run.clone().or_else(|| run_of(&allowed.chain)).unwrap_or_default();
        let (action, cost) = (request.action.clone(), request.cost.clone());
        let verified = Verified { allowed, asked: Asked { run, action, cost, leeway: rules.leeway } };
        if verified.needs_counters() && !self.applies_charges {
            return Err(Refused::counters());
        }
        Ok(verified)
    }
}

/// An authentic lease that allows one request now. Made by `Verifier::verify` alone.
///
/// It does not say that attempts and revocations were looked at, nor budgets and replay where the
/// verifier `applies_charges`: the charges say what is to be looked at, by whoever keeps counters.
#[must_use]
pub struct Verified {
    allowed: Allowed,
    asked: Asked,
}

impl Verified {
    /// The run that was checked: the request's, or the blocks' where it stated none.
    pub fn run(&self) -> String {
        text_of_run(&self.asked.run)
    }

    /// The key id that the lease is authentic under.
    pub fn key_id(&self) -> &str {
        &self.allowed.chain.key_id
    }

    /// The proof.
    pub fn proof(&self) -> &Proof {
        &self.allowed.proof
    }

    /// The id of each block, 32 hex digits.
    pub fn block_ids(&self) -> Vec<String> {
        ids(&self.allowed.chain.hashes)
    }

    /// The block ids of each approval that counted.
    pub fn approvals(&self) -> Vec<Vec<String>> {
        self.allowed.approved.iter().map(|(chain, _)| ids(&chain.hashes)).collect()
    }

    /// The notes of block 0, name and value: the issuer's word.
    pub fn notes(&self) -> Vec<(String, Data)> {
        notes(&self.allowed.chain)
    }

    /// Seconds since 1970: the earliest expiry of any block.
    pub fn expires(&self) -> i64 {
        ends(&self.allowed.chain).last().copied().unwrap_or(0)
    }

    /// Say whether only who keeps counters can hold somebody to this lease: it has a budget or a final, its
    /// proof is good once, or an approval counted.
    fn needs_counters(&self) -> bool {
        self.chains().any(|(chain, proof)| proof.is_bound() || counts(chain))
    }

    /// What is to be applied, all or nothing, before anything is granted (V9): the charges of the
    /// token, then those of each approval that counted.
    pub fn charges(&self) -> Vec<Charge> {
        let mut out = Vec::new();
        for (chain, proof) in self.chains() {
            charge(chain, proof, &self.asked, &mut out);
        }
        out
    }

    fn chains(&self) -> impl Iterator<Item = (&Arc<Chain>, &Proof)> {
        let first = (&self.allowed.chain, &self.allowed.proof);
        std::iter::once(first).chain(self.allowed.approved.iter().map(|(chain, proof)| (chain, proof)))
    }
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Verified {} for {}, key {}", self.asked.action, self.run(), self.key_id())
    }
}

/// What a token says. Nobody verified it: anyone can write a token that says anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The COSE algorithm: 5 for hmac, -19 for ed25519.
    pub alg: i64,
    /// The key id.
    pub key_id: String,
    /// The proof.
    pub proof: Proof,
    /// The id of each block, 32 hex digits.
    pub block_ids: Vec<String>,
    /// The fields of each block: by number as in `NAMES`, or by the name of an extension.
    pub blocks: Vec<Vec<(Data, Data)>>,
    /// The approvals that travel with it.
    pub approvals: Vec<Unverified>,
}

/// Read a token and its approvals (V1, V2), unverified: for people, never for a decision.
pub fn inspect(token: &str) -> Result<Unverified, Refused> {
    let (first, attached) = text::split(token).map_err(|fault| Refused::token(fault, 0))?;
    let read = |(part, text): (usize, &str)| -> Result<Unverified, Refused> {
        let frame = Frame::read(text).map_err(|fault| Refused::token(fault, part))?;
        let hashes = frame.hashes();
        let opened = frame.open(hashes, None).map_err(|fault| Refused::token(fault, part))?;
        Ok(Unverified {
            alg: if opened.frame.signed { ED25519 } else { HMAC },
            key_id: opened.frame.key_id.clone(),
            proof: opened.frame.proof,
            block_ids: ids(&opened.hashes),
            blocks: opened.blocks().map(|block| block.data()).collect(),
            approvals: Vec::new(),
        })
    };
    let mut found = read((0, first))?;
    found.approvals = (1..).zip(attached).map(read).collect::<Result<_, _>>()?;
    Ok(found)
}

fn ids(hashes: &[Bytes32]) -> Vec<String> {
    hashes.iter().map(|h| hex(&h[..16])).collect()
}

/// Write bytes as lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The binding of a proof to a tool call. run: as text. args: the arguments in the canonical bytes of
/// RFC 8785, which this crate does not make.
pub fn call_binding(audience: &str, run: &str, action: &str, args: &[u8]) -> Bytes32 {
    bind(b"attenuate/1 call\0", &[audience, run, action], args)
}

/// The binding of a proof to an HTTP request: its parts as they are on the wire.
pub fn http_binding(
    audience: &str,
    run: &str,
    method: &str,
    scheme: &str,
    authority: &str,
    target: &str,
    body: &[u8],
) -> Bytes32 {
    bind(b"attenuate/1 http\0", &[audience, run, method, scheme, authority, target], body)
}

fn bind(label: &[u8], parts: &[&str], last: &[u8]) -> Bytes32 {
    let mut all: Vec<Data> = parts.iter().map(|&part| part.into()).collect();
    all.push(chain::sha256(&[last])[..].into());
    let mut encoded = Vec::new();
    Data::Array(all).write(&mut encoded);
    chain::sha256(&[label, &encoded])
}
