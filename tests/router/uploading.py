"""Uploads: made up as they are read, and forms as clients send them."""

import email.parser
import email.policy
import hashlib
import os
from pathlib import Path
from typing import Final

from router.errors import InDoubt
from router.ports import UpstreamRequest

BOUNDARY: Final = "a-boundary-1234"
FORM: Final = (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())
_BLOCK_BYTES: Final = 64 * 1024


class MadeUp:
    """Implements `ports.Upload`: no byte of it lies anywhere, and no two blocks are alike. `breaks_at`: from there
    on it cannot be read."""

    def __init__(self, size: int, breaks_at: int | None = None) -> None:
        self.size = size
        self.taken_at = 0.0
        self.read_bytes = 0
        self._breaks_at = size if breaks_at is None else breaks_at

    async def read(self, at: int) -> bytes:
        assert 0 <= at < self.size
        if at >= self._breaks_at:
            raise InDoubt("the disk is broken")
        block, within = divmod(at, _BLOCK_BYTES)
        piece = _block(block)[within : within + self.size - at]
        self.read_bytes += len(piece)
        return piece

    @property
    def sha256(self) -> str:
        """Of all of it."""
        digest = hashlib.sha256()
        for block in range(-(-self.size // _BLOCK_BYTES)):
            digest.update(_block(block)[: self.size - block * _BLOCK_BYTES])
        return digest.hexdigest()


def posted(upload: MadeUp) -> UpstreamRequest:
    """The request that sends it."""
    return UpstreamRequest("POST", "/v1/audio/transcriptions", [], upload)


def _block(number: int) -> bytes:
    return number.to_bytes(8, "big") * (_BLOCK_BYTES // 8)


def part(content: bytes, disposition: str, *headers: str) -> bytes:
    """One part of a form, from its boundary on."""
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + content + b"\r\n"


def field(name: str, value: str) -> bytes:
    return part(value.encode(), f'name="{name}"')


def file(content: bytes, filename: str = "speech.wav") -> bytes:
    return part(content, f'name="file"; filename="{filename}"', "Content-Type: audio/wav")


def form(*parts: bytes) -> bytes:
    """The parts and the form's end."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def descriptors() -> set[str]:
    """What this process has open in the file system, deleted files too."""
    targets = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            targets.add(f"{entry.name} {os.readlink(entry)}")
        except OSError:  # the listing's own
            continue
    return {target for target in targets if "/" in target.partition(" ")[2]}


def parts_of(content_type: bytes, body: bytes) -> list[tuple[str, str | None, bytes]]:
    """Name, filename and content of each part, by a parser that has nothing to do with ours."""
    head = b"Content-Type: %b\r\n\r\n" % content_type
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    found = []
    for each in message.iter_parts():
        content = each.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(each.get_param("name", header="content-disposition")), each.get_filename(), content))
    return found
