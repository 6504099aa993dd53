"""A vendor's fake that speaks with a tts-node's voice: `python speaker.py VENDOR PORT VOICE_URL FIRST_S RTF
AT_ONCE`.

It takes FIRST_S and RTF times the sound's length for an answer, and AT_ONCE requests at once, as vendors do.
"""

import asyncio
import json
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from vendors.server import REFUSALS, Answer, Asked, Mode, Vendor, serving, vendor_called
from vendors.sound import wav

BYTES_PER_S: Final = 48_000
SEED: Final = 7  # the drill's, router/drill/texts.py
VOICE: Final = "alloy"
WITHIN_S: Final = 30.0
_REFUSED: Final = REFUSALS | {Mode.BAD_KEY, Mode.GARBAGE, Mode.RESET}


class Speaker(Vendor):
    """`vendor`, but for its sound and its pace."""

    def __init__(self, vendor: Vendor, voice_url: str, first_s: float, rtf: float, at_once: int) -> None:
        super().__init__(vendor.mode, vendor.key)
        self.name = vendor.name
        self._vendor = vendor
        self._voice_url = voice_url
        self._first_s, self._rtf = first_s, rtf
        self._places = asyncio.Semaphore(at_once)
        self._sounds: dict[int, bytes] = {}

    def is_speech(self, asked: Asked) -> bool:
        return self._vendor.is_speech(asked)

    async def computed(self, asked: Asked) -> None:
        """The sound, and as long as it takes."""
        if not self.is_speech(asked) or self.mode in _REFUSED:
            return
        async with self._places:
            pcm = await asyncio.to_thread(self._said, _text_of(asked))
            self._sounds[id(asked)] = pcm
            await asyncio.sleep(self._first_s + self._rtf * len(pcm) / BYTES_PER_S)

    def answered(self, asked: Asked) -> Answer:
        self._vendor.mode = self.mode
        answer = self._vendor.answered(asked)
        pcm = self._sounds.pop(id(asked), None)
        if pcm is None or answer.status != 200 or self.mode in _REFUSED:
            return answer
        sound = wav(pcm) if answer.body.startswith(b"RIFF") else pcm
        figures = {name: value for name, value in answer.headers.items() if not name.startswith("x-")}
        return replace(answer, body=sound, headers=figures)  # its own figures were of another sound

    def _said(self, text: str) -> bytes:
        body = {"model": "espeak", "input": text, "voice": VOICE, "seed": SEED, "response_format": "pcm"}
        request = urllib.request.Request(
            f"{self._voice_url}/v1/audio/speech",
            json.dumps(body | {"segment": True}).encode(),
            {"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=WITHIN_S) as answer:
            pcm: bytes = answer.read()
        return pcm


def _text_of(asked: Asked) -> str:
    body = asked.json
    return str(next(body[name] for name in ("text", "transcript", "input") if name in body))


async def _main(name: str, port: str, voice_url: str, first_s: str, rtf: str, at_once: str) -> None:
    speaker = Speaker(vendor_called(name), voice_url, float(first_s), float(rtf), int(at_once))
    async with serving(speaker, int(port)):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
