"""The page of results, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks import targets as goals
from benchmarks.paired import Spread
from benchmarks.results import Results

SHOWN = {
    "macaroon": "pymacaroons", "macaroon, joined": "pymacaroons, one caveat a block",
    "libmacaroons": "libmacaroons (C), satisfiers in Python",
    "libmacaroons prepared": "libmacaroons (C) prepared",
    "libmacaroons prepared, joined": "libmacaroons (C) prepared, one caveat a block",
    "biscuit": "biscuit-python", "tenuo+pop": "tenuo, possession proof",
    "jwt-hs256": "PyJWT HS256 (no chain)", "jwt-eddsa": "PyJWT EdDSA (no chain)",
    "bare n+1": "n+1 bare verifications (OpenSSL)", "bare native n+1": "n+1 bare verifications (dalek)",
    "bare 1": "1 bare verification (OpenSSL)", "bare native 1": "1 bare verification (dalek)",
    "bare 2": "2 bare verifications (OpenSSL)", "bare native 2": "2 bare verifications (dalek)",
}  # fmt: skip
SIZES = (1, 2, 3, 4, 8)
LAYERS = ("kernel", "outcome", "check", "verify")

HOW = """\
## How it is measured

- The same lease-like work for each library (`benchmarks/peers.py`, `ours.py`): run, attempt, action, resource and
  expiry in every block, from text to decision. *Cold* has nothing cached; *warm* knows the chain; a decision is
  never cached.
- *prepared*: `Verifier.check` with a request that is at hand. Otherwise `Verifier.verify`, which makes the request
  of keyword arguments within the time. The native targets are judged prepared, the Python ones not.
- Both engines are in one process (`engines.py`): each has its own copy of `attenuate.verifier`, unchanged.
- Figures of one question are taken in one process, in turn, in an order shuffled each round (`paired.py`). A ratio is
  taken within a round; the table has its median, and the 10th and 90th percentile of the rounds. Time is
  processor time (but for throughput), so a busy machine does not count; its caches do.
  Microseconds are of this machine at that time: only the ratios travel. `test_paired.py` plants a difference.
- pymacaroons has a caveat for each term (5 n + 1 HMACs). With a block's terms joined in one caveat it does n + 1.
- libmacaroons is called by ctypes. *prepared* compares texts with texts that are at hand, in C alone, and decides
  nothing else: the least that the library can do. With satisfiers it decides as pymacaroons does.
- biscuit-python, tenuo and attenuate's native engine verify with Rust (dalek), the Python engine with OpenSSL. The
  bare rows are the least that a chain of n links and a proof can cost with that library.
- A bearer ed25519 lease is proved by its key: n verifications and one derivation of a public key. Sealed and bound
  ones are proved by a signature: n + 1 verifications. The bound one also works out the binding of the call; a
  prepared request has it.
- A refused attenuate request ends with the error caught and its code read. Its message is worked out when somebody
  reads it (`message`). The peers' errors come with theirs.
- PyJWT has no chain: its narrow is the issuer signing again.
- A gate is timed right after the verification that it is compared with, or right before it, on the same token
  (`test_gate.py`); *more* is the difference, round by round. *first sight*: chain, plan and counters of the lease
  are new. *look*: `View.against`, which a warm gate skips until the ledger changes.
- Stores (`test_stores.py`): a request is `Store.apply` of one call of a budget and two registers that stand, in
  wall-clock time. Each worker has a budget of its own, but for *one budget*. *look*: the registers alone.
  *chunks*: `ChunkedStore` with size=100. *bare*: by the same client library, the least that one count can cost
  there: one upsert of SQLite with synchronous=FULL, one EVALSHA of one INCRBY, one UPDATE. The servers are on
  loopback. Redis has appendfsync everysec, or *always*.
