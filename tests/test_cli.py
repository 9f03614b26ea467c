"""The command line: transcripts, exit codes, JSON, colour, and no secret that was not asked for.

A transcript is commands and what they print: stdout, then stderr, then the exit code where it is
not 0. Tokens and ids are different each time and stand as <token> and <hex>. To write the outputs
anew after reading the difference: ATTENUATE_TRANSCRIPTS=write pytest tests/test_cli.py
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attenuate import Forbidden, KeyRing, Malformed, Refused, Unavailable, Untrusted, __version__
from attenuate.cli import main
from attenuate.cli.output import CommandError, Console
from attenuate.cli.style import redacted, safe, wants_colour
from attenuate.cli.terms import read_constraint, read_grant

ROOT = Path(__file__).parent.parent
TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
VARYING = (
    (re.compile(r"lease1_[A-Za-z0-9_~-]{40,}"), "<token>"),
    (re.compile(r"attenuate_ed25519_public_[A-Za-z0-9_-]+"), "<public key>"),
    (re.compile(r'"(?:[0-9a-f]{32}|[0-9a-f]{16})"'), '"<hex>"'),
    (re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b"), "<hex>"),
    (re.compile(r"\b[0-9a-f]{12}…"), "<hex>…"),
)


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `attenuate …` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("ATTENUATE_STORE", raising=False)

    def attenuate(*words: str, stdin: str | bytes = b"") -> Done:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        capsys.readouterr()
        code = main(list(words))
        return Done(code, *capsys.readouterr())

    return attenuate


# --- transcripts ----------------------------------------------------------------------------------
def normal(text: str) -> str:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    # the list of choices is argparse's, and its quoting differs between versions of Python
    return re.sub(r"\(choose from [^)]*\)", "(choose from …)", text)


def played(line: str, run: Run) -> str:
    """Return what a `$ ` line prints; `>` and `<` stand before a file, as in a shell."""
    words = shlex.split(line.removeprefix("$ "))
    target = source = None
    if ">" in words:
        at = words.index(">")
        target = Path(words[at + 1])
        del words[at : at + 2]
    if "<" in words:
        at = words.index("<")
        source = Path(words[at + 1])
        del words[at : at + 2]
    if words[0] == "echo":
        done = Done(0, words[1] + "\n", "")
    else:
        assert words[0] == "attenuate"
        done = run(*words[1:], stdin=source.read_bytes() if source and source.exists() else b"")
    out = done.out
    if target is not None:
        target.write_text(out)
        out = ""
    code = f"[exit {done.code}]\n" if done.code else ""
    return normal(out + done.err + code)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, run: Run) -> None:
    expected = path.read_text(encoding="utf-8")
    comment = [line for line in expected.splitlines() if line.startswith("# ")]
    commands = [line for line in expected.splitlines() if line.startswith("$ ")]
    got = "".join(f"{line}\n" for line in comment) + "".join(
        f"{line}\n{played(line, run)}" for line in commands
    )
    if os.environ.get("ATTENUATE_TRANSCRIPTS") == "write":
        path.write_text(got, encoding="utf-8")
    assert got == expected


def test_transcripts_are_there() -> None:
    assert {path.stem for path in TRANSCRIPTS} == {"keys", "lease", "mistakes", "proofs", "state", "words"}


# --- what was made --------------------------------------------------------------------------------
@pytest.fixture
def lease(run: Run) -> str:
    """A token under attenuate.keys, for agt_1@2 at x: b on c under src."""
    assert run("keys", "new", "k1").code == 0
    done = run("issue", "--run", "agt_1@2", "--audience", "x", "--ttl", "15m", "--allow", "b c=under:src")
    assert done.code == 0
    return done.out.strip()


ASK = ("--audience", "x", "--action", "b", "--fact", "c=src/d")


def test_key_files_are_their_owners_alone(run: Run) -> None:
    old = os.umask(0)
    try:
        run("keys", "new", "k1")
        run("keys", "rotate", "k2")
        run("keys", "publish", "--audience", "x", "--out", "x.keys")
    finally:
        os.umask(old)
    for name in ("attenuate.keys", "x.keys"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
    assert list(KeyRing.load("attenuate.keys")) == ["k1", "k2"]
    assert list(KeyRing.load("x.keys")) == ["k1/x", "k2/x"]


def test_an_open_key_file_is_refused(run: Run, lease: str) -> None:
    Path("attenuate.keys").chmod(0o644)
    done = run("verify", *ASK, stdin=lease)
    assert done.code == 1
    assert "chmod 600 attenuate.keys" in done.err


def test_nothing_is_overwritten(run: Run, lease: str) -> None:
    before = Path("attenuate.keys").read_bytes()
    assert run("keys", "new", "k1").code == 1
    assert run("keys", "publish", "--audience", "x", "--out", "attenuate.keys").code == 1
    assert Path("attenuate.keys").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["attenuate.keys"]  # and nothing is left over


# --- tokens from everywhere -----------------------------------------------------------------------
def test_a_token_comes_from_an_argument_a_file_or_stdin(run: Run, lease: str) -> None:
    Path("t").write_text(lease + "\n")
    Path("crlf").write_bytes(lease.encode() + b"\r\n")
    answers = {
        run("verify", *ASK, lease).out,
        run("verify", *ASK, "--token-file", "t").out,
        run("verify", *ASK, "--token-file", "crlf").out,
        run("verify", *ASK, "--token-file", "-", stdin=lease).out,
        run("verify", *ASK, "-", stdin=lease + "\n").out,
        run("verify", *ASK, stdin=lease).out,
    }
    assert len(answers) == 1
    assert answers.pop().startswith("allowed b at x for agt_1@2\n")


@pytest.mark.parametrize("wrong", [" {}", "{}\n\n", "{} ", "\n{}"], ids=repr)
def test_only_one_line_end_is_taken_off(run: Run, lease: str, wrong: str) -> None:
    assert run("inspect", stdin=wrong.format(lease)).code == 3


def test_input_that_is_no_text_or_far_too_long_is_malformed(run: Run) -> None:
    assert run("inspect", stdin=b"\xff\xfe\x00").code == 3
    assert run("inspect", stdin=b"lease1_" + b"A" * 10_000_000).code == 3


# --- exit codes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Malformed("cbor"), 3),
        (Untrusted("proof"), 4),
        (Forbidden("allow", block=1), 5),
        (Refused("replay"), 6),
        (Unavailable("store"), 7),
        (CommandError("no"), 2),
        (FileNotFoundError(2, "No such file", "f"), 1),
        (RuntimeError("?"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_exit_code_is_the_stages(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert Console(as_json=False).fail(error) == code
    assert capsys.readouterr().err.startswith("error: ")
    assert Console(as_json=True).fail(error) == code
    said = json.loads(capsys.readouterr().out)
    assert said["error"]["code"] == getattr(error, "code", None) or said["error"]["stage"] in (
        "usage",
        "error",
    )


def test_help_tells_the_exit_codes(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for line in (
        "0  ok",
        "1  other",
        "2  usage",
        "3  malformed",
        "4  untrusted",
        "5  forbidden",
        "6  refused",
        "7  unavailable",
    ):
        assert line in done.out
    for command in (
        "keys new",
        "keys show",
        "issue",
        "narrow",
        "seal",
        "present",
        "inspect",
        "verify",
        "lease revoke",
        "lease suspend",
        "lease resume",
        "budget show",
        "budget top-up",
        "budget holds",
        "ledger status",
        "ledger serve",
        "doctor",
        "demo",
    ):
        assert run(*command.split(), "--help").code == 0
    assert run("--version").out == f"attenuate {__version__}\n"


# --- JSON -----------------------------------------------------------------------------------------
def test_every_command_answers_one_json_object(run: Run) -> None:
    minting = ("--run", "agt_1@2", "--audience", "x", "--ttl", "15m", "--allow", "b c=under:src")
    assert set(json.loads(run("keys", "new", "k1", "--json").out)) == {"file", "keys"}
    token = json.loads(run("issue", *minting, "--json").out)["token"]
    for words in (
        ("keys", "rotate", "k2"),
        ("keys", "show"),
        ("keys", "publish", "--audience", "x", "--out", "x.keys"),
        ("issue", *minting),
        ("narrow", "--ttl", "5m"),
        ("seal",),
        ("present", "--audience", "x", "--action", "b", "--args", "{}"),
        ("inspect",),
        ("verify", *ASK),
        ("verify", *ASK, "--explain"),
        ("verify", *ASK, "--store", "sqlite:s.db"),
        ("budget", "show", "--store", "sqlite:s.db"),
        ("budget", "holds", "--store", "sqlite:s.db"),
        ("lease", "revoke", "--store", "sqlite:s.db", "--dry-run"),
        ("lease", "suspend", "--store", "sqlite:s.db"),
        ("lease", "resume", "--store", "sqlite:s.db"),
        ("ledger", "status", "--store", "sqlite:s.db"),
        ("doctor",),
    ):
        done = run(*words, "--json", stdin=token)
        assert (done.code, done.err) == (0, ""), words
        assert isinstance(json.loads(done.out), dict), words


def test_every_failure_is_one_json_object(run: Run, lease: str) -> None:
    for words, code in (
        (("verify", *ASK, "lease1_!"), "text"),
        (("verify", "--audience", "x", "--action", "c"), "allow"),
        (("verify", "--audience", "x", "--action", "c", "--explain"), "allow"),
        (("verify",), "usage"),
        (("none",), "usage"),
        (("keys", "new", "k1"), "error"),
        (("inspect", "--token-file", "none"), "error"),
    ):
        done = run(*words, "--json", stdin=lease)
        said = json.loads(done.out)
        assert done.code != 0, words
        assert done.err == "", words
        assert said["error"]["code"] == code, words


# --- colour ---------------------------------------------------------------------------------------
class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    main(list(words))
    return out.getvalue()


def test_colour_is_for_terminals_that_want_it(run: Run, lease: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = (
        ["inspect", lease],
        ["verify", *ASK, lease],
        ["verify", "--audience", "x", "--action", "c", lease],
    )
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for words in commands:
        assert "\x1b[" not in run(*words).all
        assert "\x1b[" in on_terminal(monkeypatch, *words)
        assert "\x1b[" not in on_terminal(monkeypatch, *words, "--json")
    for name, value in (("NO_COLOR", "1"), ("NO_COLOR", ""), ("TERM", "dumb")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, value)
            assert not wants_colour(Terminal())
            for words in commands:
                assert "\x1b[" not in on_terminal(patch, *words)


def test_a_summary_is_for_who_watches(run: Run, lease: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("narrow", "--ttl", "5m", lease).err == ""
    shown = on_terminal(monkeypatch, "narrow", "--ttl", "5m", lease)
    assert "2 blocks, bearer, key k1" in shown
    assert shown.count("lease1_") == 1


def test_a_terminal_without_a_token_is_told(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    done = run("inspect")
    assert (done.code, "no token" in done.err) == (2, True)
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert "no token" in on_terminal(monkeypatch, "inspect")


def test_what_a_terminal_would_obey_is_escaped(run: Run) -> None:
    run("keys", "new", "k1")
    name = "x\x1b]0;owned\x07\u202eyz"
    made = run("issue", "--run", "a@1", "--audience", name, "--ttl", "5m", "--allow", "b")
    for words in (
        ("inspect",),
        ("verify", "--audience", name, "--action", "b"),
        ("verify", "--audience", "x", "--action", "b"),
    ):
        shown = run(*words, stdin=made.out).all
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\\x1b" in shown
    assert safe("a\nb\tc") == "a\nb\\tc"


# --- secrets --------------------------------------------------------------------------------------
def test_no_secret_is_said_that_was_not_asked_for(run: Run, lease: str) -> None:
    run("keys", "new", "e1", "--alg", "ed25519", "--out", "e.keys")
    run("keys", "publish", "--audience", "x", "--out", "x.keys")
    keys = [
        row["key"]
        for name in ("attenuate.keys", "e.keys", "x.keys")
        for row in json.loads(Path(name).read_text())["keys"]
    ]
    assert len(keys) == 3
    narrowed = run("narrow", "--ttl", "5m", lease).out.strip()
    Path("t").write_text(lease)
    secrets = [lease, narrowed, *keys]
    for words in (
        ("keys", "show"),
        ("keys", "show", "--keys", "x.keys"),
        ("keys", "publish"),
        ("keys", "publish", "--audience", "x"),
        ("keys", "publish", "--audience", "x", "--out", "y.keys"),
        ("keys", "publish", "--keys", "e.keys"),
        ("keys", "rotate", "k2"),
        ("keys", "show", "--keys", "t"),
        ("keys", "show", "--keys", lease),
        ("keys", "new", keys[0]),
        ("inspect", lease),
        ("verify", *ASK, lease),
        ("verify", *ASK, narrowed, "--explain"),
        ("verify", *ASK, lease, "--keys", "e.keys"),
        ("verify", *ASK, lease[:-1] + "!"),
        ("verify", *ASK, f"Bearer {lease}"),
        ("verify", "--audience", lease, "--action", "b", lease),
        ("verify", "--audience", "x", "--action", lease, lease),
        ("verify", *ASK, "--run", lease, lease),
        ("verify", *ASK, "--args", lease, lease),
        ("verify", *ASK, "--now", lease),
        ("inspect", "--token-file", lease),
        ("inspect", "--tokn", lease),
        ("inspect", lease, lease),
        (lease,),
        (keys[0],),
        ("issue", "--allow", f"b c=under:/{lease}/.."),
        ("issue", "--block", lease),
        ("issue", "--depth", lease),
        ("doctor", "t", "attenuate.keys", "e.keys"),
        ("doctor", lease),
    ):
        for more in ((), ("--json",)):
            said = run(*words, *more).all
            assert not [secret for secret in secrets if secret in said], words
            assert not [secret for secret in secrets if secret[20:60] in said], words


def test_redacting_takes_every_secret_form() -> None:
    for alg in ("hmac", "ed25519"):
        text = KeyRing.generate("k", alg)["k"].secret_text()
        assert redacted(f"a {text} b") == f"a attenuate_{alg}_secret_… b"
    assert redacted("lease1_AA-_~lease1_BB.") == "lease1_…."
    assert redacted("at 'redis://u:p@ss@host:1/0'.") == "at 'redis://…@host:1/0'."
    assert redacted("postgresql://h/d?password=p&user=u") == "postgresql://h/d?password=…&user=u"
    assert redacted("see https://host/a and mail a@b") == "see https://host/a and mail a@b"


# --- whatever is typed ----------------------------------------------------------------------------
WORDS = st.text(max_size=30) | st.sampled_from(
    [
        "a=b",
        "a:=1",
        "a?=any",
        "x",
        "*",
        "under:../x",
        "{",
        "[[",
        '{"a":1}',
        "null",
        "-1",
        "9" * 30,
        "\ud800",
        "\0",
        "=",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    option=st.sampled_from(
        ["--fact", "--facts", "--args", "--cost", "--run", "--action", "--audience", "--now", "--leeway"]
    ),
    word=WORDS,
)
def test_no_request_ends_in_a_traceback(run: Run, option: str, word: str) -> None:
    if not Path("attenuate.keys").exists():
        run("keys", "new", "k1")
    token = KeyRing.load("attenuate.keys").mint(run="a@1", audience="x", ttl=60, allow=["b"]).token
    done = run("verify", "--audience", "x", "--action", "b", f"{option}={word}", stdin=token)
    assert done.code in (0, 2, 3, 5)
    assert "unexpected" not in done.err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    option=st.sampled_from(
        [
            "--allow",
            "--deny",
            "--where",
            "--budget",
            "--note",
            "--final",
            "--run",
            "--audience",
            "--ttl",
            "--depth",
            "--expires",
            "--not-before",
        ]
    ),
    word=WORDS,
)
def test_no_terms_end_in_a_traceback(run: Run, option: str, word: str) -> None:
    token = KeyRing.generate("k1").mint(run="a@1", audience="x", ttl=60, allow=["b"]).token
    done = run("narrow", f"{option}={word}", stdin=token)
    assert done.code in (0, 2)
    assert "unexpected" not in done.err


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["allow", "actions", "where", "budget", "run", "bound", "notes", "a/b", "99", "x"]
                ),
                each,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_block_file_ends_in_a_traceback(run: Run, data: object) -> None:
    token = KeyRing.generate("k1").mint(run="a@1", audience="x", ttl=60, allow=["b"]).token
    Path("block.json").write_text(json.dumps(data))
    done = run("narrow", "--block", "block.json", stdin=token)
    assert done.code in (0, 2)
    assert "unexpected" not in done.err


def test_a_grant_reads_as_it_is_written() -> None:
    grant = read_grant("repo.read repo.write.* repo=clord path=under:src|docs n?=1..9 only")
    assert grant.to_json() == {
        "actions": ["repo.read", "repo.write.*"],
        "where": {
            "repo": {"one_of": ["clord"]},
            "path": {"under": ["src", "docs"]},
            "n": {"min": 1, "max": 9, "optional": True},
        },
        "only": True,
    }
    assert read_constraint("https://a/b|c").to_json() == {"one_of": ["https://a/b", "c"]}
    assert read_constraint("is:any").to_json() == {"one_of": ["any"]}
    assert read_constraint("..9").to_json() == {"max": 9}


# --- as a process ---------------------------------------------------------------------------------
def process(*words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=env, cwd=cwd, timeout=60
    )


@pytest.mark.parametrize("module", ["attenuate"])
def test_it_runs_as_a_module(module: str, tmp_path: Path) -> None:
    done = process("-m", module, "keys", "new", "k1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "attenuate.keys").exists()


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "attenuate", "doctor"],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=env,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_another_encoding_is_no_traceback() -> None:
    done = process("-m", "attenuate", "issue", "--help", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "fact?=\\u2026" in done.stdout


def test_the_doctor_looks_at_key_files(run: Run) -> None:
    run("keys", "new", "k1")
    assert run("doctor", "attenuate.keys").code == 0
    Path("attenuate.keys").chmod(0o640)
    done = run("doctor", "attenuate.keys", "--json")
    said = json.loads(done.out)
    assert (done.code, said["ok"]) == (1, False)
    [bad] = [check for check in said["checks"] if not check["ok"]]
    assert (bad["name"], bad["hint"]) == ("key file", "chmod 600 attenuate.keys")
    assert {"engine", "kernel", "python", "cryptography", "openssl", "cbor2", "clock", "git"} <= {
        c["name"] for c in said["checks"]
    }


def doctor(**env: str) -> dict[str, tuple[bool, str, str]]:
    """Return what the doctor says in a process of its own: name -> ok, value, hint."""
    said = json.loads(process("-m", "attenuate", "doctor", "--json", **env).stdout)
    assert said["ok"] is all(check["ok"] for check in said["checks"])
    return {check["name"]: (check["ok"], check["value"], check["hint"]) for check in said["checks"]}


def test_the_doctor_tries_the_engine(engine: Any) -> None:
    said = doctor()
    assert said["engine"][:2] == (True, f"{engine.NAME} (of {', '.join(engine.AVAILABLE)})")
    for chain in ("hmac chain", "ed25519 chain"):
        assert said[chain][0]
        assert said[chain][1].startswith("mints, narrows, verifies and refuses")


def test_the_doctor_says_why_there_is_no_native_engine(tmp_path: Path) -> None:
    (tmp_path / "attenuate_kernel.py").write_text("__version__ = '0.0.9'\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    other = doctor(PYTHONPATH=path, ATTENUATE_ENGINE="")
    assert other["engine"][:2] == (True, "python (of python)")
    assert other["kernel"] == (
        False,
        f"attenuate-kernel is 0.0.9, and attenuate {__version__}",
        f"pip install ./kernel, in a checkout of {__version__}",
    )
    assert other["hmac chain"][0]
    missing = doctor(PYTHONPATH=path, ATTENUATE_ENGINE="native")
    assert missing["engine"][:2] == (False, "native (of python)")
    assert "hmac chain" not in missing


@pytest.mark.parametrize("text", ["undr:secret", "1..b", "a..9", "hosts:x.example"])
def test_a_kind_that_is_mistyped_is_no_text(text: str) -> None:
    with pytest.raises(ValueError, match="is:"):
        read_constraint(text)
    assert read_constraint(f"is:{text}").words()


@pytest.mark.parametrize("text", ["web", "https://a.example", "a/../b", "v1.2", "12:30"])
def test_text_that_is_like_no_kind_is_text(text: str) -> None:
    assert read_constraint(text).to_json() == {"one_of": [text]}
