"""For MkDocs: what lies beside docs/ and is linked from it is on the site, too.

`docs/` links to `specs/` and `examples/` as they lie in the repository, so the links work where the
repository is read. On the site both are folders of its root, one `../` nearer.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
BESIDE = ("specs", "examples")
KINDS = {".md", ".py", ".cddl"}
OUT = re.compile(rf"\]\(\.\./((?:\.\./)*(?:{'|'.join(BESIDE)})/)")


def on_files(files: Files, config: Any) -> Files:
    """Add the files beside docs/."""
    for folder in BESIDE:
        for path in sorted((ROOT / folder).glob("*")):
            if path.suffix in KINDS:
                uri = path.relative_to(ROOT).as_posix()
                files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point the links that leave docs/ to the site's own folders, and those that enter it."""
    if page.file.src_uri.startswith(BESIDE):
        return markdown.replace("](../docs/", "](../")
    return OUT.sub(r"](\1", markdown)