- Revocation (`test_revocation.py`): from before the operator's process calls `revoke` until the refusal is there
  in a verifier's process. *feed*: over HTTP from a third process; *followed*, *direct*: by the shared store, with a
  follower and without. A verifier checks 2,000 times a second; a *busy* one does nothing else, so its follower
  has to wait for the interpreter's lock, and here five processes want the processors.
- `functions.json` has what pytest-benchmark measures for each function alone, one after the other: where the
  machine is shared, compare figures of `results.json` and not of that.
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def targets(results: Results) -> str:
    """Return the table of targets."""
    rows = [
        (
            one.what,
            one.engine,
            one.limit if one.limit.startswith("≥") else f"≤ {one.limit}",
            one.measured,
            "" if one.share is None else f"{one.share:.2f}",
            one.verdict,
        )
        for one in goals.targets(results)
    ]
    return _table(("what", "engine", "target", "measured", "measured / target", ""), rows)


def _name(name: str) -> str:
    return SHOWN.get(name, name)


def _everybody(results: Results, alg: str, question: str) -> str:
    """Return microseconds by blocks of all who were timed with them, cold and then warm."""
    names = [(question, name) for name in results.by_size(question)]
    names += [("warm", name) for name in results.by_size("warm") if f" {alg} " in name]
    ours = [pair for pair in names if pair[1].startswith("attenuate")]
    rows = []
    for where, name in [*ours, *(pair for pair in names if pair not in ours)]:
        timed = results.names(where)
        found = [
            goals.short(results.us(where, f"{name} {n}").median) if f"{name} {n}" in timed else ""
            for n in SIZES
        ]
        rows.append((_name(name), *found))
    return _table(("µs, median", *(f"{n} blocks" if n > 1 else "1 block" for n in SIZES)), rows)


def _made(results: Results) -> str:
    """Return what minting and narrowing take, and sizes."""
    names = dict.fromkeys([name.partition(": ")[0] for name in results.names("mint_narrow")])
    head = ("", "mint, µs", "narrow, µs", "characters, 3 blocks")
    return _table(head, ((_name(name), *_others(results, name)) for name in names))


def _others(results: Results, name: str) -> tuple[str, str, str]:
    timed, sizes = results.names("mint_narrow"), results.data["sizes"].get(name, {})
    made = [f"{results.us('mint_narrow', one).median:.0f}" if one in timed else ""
            for one in (f"{name}: mint", f"{name}: narrow")]  # fmt: skip
    return made[0], made[1], str(sizes.get("3", "")) or (f"{sizes['1']} (1 block)" if sizes else "")


def _by_size(results: Results, question: str, who_starts: str) -> str:
    """Return the ratios of pairs that were taken at every size, of those whose name starts so."""
    rows: dict[str, dict[int, str]] = {}
    for mine, other in results.pairs(question):
        (who, n), (whom, m) = mine.rsplit(" ", 1), other.rsplit(" ", 1)
        if n == m and (f"{who} 8" in results.names(question) or "jwt" in whom) and who.startswith(who_starts):
            found = results.ratio(question, mine, other)
            shown = f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})"
            rows.setdefault(f"{_name(who)} / {_name(whom)}", {})[int(n)] = shown
    head = ("blocks", *map(str, SIZES))
    return _table(head, ((pair, *(found.get(n, "") for n in SIZES)) for pair, found in rows.items()))


def _ratios(results: Results, question: str) -> str:
    rows = [(f"{mine} / {other}", goals.times(results.ratio(question, mine, other)))
            for mine, other in results.pairs(question)]  # fmt: skip
    return _table(("pair, with its number of blocks", "median (10 % to 90 %)"), rows)


def _controls(results: Results) -> str:
    said = [
        f"× {results.ratio(question, again, other).median:.2f} ({other.removesuffix(' 3')})"
        for question in ("cold_hmac", "cold_ed25519")
        for again, other in results.pairs(question)
        if ", another lease" in again
    ]
    return f"Control of *cold*: another lease at each call takes {', '.join(said)} of the same lease again.\n"


