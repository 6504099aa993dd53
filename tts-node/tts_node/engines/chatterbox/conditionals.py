"""What a model must know of a voice, kept in memory and on disk: computing it costs seconds, reading it nothing.

A voice is cached under the hash of its recording, the model, the version of the package, the weights that
listen to it and what of the request goes into it: whatever changes, another entry is made. The disk holds
the package's own format (`Conditionals.save`, about 170 KB), under a name that begins with the recording's hash,
so that it goes when the voice is deleted; and it holds only so many.
"""

import contextlib
import hashlib
import io
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tts_node.domain import Clip
from tts_node.engines.chatterbox.package import chatterbox_version, soundfile, torch
from tts_node.voices.prints import keep_newest, print_name

KEPT_ON_DISK = 256  # for each model
KEPT_IN_MEMORY = 32  # on a GPU a voice takes about 0.5 MB


def fingerprint(weights: Path, names: tuple[str, ...]) -> str:
    """Changes when the files that listen to recordings do, without reading gigabytes."""
    facts = [chatterbox_version]
    for name in names:
        stat = (weights / name).stat()
        facts.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


class ConditionalsCache:
    """Of one loaded model."""

    def __init__(self, kind: Any, folder: Path | None, origin: str, device: str) -> None:
        """`kind` is the package's Conditionals class; `origin` tells models and weights apart."""
        self._kind = kind
        self._folder = folder
        self._origin = origin
        self._device = device
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def get(self, clip: Clip, variation: str, compute: Callable[[], Any]) -> Any:
        """From memory, else from disk, else computed and kept in both."""
        rest = hashlib.sha256(f"{clip.hash} {self._origin} {variation}".encode()).hexdigest()[:40]
        key = print_name(clip.hash, rest)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = self._read(key)
        if found is None:
            found = compute()
            self._write(key, found)
        self._kept[key] = found
        if len(self._kept) > KEPT_IN_MEMORY:
            self._kept.popitem(last=False)
        return found

    def _path(self, key: str) -> Path | None:
        return self._folder / f"{key}.conds" if self._folder else None

    def _read(self, key: str) -> Any | None:
        """None for a file that is not there, torn or of another kind: it is computed anew."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        try:
            return self._kind.load(path, map_location="cpu").to(self._device)
        except Exception:  # torch.load raises whatever the bytes lead it to
            return None

    def _write(self, key: str, conditionals: Any) -> None:
        """Whole or not at all: a reader never sees half a file. A full disk costs time later, not speech now."""
        path = self._path(key)
        if path is None:
            return
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            conditionals.save(part)
            part.replace(path)
            keep_newest(path.parent, "*.conds", KEPT_ON_DISK)
        except (OSError, RuntimeError):  # torch tells a full disk as RuntimeError
            with contextlib.suppress(OSError):
                part.unlink()


def for_one_job(conditionals: Any, exaggeration: float) -> tuple[Any, dict[str, Any]]:
    """T3's and S3Gen's part as objects of the job's own.

    The package writes into both while it speaks: T3 adds an embedding, S3Gen converts every tensor.
    """
    t3 = conditionals.t3
    emotion = exaggeration * torch.ones(1, 1, 1, device=t3.speaker_emb.device)
    return type(t3)(
        speaker_emb=t3.speaker_emb,
        cond_prompt_speech_tokens=t3.cond_prompt_speech_tokens,
        emotion_adv=emotion,
    ), dict(conditionals.gen)


def cut_recording(path: Path, longest_s: float) -> Path | io.BytesIO:
    """The recording, or its beginning: the voice encoder would listen to all of it, for nothing gained."""
    about = soundfile.info(str(path))
    if about.duration <= longest_s:
        return path
    samples, rate = soundfile.read(str(path), frames=int(longest_s * about.samplerate), dtype="float32")
    cut = io.BytesIO()
    soundfile.write(cut, samples, rate, format="WAV", subtype="FLOAT")
    cut.seek(0)
    return cut
