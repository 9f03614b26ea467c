//! What a tool service asks for, made once and asked of any number of tokens.

use crate::refused::Refused;
use crate::{grammar, limits};
use std::sync::atomic::{AtomicU8, Ordering};

/// One value of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// An integer.
    Int(i64),
    /// true or false.
    Bool(bool),
    /// There, and not to be told.
    Opaque,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Self {
        Value::Int(n.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

/// A fact: its name and its value or values.
#[derive(Debug)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// The value, or the elements of a list.
    pub values: Vec<Value>,
    /// Whether it is a list.
    pub is_list: bool,
    // whether all values are paths, and hosts: 0 until somebody asks, then 1 for no and 2 for yes
    path: AtomicU8,
    host: AtomicU8,
}

impl Fact {
    /// Make a fact.
    pub fn new(name: String, values: Vec<Value>, is_list: bool) -> Self {
        Fact { name, values, is_list, path: AtomicU8::new(0), host: AtomicU8::new(0) }
    }

    /// Say whether the value, or an element, is opaque.
    pub fn is_opaque(&self) -> bool {
        self.values.contains(&Value::Opaque)
    }

    /// Say whether every value is a path.
    pub fn is_path(&self) -> bool {
        self.all(&self.path, grammar::is_path)
    }

    /// Say whether every value is a host.
    pub fn is_host(&self) -> bool {
        self.all(&self.host, grammar::is_host)
    }

    fn all(&self, known: &AtomicU8, is: fn(&[u8]) -> bool) -> bool {
        if known.load(Ordering::Relaxed) == 0 {
            let all =
                self.values.iter().all(|value| matches!(value, Value::Text(text) if is(text.as_bytes())));
            known.store(1 + u8::from(all), Ordering::Relaxed);
        }
        known.load(Ordering::Relaxed) == 2
    }
}

/// A path of names and attempts; an attempt of None is open.
pub type Run = Vec<(String, Option<i64>)>;

/// Read a run as text, such as agt_1@2/reader@1; an attempt that is left out is open.
pub fn run_of_text(text: &str) -> Option<Run> {
    let segment = |part: &str| {
        let Some((name, attempt)) = part.split_once('@') else {
            return Some((part.to_owned(), None));
        };
        let written = attempt.bytes().all(|digit| digit.is_ascii_digit()) && !attempt.starts_with('0');
        Some((name.to_owned(), Some(attempt.parse().ok().filter(|_| written)?)))
    };
    text.split('/').map(segment).collect()
}

/// Write a run as text.
pub fn text_of_run(run: &[(String, Option<i64>)]) -> String {
    let mut out = String::new();
    for (name, attempt) in run {
        let slash = if out.is_empty() { "" } else { "/" };
        out += &match attempt {
            Some(attempt) => format!("{slash}{name}@{attempt}"),
            None => format!("{slash}{name}"),
        };
    }
    out
}

/// Say whether this is a run: 1 to 8 names, attempts from 1 to 2^53-1.
fn is_run(run: &Run) -> bool {
    let fits = |(name, attempt): &(String, Option<i64>)| {
        grammar::is_name(name.as_bytes()) && attempt.is_none_or(|n| (1..=limits::SAFE_MAX).contains(&n))
    };
    (1..=limits::MAX_RUN).contains(&(run.len() as u64)) && run.iter().all(fits)
}

/// One request (V1, V2). `Request::ask` makes one that is sound; whoever uses `new` asks `is_sound`.
#[derive(Debug)]
pub struct Request {
    /// The action.
    pub action: String,
    /// The verifier's own name.
    pub audience: String,
    /// The run, None where the service knows none.
    pub run: Option<Run>,
    facts: Vec<Fact>,
    stated: Vec<usize>,
    arguments: Vec<usize>,
    has_opaque: bool,
    /// Cost by unit.
    pub cost: Vec<(String, i64)>,
    /// What a bound proof must be bound to.
    pub binding: Option<[u8; 32]>,
}

impl Request {
    /// Begin a request for an action at a service; `Asking::build` ends it.
    pub fn ask(audience: impl Into<String>, action: impl Into<String>) -> Asking {
        Asking { action: action.into(), audience: audience.into(), ..Asking::default() }
    }

    /// Make a request of parts, for `is_sound` to look at.
    pub fn new(
        action: String,
        audience: String,
        run: Option<Run>,
        mut facts: Vec<Fact>,
        cost: Vec<(String, i64)>,
        binding: Option<[u8; 32]>,
    ) -> Self {
        // in the order of map keys in a token, so both are walked together
        let mut stated: Vec<usize> = (0..facts.len()).collect();
        stated.sort_unstable_by(|&a, &b| order(facts[a].name.as_bytes(), facts[b].name.as_bytes()));
        facts.sort_unstable_by(|a, b| order(a.name.as_bytes(), b.name.as_bytes()));
        for fact in &mut facts {
            // somebody may have asked, and changed the values since
            (fact.path, fact.host) = Default::default();
        }
        let arguments = (0..facts.len()).filter(|&at| facts[at].name.starts_with("args.")).collect();
        let has_opaque = facts.iter().any(Fact::is_opaque);
        Request { action, audience, run, facts, stated, arguments, has_opaque, cost, binding }
    }

    /// Say whether action, audience, run, facts and cost are what a request may have (V1, V2).
    pub fn is_sound(&self) -> bool {
        self.unsound().is_none()
    }

    /// Return the part of a request that is not what it may be.
    pub(crate) fn unsound(&self) -> Option<&'static str> {
        let fits = |(unit, amount): &(String, i64)| {
            (0..=limits::SAFE_MAX).contains(amount) && (unit != "calls" || *amount == 1)
        };
        if !grammar::is_action(self.action.as_bytes()) {
            Some("action")
        } else if self.audience.is_empty() {
            Some("audience")
        } else if !self.run.as_ref().is_none_or(is_run) {
            Some("run")
        } else if !self.cost.iter().all(fits) || self.costs_twice() {
            Some("cost")
        } else if self.facts.len() > limits::MAX_FACTS
            || self.facts.iter().any(|fact| fact.values.len() > limits::MAX_FACTS)
            || self.facts.windows(2).any(|two| two[0].name == two[1].name)
        {
            Some("facts")
        } else {
            None
        }
    }

    fn costs_twice(&self) -> bool {
        let mut units: Vec<&str> = self.cost.iter().map(|(unit, _)| &unit[..]).collect();
        units.sort_unstable();
        units.windows(2).any(|two| two[0] == two[1])
    }

    /// Say whether there are more facts than a request may have.
    pub(crate) fn is_large(&self) -> bool {
        self.facts.len() > limits::MAX_FACTS
    }

    /// The facts in the order in which they were stated.
    pub fn facts_as_stated(&self) -> impl Iterator<Item = &Fact> {
        let mut places: Vec<_> = self.stated.iter().enumerate().collect();
        places.sort_unstable_by_key(|&(_, stated)| stated);
        places.into_iter().map(|(at, _)| &self.facts[at])
    }

    /// Return a fact, None where it was not stated.
    #[inline]
    pub fn fact(&self, name: &[u8]) -> Option<&Fact> {
        let at = self.facts.binary_search_by(|fact| order(fact.name.as_bytes(), name)).ok()?;
        Some(&self.facts[at])
    }

    /// Say whether something above a name that was not stated is opaque, so that it cannot be told.
    pub fn hidden(&self, name: &[u8]) -> bool {
        let dots = name.iter().enumerate().filter(|&(_, &byte)| byte == b'.');
        self.has_opaque
            && dots.into_iter().any(|(dot, _)| self.fact(&name[..dot]).is_some_and(Fact::is_opaque))
    }

    /// The names under "args.", in order.
    pub fn arguments(&self) -> impl Iterator<Item = &[u8]> {
        self.arguments.iter().map(|&at| self.facts[at].name.as_bytes())
    }

    /// Say whether the arguments as a whole cannot be told.
    pub fn hides_arguments(&self) -> bool {
        self.fact(b"args").is_some_and(|fact| !fact.is_list && fact.is_opaque())
    }

    /// Say whether a cost in this unit was stated.
    pub fn costs(&self, unit: &[u8]) -> bool {
        self.cost.iter().any(|(name, _)| name.as_bytes() == unit)
    }
}

