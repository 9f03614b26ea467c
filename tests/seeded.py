"""Faults put in: one line of the kernel's source changed and built anew, or one function of the Python engine.

    python tests/engines.py --controls [--only depth]

Both engines are then asked as in a campaign until they differ. A fault that is not found means that the
cases are too narrow; a line that is not in the source means that it has moved, and this table with it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import engines

from attenuate import verify as python
from attenuate.cache import Cache
from attenuate.faults import Fault

HERE = Path(__file__).resolve().parent
KERNEL = HERE.parent / "kernel"
DRAWN, MUTATED = 60_000, 30_000
"""Cases that are asked at most before a fault counts as not found."""


class Line(NamedTuple):
    """A line of the kernel that says something else. file: in rules/src, or lib.rs of the binding."""

    name: str
    file: str
    old: str
    new: str
    also: tuple[str, str] = ("", "")


LINES = [
    # sizes, text, encoding
    Line("a character more in a token", "text.rs", "if text.len() > limits::MAX_TOKEN_TEXT && ", "if text.len() > limits::MAX_TOKEN_TEXT + 1 && "),
    Line("a character more in the whole", "text.rs", "(text.len() > limits::MAX_TEXT && ", "(text.len() > limits::MAX_TEXT + 1 && "),
    Line("five approvals", "limits.rs", "MAX_APPROVALS: usize = 4", "MAX_APPROVALS: usize = 5"),
    Line("unused bits or the alphabet", "text.rs", "_ if !canonical.contains(&last) =>", "_ if last == 0 =>"),
    Line("the order of keys is not looked at", "cbor.rs", "&& &b[i..end] <= last {", "&& &b[i..end] < last && false {"),
    Line("a key twice", "cbor.rs", "&& &b[i..end] <= last {", "&& &b[i..end] < last {"),
    Line("long spellings", "cbor.rs", "    if n < least {", "    if n < least && size > 1 {"),
    Line("nesting of 7", "limits.rs", "MAX_DEPTH: u64 = 6", "MAX_DEPTH: u64 = 7"),
    Line("any bytes as text", "cbor.rs", "std::str::from_utf8(text).is_err()", "text.len() > 4096"),
    Line("17 blocks", "limits.rs", "MAX_BLOCKS: u64 = 16", "MAX_BLOCKS: u64 = 17"),
    Line("33 units", "limits.rs", "MAX_UNITS: u64 = 32", "MAX_UNITS: u64 = 33"),
    Line("65 grants", "limits.rs", "MAX_GRANTS: u64 = 64", "MAX_GRANTS: u64 = 65"),
    Line("a block of 4097 bytes", "limits.rs", "MAX_BLOCK: usize = 4 * 1024", "MAX_BLOCK: usize = 4 * 1024 + 1"),
    Line("a depth of 16", "limits.rs", "MAX_DEPTH_CAVEAT: i64 = 15", "MAX_DEPTH_CAVEAT: i64 = 16"),
    Line("a run of 9", "limits.rs", "MAX_RUN: u64 = 8", "MAX_RUN: u64 = 9"),
    Line("a time of 2^53", "limits.rs", "SAFE_MAX: i64 = (1 << 53) - 1", "SAFE_MAX: i64 = 1 << 53"),
    Line("a key id of 129", "limits.rs", "MAX_KEY_ID: usize = 128", "MAX_KEY_ID: usize = 129"),
    Line("a short nonce in block 0", "limits.rs", "MIN_ROOT_NONCE: usize = 16", "MIN_ROOT_NONCE: usize = 15"),
    # shapes and grammars
    Line("an escape in a path", "grammar.rs", "!(control || byte == b'\\\\' || escape)", "!(control || byte == b'\\\\' || (escape && false))"),
    Line("a control character in a path", "grammar.rs", "|| (before == 0xc2 && byte < 0xa0)", "|| (before == 0xc2 && byte < 0x90)"),
    Line("a home in a path", "grammar.rs", 'if body.starts_with(b"~")', 'if body.starts_with(b"~/")'),
    Line("numbers as hosts", "grammar.rs", "!number || is_quad(text)", "true"),
    Line("long labels", "grammar.rs", "(1..=63).contains(&label.len())", "(1..=64).contains(&label.len())"),
    Line("a pattern takes its beginning", "grammar.rs", "action.len() >= pattern.len() && ", "action.len() + 1 >= pattern.len() && "),
    Line("only in a deny", "block.rs", "if denied && only {", "if denied && only && optional {"),
    Line("a quorum beyond the keys", "block.rs", "limits::MAX_QUORUM.min(keys.len() as i64)", "limits::MAX_QUORUM.min(keys.len() as i64 + 1)"),
    # keys, links, proofs
    Line("keys of small order", "chain.rs", ".filter(|key| !key.is_weak())", ""),
    Line("signatures of small order", "chain.rs", "!SMALL.iter().any(|point| point == &signature[..32])", "signature.len() > SMALL.len()"),
    Line("the next key is the first", "trust.rs", "*last = next_key(&block);", "*last = if index > 0 { next_key(&block) } else { *last.clone() };"),
    Line("a lease of another audience", "trust.rs", "if serves.is_some_and(|serves| serves != question.request.audience) {", "if serves.is_some_and(|serves| serves.is_empty()) {"),
    Line("the algorithm is the token's", "trust.rs", "if key.signed != frame.signed {", "if key.signed != frame.signed && frame.signed {"),
    Line("a binding is not compared", "trust.rs", "!mine.is_some_and(|mine| chain::same(&mine, &binding))", "mine.is_none()"),
    Line("a proof of 61 seconds", "trust.rs", "question.now.abs_diff(iat) > SKEW as u64", "question.now.abs_diff(iat) > SKEW as u64 + 1"),
    Line("the proof always holds", "trust.rs", "if !proves(frame, &last, h) {", "if !proves(frame, &last, h) && !frame.signed {"),
    # memory
    Line("a memory without signatures", "cache.rs", "known.chain.fingerprint == *key && known.chain.signed_as(frame)", "known.chain.fingerprint == *key"),
    Line("a memory without keys", "verify.rs", "&& key.fingerprint == chain.fingerprint", "&& key.fingerprint.len() == chain.fingerprint.len()"),
    Line("a memory of another audience", "verify.rs", "&& serves.is_none_or(|serves| serves == audience)", ""),
    Line("a memory of bound proofs", "verify.rs", "(question.cache, proof)", "(question.cache, Proof::Sealed)"),
    # structure
    Line("a block that is not complete", "clear.rs", "root.get(AUDIENCE).is_some()\n        && ", ""),
    Line("an attempt that is open", "clear.rs", "\n        && segments(run).all(|(_, attempt)| attempt.is_some())", "\n        && segments(run).len() > 0"),
    Line("issued 61 seconds ahead", "clear.rs", "issued_at <= case.now.saturating_add(SKEW)", "issued_at <= case.now.saturating_add(SKEW + 1)"),
    Line("issued later", "clear.rs", "index == 0 || block.get(ISSUED_AT).is_none()", "index < 99"),
    Line("the depth is not looked at", "clear.rs", "block.int(DEPTH).is_none_or(|depth| after <= depth)", "block.int(DEPTH).is_none_or(|depth| after <= depth + 99)"),
    Line("the cap is exclusive", "clear.rs", "is_none_or(|cap| lived <= cap)", "is_none_or(|cap| lived < cap)"),
    Line("an approval as a lease", "clear.rs", "block.get(FOR).is_none() || in_place", "block.get(FOR).is_none() || index == 0"),
    Line("bound is not looked at", "clear.rs", "block.get(BOUND).is_none() || case.bound", "block.get(BOUND).is_none() || case.bound || index > 0"),
    # caveats
    Line("attempts are not compared", "clear.rs", "if attempt.is_some() && attempt != *my_attempt {", "if attempt.is_some() && my_attempt.is_none() {"),
    Line("the last of the longest runs", "clear.rs", "if run.len() > longest.len() {", "if run.len() >= longest.len() {"),
    Line("not before, exclusive", "clear.rs", "case.now >= c.int(SAFE_MAX) - rules.leeway", "case.now > c.int(SAFE_MAX) - rules.leeway"),
    Line("expires, inclusive", "clear.rs", "case.now < c.int(0) + rules.leeway", "case.now <= c.int(0) + rules.leeway"),
    Line("leeway twice", "clear.rs", "case.now < c.int(0) + rules.leeway", "case.now < c.int(0) + 2 * rules.leeway"),
    Line("one pattern is enough", "clear.rs", "    if !any_matches(c, &request.action) {", "    if !any_matches(c, &request.action) && keys == 1 {"),
    Line("only is not looked at", "clear.rs", "_ => return !has_unnamed(facts, request),", "_ => return !(has_unnamed(facts, request) && keys > 3),"),
    Line("arguments that are hidden", "clear.rs", "request.arguments().any(&mut unnamed) || request.hides_arguments()", "request.arguments().any(&mut unnamed)"),
    Line("one fact rules a deny in", "clear.rs", "!constraints(grant).any(|(name, constraint)| constraint.ruled_out", "!constraints(grant).all(|(name, constraint)| constraint.ruled_out"),
    Line("where any holds", "clear.rs", "(constraints(c).all(|(name", "(constraints(c).any(|(name"),
    Line("costs of calls", "clear.rs", 'unit == b"calls" || request.costs(unit)', "request.costs(unit)"),
    Line("an extension nobody knows", "clear.rs", "None => (Code::Unknown, Key::Name(key)),", "None => (Code::Extension, Key::Name(key)),"),
    # constraints and facts
    Line("an opaque element is told", "constraint.rs", "_ => !fact.is_opaque(),", "_ => fact.is_list || !fact.is_opaque(),",
         ("fact.values.iter().all(|value| self.told(value)", "fact.values.iter().all(|value| *value == Value::Opaque || self.told(value)")),
    Line("an empty list holds", "constraint.rs", "if !tellable || fact.values.is_empty() {", "if !tellable {"),
    Line("optional is not looked at", "constraint.rs", "            None => self.optional,", "            None => self.optional && self.kind != UNDER,"),
    Line("hidden facts are absent", "constraint.rs", "None if request.hidden(name) => self.kind == PRESENT,", "None if request.hidden(name) => self.kind == PRESENT || self.optional,"),
    Line("types do not count", "constraint.rs", "                comparable.then_some(found == (self.kind == ONE_OF))", "                Some(found == (self.kind == ONE_OF))"),
    Line("types do not count in long lists", "constraint.rs", "comparable.then_some((sorted.get(at)", "Some((sorted.get(at)"),
    Line("the neighbour in long lists", "constraint.rs", "sorted.get(at) == Some(&value)", "sorted.get(at.saturating_sub(1)) == Some(&value)"),
    Line("between, exclusive", "constraint.rs", "least <= *n && *n <= at.int(i64::MAX)", "least <= *n && *n < at.int(i64::MAX)"),
    Line("the other kind of path", "constraint.rs", "(!other_kind).then_some(false)", "(!other_kind || is_absolute).then_some(false)"),
    Line("a path below by its letters", "constraint.rs", "rest.is_empty() || rest[0] == b'/' || operand == b\"/\"", "!rest.starts_with(b\".\") || operand == b\"/\""),
    Line("a zone by its letters", "constraint.rs", 'rest.is_empty() || rest.ends_with(b".")', 'rest.is_empty() || !rest.ends_with(b"-")'),
    Line("what is above is not looked at", "request.rs", "self.fact(&name[..dot]).is_some_and(Fact::is_opaque)", "self.fact(&name[..dot]).is_some_and(|fact| fact.is_opaque() && !fact.is_list)"),
    Line("a cost of calls", "request.rs", '(unit != "calls" || *amount == 1)', '(unit != "calls" || *amount >= 0)'),
    # approvals
    Line("a quorum less", "approval.rs", "if signed.len() < demand.quorum {", "if signed.len() + 1 < demand.quorum {"),
    Line("one key twice", "approval.rs", "if again || signed.len() == demand.quorum {", "if (again && at > 99) || signed.len() == demand.quorum {"),
    Line("key ids in capitals", "approval.rs", ".eq(text.bytes())", ".eq(text.to_ascii_lowercase().bytes())"),
    Line("an approval charged twice", "approval.rs", "                    charged[at] = true;", "                    charged[at] = at > 99;"),
    Line("an approval for another block", "approval.rs", "if root.bytes(FOR) != Some(asked_for) {", "if root.bytes(FOR).is_none() {"),
    Line("an approval of no calls", "approval.rs", 'units(budget).any(|unit| unit == b"calls")', "units(budget).any(|unit| !unit.is_empty())"),
    Line("an approval that asks", "approval.rs", "asks().then_some(", "(asks() && root.get(APPROVAL).is_some()).then_some("),
    Line("a bearer as an approval", "approval.rs", "return Some(Uncounted::Bearer);", "return None;"),
    Line("approvals' caveats are not looked at", "approval.rs", "match failures(&own, handlers, false).pop() {", "match failures(&own, handlers, false).pop().filter(|failure| failure.block == 0) {"),
    Line("which approval was looked at", "approval.rs", "None => Some(Note::Form(Uncounted::NotAsked)),", "None => None,"),
    # the binding to Python
    Line("a run's attempts with zeros", "lib.rs", " && !attempt.starts_with('0')", ""),
    Line("a run of three", "lib.rs", ".filter(|pair| pair.len() == 2)", ".filter(|pair| pair.len() > 1)"),
    Line("truth as a number", "lib.rs", "return Some(Value::Bool(truth.is_true()));", "return Some(Value::Int(i64::from(truth.is_true())));"),
    Line("a handler's answer", "lib.rs", "said.is_true()", "said.is_true() || true"),
]  # fmt: skip


# --- the Python engine --------------------------------------------------------------------------------
def forgives(code: str) -> Callable[[], Any]:
    """Return what makes a clear that forgives one code."""
    sound = python.failures
    return lambda: lambda case: (failure for failure in sound(case) if failure.code != code)


def always(said: Any) -> Callable[[], Any]:
    return lambda: lambda *asked, **more: said


def _backwards() -> Any:
    sound = python.failures
    return lambda case: iter([*sound(case)][::-1])


def _without_signatures() -> Any:
    get = Cache.get

    def found(self: Any, key: Any) -> Any:
        known = (
            each for each in (*self._young, *self._old) if isinstance(each, tuple) and each[:2] == key[:2]
        )
        return get(self, next(known, key) if isinstance(key, tuple) else key)

    return found


def _of_another_number() -> Any:
    sound = python.read_frame.__globals__["malformed"]
    return lambda fault, number=0: sound(Fault.HEADER if fault == Fault.COUNTS else fault, number)


PATCHES: dict[str, tuple[str, Callable[[], Any]]] = {
    **{f"{code} is forgiven": ("attenuate.verify.failures", forgives(code)) for code in (
        "structure", "issued_at", "depth", "lifetime", "for", "bound", "run", "attempt", "audience", "not_before", "expires",
        "allow", "deny", "where", "budget", "unknown_caveat", "acme/x",
    )},
    "failures in another order": ("attenuate.verify.failures", _backwards),
    "the proof always holds": ("attenuate.verify._proves", always(True)),
    "small orders": ("attenuate.ed25519._sound", always(True)),
    "a use is not looked at": ("attenuate.verify._check_use", always(None)),
    "any form of approval": ("attenuate.verify._form", always(None)),
    "why an approval does not count": ("attenuate.verify.refusing", always("no")),
    "a memory without signatures": ("attenuate.cache.Cache.get", _without_signatures),
    "the order of keys": ("attenuate.codec.ordered", always(None)),
    "another fault": ("attenuate.token.malformed", _of_another_number),
    "a limit of 8191": ("attenuate.limits.MAX_TOKEN_TEXT", lambda: 8191),
    "nesting of 5": ("attenuate.limits.MAX_DEPTH", lambda: 5),
    "a skew of 59": ("attenuate.limits.SKEW", lambda: 59),
    "words of a doubt": ("attenuate.verify.doubted", lambda: lambda doubt, key_id, number, **more: python.Forbidden(python.doubted(doubt, key_id, number, **more).code)),
}  # fmt: skip


# --- trying them ------------------------------------------------------------------------------------
def build_kernel(source: Path, to: Path) -> None:
    """Build a kernel, quickly rather than well, and put its module into a folder."""
    target = source.parent / "target"
    quick = ("profile.release.lto=false", "profile.release.codegen-units=16", "profile.release.opt-level=2")
    command = ["cargo", "build", "--release", "--quiet", "--features", "pyo3/extension-module"]
    command += [part for each in quick for part in ("--config", each)]
    done = subprocess.run(
        command,
        cwd=source,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    to.mkdir(parents=True)
    shutil.copy(target / "release" / "libattenuate_kernel.so", to / "attenuate_kernel.abi3.so")


def ask(folder: Path, seed: int) -> dict[str, Any]:
    """Ask both engines with the kernel of a folder until they differ; return the first difference."""
    paths = [str(folder), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(HERE / "engines.py"), "--until-found", "--seed", str(seed)]
    command += ["--random", str(DRAWN), "--mutated", str(MUTATED)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise RuntimeError(done.stderr[-2000:])
    said: dict[str, Any] = json.loads(done.stdout)
    if Path(said["kernel"]).parent != folder:
        raise RuntimeError(f"another kernel was loaded: {said['kernel']}")
    found = done.returncode == 3
    return {
        "found": found,
        "cases": said["cases"],
        **({"how": said["how"], "kind": said["kind"][:40]} if found else {}),
    }


def kernel_controls(lines: list[Line], seed: int, processes: int) -> dict[str, Any]:
    """Try each changed line; "as it is" must not differ, or nothing here means anything."""
    runs: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="attenuate-seeded-") as temporary,
        ThreadPoolExecutor(processes) as pool,
    ):
        source = Path(temporary) / "kernel"
        shutil.copytree(KERNEL, source, ignore=shutil.ignore_patterns("target", "fuzz"))
        for number, line in enumerate([Line("as it is", "lib.rs", "", ""), *lines]):
            path = source / ("src" if line.file == "lib.rs" else "rules/src") / line.file
            sound, folder = path.read_text(encoding="utf-8"), Path(temporary) / str(number)
            try:
                path.write_text(changed(line, sound), encoding="utf-8")
                build_kernel(source, folder)
                runs[line.name] = pool.submit(_asked, line.name, folder, seed)
            except RuntimeError as fault:
                runs[line.name] = _told("kernel", line.name, {"found": False, "error": str(fault)})
            finally:
                path.write_text(sound, encoding="utf-8")
        return {name: run if isinstance(run, dict) else run.result() for name, run in runs.items()}


def changed(line: Line, text: str) -> str:
    """Return a source with a line changed; raises RuntimeError where it is not there once."""
    for old, new in filter(any, ((line.old, line.new), line.also)):
        if text.count(old) != 1:
            raise RuntimeError(f"{text.count(old)} times in {line.file}: {old}")
        text = text.replace(old, new)
    return text


def _asked(name: str, folder: Path, seed: int) -> dict[str, Any]:
    try:
        return _told("kernel", name, ask(folder, seed))
    except RuntimeError as fault:
        return _told("kernel", name, {"found": False, "error": str(fault)})


def python_controls(names: list[str], seed: int) -> dict[str, Any]:
    """Try each patch of the Python engine."""
    out = {}
    for name in names:
        place, fault = PATCHES[name]
        with mock.patch(place, fault()):
            out[name] = _told("python", name, engines.first_difference(DRAWN, MUTATED, seed))
    return out


def _told(engine: str, name: str, run: dict[str, Any]) -> dict[str, Any]:
    said = run.get("error") or (
        f"found after {run['cases']:,}" if run["found"] else f"NOT FOUND in {run['cases']:,}"
    )
    print(f"{engine}: {name}: {said}", file=sys.stderr, flush=True)
    return run


def controls(seed: int, *, only: str = "", processes: int = 1) -> dict[str, Any]:
    """Try all, or those whose name has a text, and return the record."""
    start = time.monotonic()
    random.seed(seed)
    patches = python_controls([name for name in PATCHES if only in name], seed)
    kernel = kernel_controls([line for line in LINES if only in line.name], seed, processes)
    sound = kernel.pop("as it is")
    faults = [*kernel.values(), *patches.values()]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": engines.versions(),
        "seed": seed,
        "seconds": round(time.monotonic() - start),
        "as it is": sound,
        "faults": len(faults),
        "found": sum(each["found"] for each in faults),
        "kernel": kernel,
        "python": patches,
        "ok": all(each["found"] for each in faults) and not sound["found"] and "error" not in sound,
    }