def profile(results: Results) -> str:
    """Return the table of layers: the kernel alone, and what each layer around it adds, by pairs."""
    rows = []
    names = results.names("profile")
    for case in dict.fromkeys(name.rpartition(": ")[0] for name in names if ": " in name):
        us = [results.us("profile", f"{case}: {layer}").median for layer in LAYERS]
        more = [
            (results.ratio("profile", f"{case}: {layer}", f"{case}: {below}").median - 1) * base
            for below, layer, base in zip(LAYERS, LAYERS[1:], us, strict=False)
        ]
        rows.append((case, *(f"{value:.1f}" for value in (us[0], more[0], more[1], us[2], more[2], us[3]))))
    head = ("µs, median", "kernel alone", "+ native.py", "+ Verifier", "= check", "+ request", "= verify")
    request, nothing = (results.us("profile", name).median for name in ("request", "nothing"))
    said = (
        f"Making the request alone takes {goals.short(request)} µs, and an empty call of the harness, which "
        f"is in each figure, {goals.short(nothing)} µs. What a layer adds is taken by pairs, so a row may not "
        "add up. A denial's `Verifier` raises, and the work catches it.\n"
    )
    return f"{_table(head, rows)}\n{said}"


def _denied(results: Results) -> str:
    """Return what refusals cost: a row for each kind, a column for each way to ask; then the peers."""
    ours: dict[str, dict[str, str]] = {}
    peers = []
    for name in results.names("denied"):
        who, _, kind = name.partition(": ")
        if kind == "allowed":
            continue
        us, found = results.us("denied", name), results.ratio("denied", name, f"{who}: allowed")
        if who.startswith("attenuate"):
            _, alg, *way, heat = who.split()
            cell = f"{goals.short(us.median)} µs {goals.times(found)}"
            ours.setdefault(f"{alg} {heat}, {kind}", {})[" ".join(way)] = cell
        else:
            peers.append((_name(who), kind, goals.microseconds(us), goals.times(found)))
    ways = list(dict.fromkeys(way for found in ours.values() for way in found))
    rows = [(kind, *(found.get(way, "") for way in ways)) for kind, found in ours.items()]
    mine = _table(("attenuate, refused for", *ways), rows)
    return f"{mine}\n{_table(('peer', 'refused for', 'cost', 'of the same, allowed'), peers)}"


def _throughput(results: Results) -> str:
    rows = []
    for name, found in results.data["throughput"].items():
        gain = Spread(*found["gain"])
        rows.append((name, f"{found['1'][0]:,.0f}", f"{found['2'][0]:,.0f}", goals.times(gain)))
    return _table(("3 blocks, one process", "1 thread, per second", "2 threads, per second", "gain"), rows)


def _import(results: Results) -> str:
    rows = [(name, f"{median:.0f} ms ({low:.0f} to {high:.0f})")
            for name, (median, low, high) in results.data["import"].items()]  # fmt: skip
    return _table(("new process", "time"), rows)


def _worst(results: Results) -> str:
    ways = list(dict.fromkeys(name.partition(": ")[0] for name in results.names("worst")))
    rows = []
    for name in dict.fromkeys(name.partition(": ")[2] for name in results.names("worst")):
        cells = []
        for way in ways:
            found = results.us("worst", f"{way}: {name}").of(1e-3)
            cells.append(
                f"{goals.short(found.median)} ms ({goals.short(found.low)} to {goals.short(found.high)})"
            )
            base = f"{name.split(',')[0]}, ordinary, 3 blocks"
            mine = f"{way}: {name}"
            cells.append(
                "" if name == base else f"× {results.ratio('worst', mine, f'{way}: {base}').median:.1f}"
            )
        rows.append((name, *cells))
    return _table(("token", *(cell for way in ways for cell in (way, "of an ordinary one"))), rows)


