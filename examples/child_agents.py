"""An orchestrator gives each child agent its own part, and no child can do another's.

The children are plain functions here; what matters is what each of them is handed.
"""

from attenuate import Forbidden, KeyRing, Lease, Verifier, between, flatten, grant, under
from attenuate.describe import describe

FILES = {"src/app.py": "print('hello')", "docs/index.md": "# Hello"}

issuer = KeyRing.generate("e1", "ed25519")
verifier = Verifier(issuer.publish(), audience="files")  # the tool holds the public key only


def files(token: str, run: str, action: str, args: dict[str, object]) -> str:
    """The tool: verifies, then does exactly what was verified."""
    verifier.verify(token, action=action, run=run, facts=flatten(args))
    path = str(args["path"])
    if action == "file.write":
        FILES[path] = str(args["text"])
    return FILES[path]


def reader(token: str) -> str:
    """A child agent that reads one file, and then tries to write it."""
    run = "job_7@1/reader@1"
    text = files(token, run, "file.read", {"path": "src/app.py"})
    try:
        files(token, run, "file.write", {"path": "src/app.py", "text": "pass"})
    except Forbidden as refusal:
        print("reader:", refusal)
    else:
        raise AssertionError("the reader wrote")
    return text


def writer(token: str) -> str:
    """A child agent that writes below docs."""
    args = {"path": "docs/index.md", "text": "# Hello again"}
    return files(token, "job_7@1/writer@1", "file.write", args)


def orchestrate(lease: Lease) -> None:
    """Hand each child a lease of its own. Nobody is called for it."""
    for_reader = lease.narrow(
        run="job_7@1/reader@1", ttl="2m", allow=[grant("file.read", where={"args.path": under("src")})]
    )
    for_writer = lease.narrow(
        run="job_7@1/writer@1", ttl="2m", allow=[grant("file.write", where={"args.path": under("docs")})]
    )
    print(describe(for_reader))
    print("read: ", reader(for_reader.seal().token))  # sealed: the child cannot hand it on narrowed
    print("wrote:", writer(for_writer.seal().token))


orchestrate(
    issuer.mint(
        run="job_7@1",
        audience="files",
        ttl="10m",
        allow=[
            grant(
                "file.*",
                where={"args.path": under("src", "docs"), "args.limit": between(1, 100, optional=True)},
            )
        ],
        depth=1,
    )
)
