"""What the stores on a server share: two pools of connections, and letting go of them."""

from __future__ import annotations

from typing import Any

from .base import ANEW, Store
from .pool import Pool


class ServedStore(Store):
    """Base of stores whose data are on a server: one pool to ask, one to listen for the ledger's next entry."""

    _pool: Pool[Any]
    _listeners: Pool[Any]
    _open = True

    def close(self) -> None:
        """Close the connections, then refuse."""
        self._open = False
        self._pool.close()
        self._listeners.close()

    def _after_fork(self) -> None:
        self._pool.after_fork()
        self._listeners.after_fork()

    def _check_open(self) -> None:
        """Raise Unavailable after `close`."""
        if not self._open:
            raise self.unavailable("it is closed", would_pass=ANEW)
