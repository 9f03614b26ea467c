//! The Python face of the rules: values in, numbers out. It decides nothing and has no words.
//!
//! attenuate/native.py is its caller, and tests and benchmarks for `ed25519_verify`. A refusal is a tuple of numbers, and of the authentic chain
//! where there is one; what is told to people is made from these in Python, for every engine alike.

use attenuate_rules as rules;
use attenuate_rules::{CaveatKey, Fact, Note, Proof, Question, Refusal, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};
use std::sync::Arc;

/// A request, converted once.
#[pyclass(frozen, module = "attenuate_kernel")]
struct Request(rules::Request);

/// A key ring, converted once.
#[pyclass(frozen, module = "attenuate_kernel")]
struct Ring(rules::Ring);

/// A bounded memory of authentic chains.
#[pyclass(frozen, module = "attenuate_kernel")]
struct Cache(rules::Cache, usize);

/// An authentic chain.
#[pyclass(frozen, module = "attenuate_kernel")]
struct Chain(Arc<rules::Chain>);

/// Why a block of an authentic lease forbids a request.
#[pyclass(frozen, module = "attenuate_kernel")]
struct Denied(Box<rules::Forbidden>);

/// A lease that allows a request.
#[pyclass(frozen, module = "attenuate_kernel")]
struct Allowed(rules::Allowed);

// --- Python to Rust: each gives None for what is not plain, which attenuate/request.py looks at -------
/// Bytes of text in facts that are copied; the Python engine, which copies none, looks at more.
const MAX_COPIED: usize = 4 * 1024 * 1024;

fn text(object: &Bound<'_, PyAny>) -> Option<String> {
    Some(object.cast_exact::<PyString>().ok()?.to_str().ok()?.to_owned())
}

fn number(object: &Bound<'_, PyAny>) -> Option<i64> {
    object.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// Makes facts, and counts what it copies: one text may stand in many places.
struct Facts<'a, 'py> {
    opaque: &'a Bound<'py, PyAny>,
    left: usize,
}

impl<'py> Facts<'_, 'py> {
    fn text(&mut self, object: &Bound<'py, PyAny>) -> Option<String> {
        let text = object.cast_exact::<PyString>().ok()?.to_str().ok()?;
        self.left = self.left.checked_sub(text.len())?;
        Some(text.to_owned())
    }

    fn value(&mut self, object: &Bound<'py, PyAny>) -> Option<Value> {
        if object.is_exact_instance_of::<PyString>() {
            return self.text(object).map(Value::Text);
        }
        if let Ok(truth) = object.cast_exact::<PyBool>() {
            return Some(Value::Bool(truth.is_true()));
        }
        if object.is_none() || object.is(self.opaque) {
            return Some(Value::Opaque);
        }
        number(object).map(Value::Int)
    }

    fn fact(&mut self, name: &Bound<'py, PyAny>, object: &Bound<'py, PyAny>) -> Option<Fact> {
        let name = self.text(name)?;
        let elements: Vec<Value> = if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            let few = Some(tuple).filter(|tuple| tuple.len() <= rules::MAX_FACTS)?;
            few.iter().map(|element| self.value(&element)).collect::<Option<_>>()?
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            let few = Some(list).filter(|list| list.len() <= rules::MAX_FACTS)?;
            few.iter().map(|element| self.value(&element)).collect::<Option<_>>()?
        } else {
            return Some(Fact::new(name, vec![self.value(object)?], false));
        };
        Some(Fact::new(name, elements, true))
    }
}

fn pairs<'py, T>(
    object: Option<&Bound<'py, PyAny>>,
    mut each: impl FnMut(&Bound<'py, PyAny>, &Bound<'py, PyAny>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(object) = object else {
        return Some(Vec::new());
    };
    let dict = object.cast_exact::<PyDict>().ok().filter(|dict| dict.len() <= rules::MAX_FACTS)?;
    dict.iter().map(|(name, value)| each(&name, &value)).collect()
}

fn run(object: &Bound<'_, PyAny>) -> Option<rules::Run> {
    if let Ok(path) = object.cast_exact::<PyString>() {
        return path.to_str().ok()?.split('/').map(segment).collect();
    }
    let pair = |segment: Bound<'_, PyAny>| {
        let segment = segment.cast_into_exact::<PyTuple>().ok().filter(|pair| pair.len() == 2)?;
        let (name, attempt) = (segment.get_item(0).ok()?, segment.get_item(1).ok()?);
        Some((text(&name)?, if attempt.is_none() { None } else { Some(number(&attempt)?) }))
    };
    object.cast_exact::<PyTuple>().ok()?.iter().map(pair).collect()
}