def _gate(results: Results) -> str:
    """Return what a gate takes over verify, and what a look at the ledger takes."""
    data = results.data["gate"]
    ledgers = ("none revoked", "1 M revoked")
    rows = []
    for name in dict.fromkeys(name.rpartition(", ")[0] for name in data["more"]):
        check = Spread(*data["us"][f"check: {name}, {ledgers[1]}"])
        verify = Spread(*data["us"][f"verify: {name}, {ledgers[1]}"])
        more = [goals.microseconds(results.gate(f"{name}, {ledger}")) for ledger in ledgers]
        rows.append((name, goals.short(verify.median), goals.short(check.median), *more))
    head = ("3 blocks, hmac", "verify, µs", "check, µs", *(f"more, {ledger}" for ledger in ledgers))
    looks = [(name, *(goals.microseconds(Spread(*data["us"][f"{name}, {ledger}"])) for ledger in ledgers))
             for name in ("look", "look, another lease")]  # fmt: skip
    return f"{_table(head, rows)}\n{_table(('8 selectors', *ledgers), looks)}"


def _rate(found: Sequence[float]) -> str:
    return f"{found[0]:,.0f}"


def _stores(results: Results) -> str:
    """Return requests per second by store, and the ratios."""
    data = results.data["stores"]
    kinds = list(dict.fromkeys(kind for rates in data["rates"].values() for kind in rates))
    pairs = list(dict.fromkeys(pair for ratios in data["ratios"].values() for pair in ratios))
    rates = [(kind, *(_rate(each[kind]) if kind in each else "" for each in data["rates"].values()))
             for kind in kinds]  # fmt: skip
    ratios = [
        (
            pair,
            *(goals.times(Spread(*each[pair])) if pair in each else "" for each in data["ratios"].values()),
        )
        for pair in pairs
    ]
    durable = [
        ("on the disk before the answer", *("yes" if data["durable"][n] else "no" for n in data["rates"]))
    ]
    missing = "".join(f"\n{name}: not measured, {why}.\n" for name, why in data["missing"].items())
    versions = ", ".join(f"{name} {number}" for name, number in data["versions"].items())
    return (
        f"{versions}.\n\n{_table(('requests a second', *data['rates']), [*rates, *durable])}\n"
        f"{_table(('ratio', *data['rates']), ratios)}{missing}"
    )


def _revocation(results: Results) -> str:
    """Return from revoke to refused by way, and what a snapshot takes."""
    data = results.data["revocation"]
    rows = []
    for name, found in data["ways"].items():
        ms, returned = found["ms"], found["returned"]
        late = f"{found['granted_late']} of {found['seen']}"
        if found["granted_late"]:
            late += f", at most {goals.short(found['latest'])} ms"
        rows.append((name, *(goals.short(ms[at]) for at in (50, 99, 100)),
                     *map(goals.short, returned), late))  # fmt: skip
    head = ("2 verifiers, ms", "p50", "p99", "longest", *(f"{at} from the commit" for at in ("p50", "p99", "longest")),
            "granted after it")  # fmt: skip
    missing = "".join(f"\n{name}: not measured, {why}.\n" for name, why in data["missing"].items())
    memory = data["memory"]
    million = memory["entries"] / 1e6
    held, frames = max(memory["bytes"]) / million / 2**20, memory["frames"] / million / 2**20
    return (
        f"{_table(head, rows)}{missing}\nA million revoked block ids take {held:.0f} MiB in a verifier. To load them "
        f"from signed frames, {frames:.0f} MiB, takes {min(memory['seconds']) / million:.1f} s.\n"
    )


def _busy(results: Results) -> str:
    shares = [question["busy"] for question in results.data["questions"].values()]
    return f"{min(shares):.0%} to {max(shares):.0%}"


def _engines(results: Results) -> str:
    return "Python and native engines" if results.native else "Python engine"


