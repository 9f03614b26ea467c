"""The gate: what stands between a request that verified and the tool that carries it out.

gate = Gate(Verifier(keys, audience="github"), open_store("sqlite:state.db"))
granted = gate.check(token, action="repo.read", run="agt_1@2", facts={"repo": "clord"})
"""

from .async_gate import AsyncGate
from .charging import GateInfo
from .freshness import Freshness
from .gate import Gate
from .grant import Grant, Recorder, Use
from .shadow import Shadow

__all__ = ["AsyncGate", "Freshness", "Gate", "GateInfo", "Grant", "Recorder", "Shadow", "Use"]