fn segment(text: &str) -> Option<(String, Option<i64>)> {
    let Some((name, attempt)) = text.split_once('@') else {
        return Some((text.to_owned(), None));
    };
    let written = attempt.bytes().all(|digit| digit.is_ascii_digit()) && !attempt.starts_with('0');
    Some((name.to_owned(), Some(attempt.parse().ok().filter(|_| written)?)))
}

#[pymethods]
impl Request {
    /// Make a request of plain values, or return None: attenuate.Request says what is wrong, or makes
    /// plain values of others.
    #[staticmethod]
    fn make(
        action: &Bound<'_, PyAny>,
        audience: &Bound<'_, PyAny>,
        run: Option<&Bound<'_, PyAny>>,
        facts: Option<&Bound<'_, PyAny>>,
        cost: Option<&Bound<'_, PyAny>>,
        binding: Option<&Bound<'_, PyAny>>,
        opaque: &Bound<'_, PyAny>,
    ) -> Option<Request> {
        let (action, audience) = (text(action)?, text(audience)?);
        let run = if let Some(run) = run { Some(self::run(run)?) } else { None };
        let mut copied = Facts { opaque, left: MAX_COPIED };
        let facts = pairs(facts, |name, value| copied.fact(name, value))?;
        let cost = pairs(cost, |unit, amount| Some((text(unit)?, number(amount)?)))?;
        let binding = match binding {
            Some(binding) => Some(binding.cast_exact::<PyBytes>().ok()?.as_bytes().try_into().ok()?),
            None => None,
        };
        let request = rules::Request::new(action, audience, run, facts, cost, binding);
        request.is_sound().then_some(Request(request))
    }

    /// The name of the verifier.
    #[getter]
    fn audience(&self) -> &str {
        &self.0.audience
    }

    /// The action.
    #[getter]
    fn action(&self) -> &str {
        &self.0.action
    }

    /// The cost by unit.
    #[getter]
    fn cost<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let cost = PyDict::new(py);
        for (unit, amount) in &self.0.cost {
            cost.set_item(unit, amount)?;
        }
        Ok(cost)
    }

    /// Return what it was made of: action, audience, run, facts, cost, binding.
    fn parts<'py>(&self, py: Python<'py>, opaque: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let one = |value: &Value| -> PyResult<Bound<'py, PyAny>> {
            Ok(match value {
                Value::Text(text) => text.into_pyobject(py)?.into_any(),
                Value::Int(n) => n.into_pyobject(py)?.into_any(),
                Value::Bool(truth) => truth.into_pyobject(py)?.to_owned().into_any(),
                Value::Opaque => opaque.clone(),
            })
        };
        let facts = PyDict::new(py);
        for fact in self.0.facts_as_stated() {
            let mut values = fact.values.iter().map(one).collect::<PyResult<Vec<_>>>()?;
            match values.pop().filter(|_| !fact.is_list) {
                Some(value) => facts.set_item(&fact.name, value)?,
                None => {
                    let values = fact.values.iter().map(one).collect::<PyResult<Vec<_>>>()?;
                    facts.set_item(&fact.name, PyTuple::new(py, values)?)?;
                }
            }
        }
        let binding = self.0.binding.map(|binding| PyBytes::new(py, &binding));
        let run = match &self.0.run {
            Some(run) => Some(PyTuple::new(py, run)?),
            None => None,
        };
        (&self.0.action, &self.0.audience, run, facts, self.cost(py)?, binding).into_pyobject(py)
    }
}

#[pymethods]
impl Ring {
    /// Make a ring of (key id, COSE algorithm, 32 bytes).
    #[new]
    fn new(keys: Vec<(String, i64, [u8; 32])>) -> Self {
        let made = keys.into_iter().map(|(id, alg, key)| (id, rules::Key::new(alg == rules::ED25519, key)));
        Ring(rules::Ring::new(made))
    }
}

#[pymethods]
impl Cache {
    /// Make a memory of about this many bytes.
    #[new]
    fn new(max_bytes: usize) -> Self {
        Cache(rules::Cache::new(max_bytes), max_bytes)
    }

    /// Return hits, misses, entries, bytes and most bytes.
    fn info(&self) -> (u64, u64, usize, usize, usize) {
        let info = self.0.info();
        (info.hits, info.misses, info.entries, info.bytes, self.1)
    }
}

