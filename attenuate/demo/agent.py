"""A child agent: a process that was handed a lease, and calls the tool service with it.

It reads JSON lines on stdin: first what it was handed, {"port", "session", "run", "audience",
"tokens": {name: text}}, then what to do, one answer a line. Tokens stay in this process: they are named, not said.
"""

from __future__ import annotations

import http.client
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from .. import codec
from ..block import NONCE, make_block
from ..call import call_binding
from ..describe import describe
from ..errors import LeaseError
from ..lease import Lease
from ..token import read_token, write_token

OWN: Final = "own"
"""The name of the token that the agent was handed for itself."""


def edited(token: str) -> str:
    """Return a token whose path constraint was changed by hand, bytes of the same length."""
    return codec.to_text(codec.from_text(token).replace(b"\x63src", b"\x63ops"))


def dropped(token: str) -> str:
    """Return a token whose last block was cut off, with the proof that it had."""
    parsed = read_token(token)
    return write_token(parsed._replace(blocks=parsed.blocks[:-1]))


def appended(token: str) -> str:
    """Return a token with a block more, and the proof that it had."""
    parsed = read_token(token)
    block = make_block({NONCE: secrets.token_bytes(8)}, len(parsed.blocks), parsed.alg)
    return write_token(parsed._replace(blocks=(*parsed.blocks, block)))


def garbled(token: str) -> str:
    """Return a token whose text is not one."""
    return token[:-9] + "!" + token[-8:]


FORGERIES: Final[dict[str, Callable[[str], str]]] = {
    "edit": edited,
    "drop": dropped,
    "append": appended,
    "garble": garbled,
}


class Agent:
    """What the process was handed, and the tokens that it makes of it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.port: int = told["port"]
        self.session: str = told["session"]
        self.run: str = told["run"]
        self.audience: str = told["audience"]
        self.tokens: dict[str, str] = dict(told["tokens"])

    def obey(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one order; a refusal on this side of the wire is an answer without a status."""
        try:
            return self._orders[order["do"]](self, order)
        except LeaseError as error:
            return {"finding": error.finding.to_json()}

    def _view(self, order: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": describe(Lease.parse(self.tokens[order.get("token", OWN)]))}

    def _narrow(self, order: Mapping[str, Any]) -> dict[str, Any]:
        narrower = Lease.parse(self.tokens[order["token"]]).narrow(allow=order["allow"])
        self.tokens[order["keep"]] = narrower.token
        return {"blocks": len(narrower.block_ids)}

    def _present(self, order: Mapping[str, Any]) -> dict[str, Any]:
        binding = call_binding(self.audience, self.run, order["action"], order["args"])
        self.tokens[order["keep"]] = Lease.parse(self.tokens[OWN]).present(binding).token
        return {}

    def _forge(self, order: Mapping[str, Any]) -> dict[str, Any]:
        self.tokens[order["keep"]] = FORGERIES[order["how"]](self.tokens[order["token"]])
        return {}

    def _call(self, order: Mapping[str, Any]) -> dict[str, Any]:
        name = order.get("token", OWN)
        headers = {"Content-Type": "application/json", "Attenuate-Session": self.session}
        if name is not None:
            headers["Authorization"] = f"Bearer {self.tokens[name]}"
        body = json.dumps({"action": order["action"], "args": order["args"]})
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            wire.request("POST", "/call", body, headers)
            answer = wire.getresponse()
            return {"status": answer.status, **json.loads(answer.read())}
        finally:
            wire.close()

    _orders: Final[dict[str, Callable[[Agent, Mapping[str, Any]], dict[str, Any]]]] = {
        "view": _view,
        "narrow": _narrow,
        "present": _present,
        "forge": _forge,
        "call": _call,
    }


def main() -> int:
    """Run as a process."""
    agent = Agent(json.loads(sys.stdin.readline()))
    print(json.dumps({"run": agent.run}), flush=True)
    for line in sys.stdin:
        print(json.dumps(agent.obey(json.loads(line))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
