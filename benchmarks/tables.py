"""The page of results, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks import targets as goals
from benchmarks.paired import Spread
from benchmarks.results import Results

COLD = {
    "attenuate hmac": "cold_hmac", "macaroon": "cold_hmac", "macaroon, joined": "cold_hmac",
    "jwt-hs256": "cold_hmac", "attenuate ed25519": "cold_ed25519",
    "attenuate ed25519 bound": "cold_ed25519", "biscuit": "cold_ed25519", "tenuo": "cold_ed25519",
    "tenuo+pop": "cold_ed25519", "jwt-eddsa": "cold_ed25519", "bare n+1": "cold_ed25519",
    "attenuate hmac warm": "warm", "attenuate ed25519 warm": "warm",
}  # fmt: skip
SHOWN = {
    "macaroon": "pymacaroons", "macaroon, joined": "pymacaroons, one caveat a block",
    "biscuit": "biscuit-python", "tenuo+pop": "tenuo, possession proof",
    "jwt-hs256": "PyJWT HS256 (no chain)", "jwt-eddsa": "PyJWT EdDSA (no chain)",
    "bare n+1": "n+1 bare verifications (OpenSSL)",
}  # fmt: skip
SIZES = (1, 2, 3, 4, 8)

HOW = """\
## How it is measured

- The same lease-like work for each library (`benchmarks/peers.py`, `ours.py`): run, attempt, action, resource and
  expiry in every block, from text to decision. *Cold* has nothing cached; *warm* knows the chain; a decision is
  never cached. The request is made within the time.
- Figures of one question are taken in one process, in turn, in an order shuffled each round (`paired.py`). A ratio is
  taken within a round; the table has its median, and the 10th and 90th percentile of the rounds. Time is
  processor time (but for throughput), so a busy machine does not count; its caches do.
  Microseconds are of this machine at that time: only the ratios travel. `test_paired.py` plants a difference.
- pymacaroons has a caveat for each term (5 n + 1 HMACs). With a block's terms joined in one caveat it does n + 1.
- biscuit-python and tenuo verify with Rust (dalek), attenuate's Python engine with OpenSSL. The bare row is the
  least that a chain of n links and a proof can cost with OpenSSL.
- A bearer ed25519 lease is proved by its key: n verifications and one derivation of a public key. Sealed and bound
  ones are proved by a signature: n + 1 verifications. The bound one also works out the binding of the call.
- A refused attenuate request ends with the error caught and its code read. Its message is worked out when somebody
  reads it (`message`). The peers' errors come with theirs.
- PyJWT has no chain: its narrow is the issuer signing again.
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
            f"≤ {one.limit}",
            one.measured,
            "" if one.share is None else f"{one.share:.2f}",
            one.verdict,
        )
        for one in goals.targets(results)
    ]
    return _table(("what", "target", "measured", "measured / target", ""), rows)


def _name(name: str) -> str:
    return SHOWN.get(name, name)


def _everybody(results: Results) -> str:
    rows = []
    for name, question in COLD.items():
        timed = results.names(question)
        found = [
            f"{results.us(question, f'{name} {n}').median:.0f}" if f"{name} {n}" in timed else ""
            for n in SIZES
        ]
        rows.append((_name(name), *found, *_others(results, name)))
    head = ("µs, median", *(f"{n} blocks" if n > 1 else "1 block" for n in SIZES))
    return _table((*head, "mint", "narrow", "characters, 3 blocks"), rows)


def _others(results: Results, name: str) -> tuple[str, str, str]:
    timed, sizes = results.names("mint_narrow"), results.data["sizes"].get(name, {})
    made = [f"{results.us('mint_narrow', one).median:.0f}" if one in timed else ""
            for one in (f"{name}: mint", f"{name}: narrow")]  # fmt: skip
    return made[0], made[1], str(sizes.get("3", "")) or (f"{sizes['1']} (1 block)" if sizes else "")