// --- Rust to Python -------------------------------------------------------------------------------
#[pymethods]
impl Chain {
    /// Return COSE algorithm, key id, the bytes of each block, h[0] to h[n], the key's fingerprint, size.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let chain = &self.0;
        let alg = if chain.signed { rules::ED25519 } else { rules::HMAC };
        let blocks = PyTuple::new(py, chain.raws().map(|raw| PyBytes::new(py, raw)))?;
        let hashes = PyTuple::new(py, chain.hashes.iter().map(|h| PyBytes::new(py, h)))?;
        let fingerprint = PyBytes::new(py, &chain.fingerprint);
        (alg, &chain.key_id, blocks, hashes, fingerprint, chain.size()).into_pyobject(py)
    }
}

#[pymethods]
impl Denied {
    /// Return the chain and proof, (code, block, key) of each failure, and a note on each approval.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let why = &self.0;
        let failures = why.failures.iter().map(|each| failure(py, each)).collect::<PyResult<Vec<_>>>()?;
        let notes = why.notes.iter().map(|each| note(py, each)).collect::<PyResult<Vec<_>>>()?;
        (pair(py, &why.chain, why.proof)?, failures, notes).into_pyobject(py)
    }
}

#[pymethods]
impl Allowed {
    /// Return the chain and proof, and those of each approval that counted.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let approved = self.0.approved.iter().map(|(chain, proof)| pair(py, chain, *proof));
        let approved = PyTuple::new(py, approved.collect::<PyResult<Vec<_>>>()?)?;
        (pair(py, &self.0.chain, self.0.proof)?, approved).into_pyobject(py)
    }

    /// Return (h[n], kind of proof, its iat, its nonce) of the token, and of each approval that counted.
    fn tips<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let all = std::iter::once((&self.0.chain, &self.0.proof));
        let all = all.chain(self.0.approved.iter().map(|(chain, proof)| (chain, proof)));
        let tips = all.map(|(chain, proof)| {
            let h = PyBytes::new(py, chain.hashes.last().map_or(&[][..], |h| h));
            match proof {
                Proof::Bearer => (h, 0, 0, PyBytes::new(py, b"")),
                Proof::Sealed => (h, 1, 0, PyBytes::new(py, b"")),
                Proof::Bound { iat, nonce, .. } => (h, 2, *iat, PyBytes::new(py, nonce)),
            }
        });
        PyTuple::new(py, tips.collect::<Vec<_>>())
    }
}

fn pair<'py>(py: Python<'py>, chain: &Arc<rules::Chain>, proof: Proof) -> PyResult<Bound<'py, PyTuple>> {
    let proof = match proof {
        Proof::Bearer => (0, 0, PyBytes::new(py, b""), PyBytes::new(py, b"")),
        Proof::Sealed => (1, 0, PyBytes::new(py, b""), PyBytes::new(py, b"")),
        Proof::Bound { iat, nonce, binding } => {
            (2, iat, PyBytes::new(py, &nonce), PyBytes::new(py, &binding))
        }
    };
    (Chain(chain.clone()), proof).into_pyobject(py)
}

fn failure<'py>(py: Python<'py>, failure: &rules::Failure) -> PyResult<(u8, usize, Bound<'py, PyAny>)> {
    let key = match &failure.key {
        CaveatKey::None => py.None().into_bound(py),
        CaveatKey::Number(key) => key.into_pyobject(py)?.into_any(),
        CaveatKey::Name(key) => key.into_pyobject(py)?.into_any(),
    };
    Ok((failure.code as u8, failure.block, key))
}

fn note<'py>(py: Python<'py>, note: &Option<Note>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match note {
        None => py.None().into_bound(py),
        Some(Note::Form(why)) => (*why as u8).into_pyobject(py)?.into_any(),
        Some(Note::Doubt(why)) => (*why as u8,).into_pyobject(py)?.into_any(),
        Some(Note::Failure(chain, proof, why)) => {
            (pair(py, chain, *proof)?, failure(py, why)?).into_pyobject(py)?.into_any()
        }
    })
}

/// An Allowed; or (0, fault, number, part), (1, doubt, key id, number), (2, code, block, key, Denied).
fn answer<'py>(py: Python<'py>, result: Result<rules::Allowed, Refusal>) -> PyResult<Bound<'py, PyAny>> {
    let tuple = match result {
        Ok(allowed) => return Ok(Bound::new(py, Allowed(allowed))?.into_any()),
        Err(Refusal::Malformed(fault, part)) => (0, fault.0 as u8, fault.1, part).into_pyobject(py)?,
        Err(Refusal::Doubted(why)) => (1, why.doubt as u8, why.key_id, why.number).into_pyobject(py)?,
        Err(Refusal::Forbidden(why)) => {
            let (code, block, key) = failure(py, why.first())?;
            (2, code, block, key, Denied(why)).into_pyobject(py)?
        }
    };
    Ok(tuple.into_any())
}

