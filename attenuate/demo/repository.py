"""A git repository as a tool: read a file, commit one, open or delete a branch.

Git runs without a working tree, hooks or anybody's configuration. Names are in one form before
they are checked and when git gets them: `canonical` for paths, a closed grammar for branches.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..constraints import is_path

_BRANCH = re.compile(r"[a-z0-9]+(?:[-/][a-z0-9]+)*")
_AUTHOR = {"NAME": "demo", "EMAIL": "demo@localhost"}


class RepositoryError(Exception):
    """What git cannot do, in words for the caller."""


def canonical(path: str) -> str:
    """Return a path in the one form that git's trees have: no "./", no "//", ".." worked out."""
    return posixpath.normpath(path)


class Repository:
    """A bare repository at a path."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | os.PathLike[str], files: Mapping[str, str]) -> Repository:
        """Return a new repository whose branch main has these files, path -> text."""
        self = cls(path)
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.path))
        self._commit("main", files, "start", None)
        return self

    def read(self, branch: str, path: str) -> str:
        """Return a file's text; raises RepositoryError."""
        return self._git("cat-file", "blob", f"{self._head(branch)}:{_path(path)}")

    def commit(self, branch: str, path: str, content: str, message: str) -> str:
        """Commit one file on a branch and return the commit's id; raises RepositoryError."""
        return self._commit(branch, {_path(path): content}, message, self._head(branch))

    def create_branch(self, branch: str, start: str) -> str:
        """Open a branch at another one's head and return its commit; raises RepositoryError."""
        head = self._head(start)
        self._git("update-ref", _ref(branch), head, "0" * len(head))  # fails where it is there
        return head

    def delete_branch(self, branch: str) -> str:
        """Delete a branch and return the commit that it had; raises RepositoryError."""
        head = self._head(branch)
        self._git("update-ref", "-d", _ref(branch), head)
        return head

    def graph(self) -> str:
        """Return the commits of all branches as git draws them."""
        return self._git("log", "--graph", "--all", "--format=%h %s%d", "--no-color").rstrip()

    def heads(self) -> dict[str, str]:
        """Return branch -> commit id."""
        listed = self._git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        return dict(line.split(" ") for line in listed.splitlines())

    def _head(self, branch: str) -> str:
        return self._git("rev-parse", "--verify", "--quiet", f"{_ref(branch)}^{{commit}}").strip()

    def _commit(self, branch: str, files: Mapping[str, str], message: str, parent: str | None) -> str:
        """Write blobs, a tree and a commit through an index of its own, and move the branch."""
        index = {"GIT_INDEX_FILE": str(self.path / f"index.{os.getpid()}.{os.urandom(4).hex()}")}
        try:
            if parent is not None:
                self._git("read-tree", parent, env=index)
            for path, content in files.items():
                blob = self._git("hash-object", "-w", "--stdin", text=content).strip()
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=index)
            tree = self._git("write-tree", env=index).strip()
        finally:
            Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        above = ["-p", parent] if parent else []
        commit = self._git("commit-tree", tree, *above, "-F", "-", text=message).strip()
        # with the old value, so that of two commits at once one fails and none is lost
        self._git("update-ref", _ref(branch), commit, parent or "0" * len(commit))
        return commit

    def _git(self, *args: str, text: str = "", env: Mapping[str, str] | None = None) -> str:
        base = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        people = {
            f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in _AUTHOR.items()
        }
        own = {"GIT_DIR": str(self.path), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(  # noqa: S603
            ["git", *args],  # noqa: S607
            input=text.encode("utf-8"),
            capture_output=True,
            env={**base, **people, **own, **(env or {})},
            timeout=10,
            check=False,
        )
        if done.returncode:
            raise RepositoryError(
                f"git {args[0]}: {done.stderr.decode('utf-8', 'replace').strip() or 'no such thing'}"
            )
        return done.stdout.decode("utf-8", "replace")


def _path(path: str) -> str:
    if path.startswith("/") or not is_path(path):
        raise RepositoryError(f"{path!r:.80} is no path in a repository")
    return path


def _ref(branch: str) -> str:
    if not _BRANCH.fullmatch(branch):
        raise RepositoryError(f"{branch!r:.80} is no branch name; [a-z0-9] with - and / between")
    return f"refs/heads/{branch}"