def _by_size(results: Results, question: str) -> str:
    """Return the ratios of pairs that were taken at every size."""
    rows: dict[str, dict[int, str]] = {}
    for mine, other in results.pairs(question):
        (who, n), (whom, m) = mine.rsplit(" ", 1), other.rsplit(" ", 1)
        if n == m and f"{who} 8" in results.names(question):
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
    said = [f"× {results.ratio(question, f'attenuate {alg}, another lease each time 3', f'attenuate {alg} 3').median:.2f} ({alg})"
            for alg, question in (("hmac", "cold_hmac"), ("ed25519", "cold_ed25519"))]  # fmt: skip
    return (
        f"Control of *cold*: another lease at each call takes {' and '.join(said)} of the same lease again.\n"
    )


def _denied(results: Results) -> str:
    rows = []
    for name in results.names("denied"):
        who, _, kind = name.partition(": ")
        if kind != "allowed":
            found = results.ratio("denied", name, f"{who}: allowed")
            rows.append(
                (_name(who), kind, goals.microseconds(results.us("denied", name)), goals.times(found))
            )
    return _table(("who", "refused for", "cost", "of the same, allowed"), rows)


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
    ordinary = {other for _, other in results.pairs("worst")}
    rows = []
    for name in results.names("worst"):
        found = results.us("worst", name).of(1e-3)
        base = f"{name.split(',')[0]}, ordinary, 3 blocks"
        more = "" if name in ordinary else f"× {results.ratio('worst', name, base).median:.0f}"
        rows.append((name, f"{found.median:.2f} ms ({found.low:.2f} to {found.high:.2f})", more))
    return _table(("token", "cold", "of an ordinary one"), rows)


def _busy(results: Results) -> str:
    shares = [question["busy"] for question in results.data["questions"].values()]
    return f"{min(shares):.0%} to {max(shares):.0%}"


def _place(results: Results) -> str:
    data = results.data
    place, commit = data["machine"], data["commit"]
    packages = ", ".join(f"{name} {number}" for name, number in place["packages"].items())
    changed = " with changes" if commit["dirty"] else ""
    digest = results.us("cold_hmac", "hmac.digest x 4").of(1 / 4)
    bare = results.us("warm", "bare 1")
    return (
        f"{data['date']}, attenuate {data['attenuate']} (commit {commit['id'][:12]}{changed}), Python engine.\n\n"
        f"{place['cpu']}; {place['platform']}; {place['python']}; {place['openssl']}; {packages}.\n\n"
        f"One `hmac.digest` takes {digest.median:.1f} µs here (2.4 where the targets were set), "
        f"one bare Ed25519 verification {bare.median:.0f} µs (135). "
        f"The process had a processor for {_busy(results)} of the time.\n"
    )


def _plot(name: str, says: str) -> str:
    return f"![{says}]({name}.svg)\n"


def page(results: Results) -> str:
    """Return the whole page."""
    parts = (
        "# Benchmarks\n\nMade by `make bench`; not written by hand.\n",
        _place(results),
        "## Targets\n\nFor the Python engine. A share of at most 1 meets the target.\n",
        targets(results),
        "## From text to decision, allowed\n",
        _plot("blocks", "Cost against blocks, all libraries"),
        _everybody(results),
        "Ratios: median (10 % to 90 % of the rounds). Below 1, the first is the faster one.\n",
        _by_size(results, "cold_hmac"),
        _by_size(results, "cold_ed25519"),
        _controls(results),
        "## Known chains\n",
        _plot("known", "Cold, one new block, bound proof, warm"),
        _ratios(results, "warm"),
        "## Denied\n",
        _plot("denied", "Allowed and denied"),
        _denied(results),
        "## Mint and narrow\n",
        _ratios(results, "mint_narrow"),
        "## Sizes\n",
        _plot("sizes", "Characters of a token"),
        "## Throughput\n",
        _throughput(results),
        "## Import\n",
        _import(results),
        "## Hostile tokens\n",
        _worst(results),
        HOW,
    )
    return "\n".join(parts)