/// The order of text keys in deterministic CBOR: by length, then by bytes.
pub fn order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A request in the making. What is wrong with it `build` says.
#[derive(Debug, Default)]
#[must_use]
pub struct Asking {
    action: String,
    audience: String,
    run: Option<Run>,
    is_no_run: bool,
    facts: Vec<Fact>,
    cost: Vec<(String, i64)>,
    binding: Option<[u8; 32]>,
}

impl Asking {
    /// State the run that is executed, such as agt_1@2/reader@1.
    pub fn run(mut self, text: &str) -> Self {
        self.run = run_of_text(text);
        self.is_no_run = self.run.is_none();
        self
    }

    /// State the run that is executed, as names with attempts.
    pub fn path(mut self, run: Run) -> Self {
        (self.run, self.is_no_run) = (Some(run), false);
        self
    }

    /// State a fact: text, an integer, true or false, or `Value::Opaque`.
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.facts.push(Fact::new(name.into(), vec![value.into()], false));
        self
    }

    /// State a fact that is a list.
    pub fn list<T: Into<Value>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.facts.push(Fact::new(name.into(), values, true));
        self
    }

    /// State what it costs in a unit; a call costs one `calls` without being told.
    pub fn cost(mut self, unit: impl Into<String>, amount: i64) -> Self {
        self.cost.push((unit.into(), amount));
        self
    }

    /// State what a bound proof must be bound to: `call_binding` or `http_binding`.
    pub fn binding(mut self, binding: [u8; 32]) -> Self {
        self.binding = Some(binding);
        self
    }

    /// Return the request, or which part of it is none. A fact or a unit that is stated twice is none.
    pub fn build(self) -> Result<Request, Refused> {
        let Asking { action, audience, run, is_no_run, facts, cost, binding } = self;
        let twice = |at: usize| cost[..at].iter().any(|(unit, _)| *unit == cost[at].0);
        let wrong = match (is_no_run, (0..cost.len()).any(twice)) {
            (true, _) => Some("run"),
            (_, true) => Some("cost"),
            _ => None,
        };
        let made = Request::new(action, audience, run, facts, cost, binding);
        match wrong.or_else(|| made.unsound()) {
            None => Ok(made),
            Some(part) => Err(Refused::request(part, made.is_large())),
        }
    }
}