def _place(results: Results) -> str:
    data = results.data
    place, commit = data["machine"], data["commit"]
    packages = ", ".join(f"{name} {number}" for name, number in place["packages"].items())
    changed = " with changes" if commit["dirty"] else ""
    digest = results.us("cold_hmac", "hmac.digest x 4").of(1 / 4)
    bare = results.us("warm", "bare 1")
    return (
        f"{data['date']}, attenuate {data['attenuate']} (commit {commit['id'][:12]}{changed}), {_engines(results)}.\n\n"
        f"{place['cpu']}; {place['platform']}; {place['python']}; {place['openssl']}; {packages}.\n\n"
        f"One `hmac.digest` takes {digest.median:.1f} µs here (2.4 where the targets were set), "
        f"one bare Ed25519 verification by OpenSSL {bare.median:.0f} µs (135){_dalek(results)}. "
        f"The process had a processor for {_busy(results)} of the time.\n"
    )


def _dalek(results: Results) -> str:
    return f", by dalek {results.us('warm', 'bare native 1').median:.0f} µs" if results.native else ""


def _plot(name: str, says: str) -> str:
    return f"![{says}]({name}.svg)\n"


def _targets_of(results: Results) -> str:
    return "" if results.native else " The native engine is not installed, and was not measured."


def page(results: Results) -> str:
    """Return the whole page."""
    layers = (
        ()
        if not results.native
        else (
            "### Where the time of the native engine goes\n",
            "3 blocks; `python -m benchmarks.profile` prints this. *kernel*: text in, numbers out, all prepared.\n",
            profile(results),
        )
    )
    parts = (
        "# Benchmarks\n\nMade by `make bench`; not written by hand.\n",
        _place(results),
        f"## Targets\n\nA share of at most 1 meets the target.{_targets_of(results)}\n",
        targets(results),
        *layers,
        "## From text to decision, allowed\n",
        _plot("blocks", "Cost against blocks, all libraries"),
        "Shared secret (HMAC):\n",
        _everybody(results, "hmac", "cold_hmac"),
        "Public keys (Ed25519):\n",
        _everybody(results, "ed25519", "cold_ed25519"),
        "Ratios: median (10 % to 90 % of the rounds). Below 1, the first is the faster one.\n",
        *(_by_size(results, "cold_hmac", start) for start in _starts(results, "attenuate hmac")),
        *(_by_size(results, "cold_ed25519", start) for start in _starts(results, "attenuate ed25519")),
        *(_by_size(results, "cold_ed25519", start) for start in _starts(results, "attenuate ed25519 bound")),
        _by_size(results, "cold_ed25519", "bare"),
        _controls(results),
        "## Known chains\n",
        _plot("known", "Cold, one new block, bound proof, warm"),
        _ratios(results, "warm"),
        "## Denied\n",
        _plot("denied", "Allowed and denied"),
        "Each with × what it takes of the same, allowed.\n",
        _denied(results),
        "## Mint, narrow and sizes\n",
        _made(results),
        _ratios(results, "mint_narrow"),
        _plot("sizes", "Characters of a token"),
        "## Throughput\n",
        _plot("threads", "Two threads against one"),
        _throughput(results),
        "## Import\n",
        _import(results),
        "## Hostile tokens\n",
        _worst(results),
        *_state(results),
        HOW,
    )
    return "\n".join(parts)


def _state(results: Results) -> tuple[str, ...]:
    """Return the sections of the gate, the stores and revocation."""
    if "gate" not in results.data:
        return ()
    return (
        "## The gate, over verify\n",
        "`Gate.check` less `Verifier.verify`, the same token and the same request, over a store in memory.\n",
        _gate(results),
        "## Stores\n",
        _plot("stores", "Requests a second by store, with and without chunks"),
        _stores(results),
        "## From revoked to refused\n",
        _plot("revoked", "Share of revocations that were refused after so many milliseconds"),
        _revocation(results),
    )


def _starts(results: Results, mine: str) -> tuple[str, ...]:
    return (f"{mine} python", f"{mine} native") if results.native else (f"{mine} python",)
