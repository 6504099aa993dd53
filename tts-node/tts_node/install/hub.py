"""The Hugging Face hub: what a repository holds, and fetching from it. The only importer of huggingface_hub.

That library comes with `tts-node setup`, and is imported when it is needed. It obeys HF_ENDPOINT, HF_TOKEN and
proxies, retries, and shows progress. What it does not do (1.33) is done here: going on with what an earlier run
left, comparing what arrived with the hashes the hub told, saying what went wrong in one line.
"""

import errno
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tts_node.files import put_in_place
from tts_node.install.weights import Weights

PART = ".part"  # the end of an unfinished file's name; before it the hash, so that another version never goes on
_BLOCK_BYTES = 1 << 20
_ANSWER_TIMEOUT_S = 20.0


class HubError(Exception):
    """Nothing was fetched, or not everything. The message is one line and says what to do."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file as the hub describes it: large ones by SHA-256, small ones by git's hash of a blob."""

    name: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None

    @property
    def digest(self) -> str:
        """Names the content."""
        return self.sha256 or self.git_sha1 or "unknown"

    def is_whole(self, file: Path) -> bool:
        """Whether the file on disk is this one, byte for byte. Reads all of it."""
        try:
            if file.stat().st_size != self.size_bytes:
                return False
        except OSError:
            return False
        if self.sha256 is not None:
            return _hash_of(file, hashlib.sha256()) == self.sha256
        header = hashlib.sha1(f"blob {self.size_bytes}\0".encode(), usedforsecurity=False)
        return self.git_sha1 is None or _hash_of(file, header) == self.git_sha1


@dataclass(frozen=True, slots=True)
class Listing:
    """The wanted files at one commit, so that all of them belong together."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]


def look_up(weights: Weights) -> Listing:
    """Asks the hub. Raises HubError, also when a required file is not there any more."""
    with _told(weights.repository):
        from huggingface_hub import HfApi

        info = HfApi().model_info(
            weights.repository, revision=weights.revision, files_metadata=True, timeout=_ANSWER_TIMEOUT_S
        )
    there = {file.name: file for file in map(_remote_file, info.siblings or ())}
    if lacking := [name for name in weights.required if name not in there]:
        raise HubError(
            f"{weights.repository} has no {', '.join(lacking)} any more: this tts-node is too old for it, or "
            "HF_ENDPOINT names a mirror that is not complete."
        )
    return Listing(weights.repository, info.sha, tuple(there[name] for name in weights.files if name in there))


def fetch(listing: Listing, file: RemoteFile, folder: Path) -> None:
    """Brings one file, going on where an earlier try ended. Raises HubError; a file that is there is whole."""
    part = folder / f"{file.name}.{file.digest[:12]}{PART}"
    for _ in range(2):
        with _told(listing.repository):
            _transfer(listing, file, part)
        if file.is_whole(part):
            put_in_place(part, folder / file.name)
            return
        part.unlink(missing_ok=True)
    raise HubError(
        f"{file.name} arrived twice with other content than {listing.repository} announces: a proxy or a mirror "
        "(HF_ENDPOINT) alters it. Nothing of it was kept."
    )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While nobody else downloads into the folder; ends with the process, however it ends. Raises HubError."""
    with _told(str(folder)):
        from filelock import FileLock, Timeout
    lock = FileLock(folder / ".download.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as exc:
        raise HubError(f"Another download into {folder} is under way: wait for it.") from exc
    try:
        yield
    finally:
        lock.release()


def _transfer(listing: Listing, file: RemoteFile, part: Path) -> None:
    """Appends what is missing. Not by `hf_hub_download`: interrupted, it throws away what it has."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    cached = try_to_load_from_cache(listing.repository, file.name, revision=listing.commit)
    if isinstance(cached, str) and file.is_whole(Path(cached)):
        shutil.copyfile(cached, part)
        return
    url = hf_hub_url(listing.repository, file.name, revision=listing.commit)
    location = get_hf_file_metadata(url, timeout=_ANSWER_TIMEOUT_S).location
    headers = build_hf_headers()
    if (
        urlsplit(location).netloc != urlsplit(url).netloc
    ):  # the store knows its own signature; the token is not for it
        headers.pop("authorization", None)
    with part.open("ab") as content:
        if content.tell() > file.size_bytes:
            content.truncate(0)
            content.seek(0)
        http_get(
            location,
            content,
            resume_size=content.tell(),
            headers=headers,
            expected_size=file.size_bytes,
            displayed_filename=file.name,
        )


def _remote_file(sibling: Any) -> RemoteFile:
    lfs = sibling.lfs
    size = lfs.size if lfs else sibling.size
    return RemoteFile(sibling.rfilename, size or 0, lfs.sha256 if lfs else None, sibling.blob_id)


def _hash_of(file: Path, digest: Any) -> str:
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return str(digest.hexdigest())


@contextmanager
def _told(repository: str) -> Iterator[None]:
    """Maps what the library and its HTTP client raise, most specific first."""
    try:
        import httpx
        import huggingface_hub
        from huggingface_hub import errors
        from huggingface_hub.utils import logging
    except ImportError as exc:
        raise HubError("Downloads need huggingface_hub: `tts-node setup cuda` (or cpu) installs it.") from exc
    logging.set_verbosity_error()  # its retries are told in several lines each; what counts is how it ends
    where = huggingface_hub.constants.ENDPOINT
    try:
        yield
    except errors.OfflineModeIsEnabled as exc:
        raise HubError("HF_HUB_OFFLINE forbids downloads: unset it, then run the same command again.") from exc
    except errors.RemoteEntryNotFoundError as exc:
        raise HubError(f"{repository} has lost a file in this moment: run the same command again.") from exc
    except errors.HfHubHTTPError as exc:
        raise HubError(_told_status(exc, repository, where)) from exc
    except (httpx.HTTPError, errors.LocalEntryNotFoundError, errors.FileMetadataError) as exc:
        raise HubError(
            f"{where} cannot be reached ({type(exc).__name__}). Check the network and the proxy (HTTPS_PROXY), "
            "then run the same command again: it goes on where it stopped."
        ) from exc
    except OSError as exc:
        raise HubError(_told_fault(exc)) from exc


def _told_status(error: Any, repository: str, where: str) -> str:
    status = error.response.status_code
    if status in (401, 403):
        has_token = "authorization" in error.response.request.headers
        if has_token:
            return (
                f"{repository} refuses your token (HTTP {status}): it is wrong or expired, or its account has "
                f"not accepted the terms at {where}/{repository}. Set HF_TOKEN to one that may read it."
            )
        return (
            f"{repository} wants a login (HTTP {status}): accept its terms at {where}/{repository}, make a "
            "token with read access in your account's settings, set HF_TOKEN to it, then run the same command "
            "again."
        )
    if status == 404:
        return f"{where} has no {repository}. Does HF_ENDPOINT name the right server?"
    if status == 429:
        return (
            f"{where} asks for patience (HTTP 429): try again in some minutes; with HF_TOKEN set it allows more."
        )
    return f"{where} answers HTTP {status}: its trouble, try again later. It goes on where it stopped."


def _told_fault(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "The disk is full. Make room, or choose another place with --weights-dir; what is there is kept."
    if isinstance(error, PermissionError):
        return f"{error.filename} may not be written: choose another place with --weights-dir."
    reason = str(error).partition("\n")[0]
    return f"The download broke off ({reason}). Run the same command again: it goes on where it stopped."