// --- verifying ------------------------------------------------------------------------------------
/// What both functions take. `ask`: (chain, block, key) -> bool or None, for extension caveats; it may
/// raise, and then there is no answer but its exception.
struct Call<'a> {
    question: Question<'a>,
    ask: Option<&'a Py<PyAny>>,
    all: bool,
}

impl Call<'_> {
    fn decide(&self, opened: rules::Opened) -> PyResult<Result<rules::Allowed, Refusal>> {
        let mut raised = None;
        let mut ask = |chain: &Arc<rules::Chain>, block: usize, key: &str| {
            let ask = self.ask.filter(|_| raised.is_none())?;
            Python::attach(|py| match ask.call1(py, (Chain(chain.clone()), block, key)) {
                Ok(said) if said.is_none(py) => None,
                Ok(said) => Some(said.bind(py).cast::<PyBool>().is_ok_and(|said| said.is_true())),
                Err(error) => {
                    raised = Some(error);
                    None
                }
            })
        };
        let result = rules::decide(opened, &self.question, &mut ask, self.all);
        raised.map_or(Ok(result), Err)
    }

    fn one(&self, text: &str) -> PyResult<Result<rules::Allowed, Refusal>> {
        match rules::open(text, &self.question) {
            Ok(opened) => self.decide(opened),
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}

/// Verify a token; None for what is no str of Unicode, or without a request. all: every failure of V6 and V7.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn verify<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyAny>,
    request: Option<&Bound<'py, Request>>,
    ring: &Bound<'py, Ring>,
    now: i64,
    leeway: i64,
    max_lifetime: Option<i64>,
    cache: Option<&Bound<'py, Cache>>,
    ask: Option<Py<PyAny>>,
    all: bool,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let text = text.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
    let Some((text, request)) = text.zip(request) else {
        return Ok(None);
    };
    let call = Call {
        question: Question {
            request: &request.get().0,
            ring: &ring.get().0,
            now,
            rules: rules::Rules { leeway, max_lifetime },
            cache: cache.map(|cache| &cache.get().0),
        },
        ask: ask.as_ref(),
        all,
    };
    let result = match rules::open(text, &call.question) {
        Ok(opened) if opened.is_slow() => py.detach(|| call.decide(opened))?,
        Ok(opened) => call.decide(opened)?,
        Err(refusal) => Err(refusal),
    };
    answer(py, result).map(Some)
}

/// Verify many tokens, each for its request, while other threads run.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn verify_many<'py>(
    py: Python<'py>,
    asked: Vec<(String, Py<Request>)>,
    ring: &Bound<'py, Ring>,
    now: i64,
    leeway: i64,
    max_lifetime: Option<i64>,
    cache: Option<&Bound<'py, Cache>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let (ring, cache) = (&ring.get().0, cache.map(|cache| &cache.get().0));
    let rules = rules::Rules { leeway, max_lifetime };
    let results = py.detach(|| {
        let each = |(text, request): &(String, Py<Request>)| {
            let question = Question { request: &request.get().0, ring, now, rules, cache };
            Call { question, ask: None, all: false }.one(text)
        };
        asked.iter().map(each).collect::<PyResult<Vec<_>>>()
    })?;
    results.into_iter().map(|result| answer(py, result)).collect()
}

/// Say whether an Ed25519 signature is strictly valid.
#[pyfunction]
fn ed25519_verify(public: [u8; 32], signature: [u8; 64], message: &[u8]) -> bool {
    rules::chain::public(&public).is_some_and(|public| rules::chain::verify(&public, &signature, message))
}

/// The native engine of attenuate.
#[pymodule]
fn attenuate_kernel(module: &Bound<'_, PyModule>) -> PyResult<()> {
    rules::chain::prepare();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Request>()?;
    module.add_class::<Ring>()?;
    module.add_class::<Cache>()?;
    module.add_class::<Chain>()?;
    module.add_class::<Allowed>()?;
    module.add_class::<Denied>()?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(verify_many, module)?)?;
    module.add_function(wrap_pyfunction!(ed25519_verify, module)?)
}
