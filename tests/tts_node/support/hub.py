"""A Hugging Face hub of our own: the part of its HTTP contract that huggingface_hub's downloads use.

Metadata at `/api/models/…`, `HEAD` and `GET /…/resolve/…`, large files by redirection to a store that serves
ranges, refusals with `X-Error-Code`. Faults are switched on by assigning to the server's attributes.
"""

import hashlib
import json
import random
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".pt")


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress, the same every time."""
    return random.Random(seed).randbytes(size)


def git_sha1(content: bytes) -> str:
    """What git, and so the hub, calls a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub:
    """A running hub with one repository."""

    def __init__(self, repository: str, files: Mapping[str, bytes]) -> None:
        self.repository = repository
        self.files = dict(files)
        self.refusal: tuple[int, dict[str, str]] | None = None  # every answer: its status and headers
        self.needs_token: str | None = None
        self.cut_after_bytes: int | None = None  # the next large file breaks off there, once
        self.stop_after_bytes: int | None = None  # likewise, but it just says no more
        self.altered: dict[str, int] = {}  # how many more times a file arrives with other content
        self.requests: list[tuple[str, str, str | None]] = []  # method, path, range
        self.stopped = threading.Event()
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def store(self) -> str:
        """By another name: the library follows redirections within the hub, and stops at its border."""
        return self.url.replace("127.0.0.1", "localhost")

    def ranges(self, name: str) -> list[str | None]:
        """Of each GET of a file's content, in order."""
        return [asked for method, path, asked in self.requests if (method, path) == ("GET", f"/store/{name}")]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        """Metadata of a file."""
        self._answer()

    def do_GET(self) -> None:
        """Everything else."""
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        if refusal := self._refusal(path):
            self._send(*refusal)
        elif path == f"/api/models/{self.hub.repository}/revision/main":
            self._send(200, {"Content-Type": "application/json"}, json.dumps(self._listing()).encode())
        elif found := re.fullmatch(rf"/{self.hub.repository}/resolve/{COMMIT}/(.+)", path):
            self._resolve(found[1])
        elif path.startswith("/store/"):
            self._store(path.removeprefix("/store/"))
        else:
            self._send(404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})

    def _refusal(self, path: str) -> tuple[int, dict[str, str]] | None:
        hub = self.hub
        if hub.refusal:
            return hub.refusal
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if hub.needs_token and token != hub.needs_token and not path.startswith("/store/"):
            message = (
                "Invalid credentials in Authorization header" if token else "Access to this model is restricted."
            )
            return 401, {"X-Error-Message": message} | ({} if token else {"X-Error-Code": "GatedRepo"})
        return None

    def _listing(self) -> dict[str, object]:
        siblings = []
        for name, content in self.hub.files.items():
            sibling: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
            if name.endswith(LARGE):
                digest = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        return {"id": self.hub.repository, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings}

    def _resolve(self, name: str) -> None:
        content = self.hub.files.get(name)
        if content is None:
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        elif name.endswith(LARGE):
            etag = hashlib.sha256(content).hexdigest()
            linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content)), "X-Repo-Commit": COMMIT}
            self._send(302, linked | {"Location": f"{self.hub.store}/store/{name}"})
        else:
            self._send(200, {"ETag": f'"{git_sha1(content)}"', "X-Repo-Commit": COMMIT}, self._content(name))

    def _store(self, name: str) -> None:
        content = self._content(name)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if asked else {}
        self._send(206 if asked else 200, headers, content[start:])

    def _content(self, name: str) -> bytes:
        content = self.hub.files[name]
        if self.hub.altered.get(name) and self.command == "GET":
            self.hub.altered[name] -= 1
            return bytes(len(content))
        return content

    def _send(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self._write(body)

    def _write(self, body: bytes) -> None:
        hub = self.hub
        for name in ("cut_after_bytes", "stop_after_bytes"):
            limit = getattr(hub, name)
            if limit is None or limit >= len(body):
                continue
            setattr(hub, name, None)
            self.wfile.write(body[:limit])
            if name == "stop_after_bytes":
                hub.stopped.set()
                hub.released.wait()
            self.close_connection = True
            return
        self.wfile.write(body)
