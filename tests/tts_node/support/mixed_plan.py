"""Mixed requests to a node with Chatterbox, drawn by chance from one seed, and what each of them must bring."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from spoken import MODELS, TEXT
from tts_node.domain import AudioFormat

CLONED = ("low", "high")  # recordings that serve every model; `short` serves all but Turbo
RECORDINGS = {"low": (110, 8.0), "high": (230, 8.0), "short": (150, 4.0)}  # pitch and seconds
LANGUAGES = {
    "en": "Shall we meet at 5:30 p.m.? It costs $12.",
    "de": "Wir sehen uns am 3. Mai um 14:30 Uhr.",
    "fr": "Il y a 21 chats sur le toit.",
    "ar": "مرحبا، كيف حالك اليوم؟",
    "zh": "你好，今天是2024年5月3日。",
    "ja": "こんにちは、元気ですか。",
    "ko": "안녕하세요, 반갑습니다.",
    "he": "שלום, מה שלומך היום?",
    "ru": "Привет, сегодня 5 мая.",
    "tr": "Bugün hava çok güzel.",
}
HELLO = "Good evening."
LONG = " ".join([TEXT] * 3)  # two pieces

# What each format carries, as the README's table has it.
_RAW = ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_mulaw", "pcm_alaw")
_RATES: dict[str, tuple[int, ...]] = {
    "wav": (8_000, 16_000, 22_050, 37_000, 48_000),
    "pcm": (8_000, 16_000, 22_050, 37_000, 48_000),
    "flac": (8_000, 24_000, 44_100),
    "mp3": (8_000, 11_025, 12_000, 22_050, 48_000),
    "aac": (8_000, 16_000, 32_000, 44_100),
    "opus": (8_000, 12_000, 16_000, 24_000, 48_000),
}
_WRONG: tuple[tuple[dict[str, Any], int, str], ...] = (
    ({"voice": "nobody"}, 404, "voice_missing"),
    ({"model": "chatterbox", "voice": "nobody"}, 404, "voice_missing"),
    ({"model": "no-such-model"}, 404, "model_not_found"),
    ({"model": "chatterbox-nano"}, 404, "model_not_installed"),
    ({"model": "espeak", "voice": "low"}, 400, "voice_not_supported"),
    ({"voice": "short"}, 400, "clip_too_short"),
    ({"language": "de"}, 400, "language_missing"),
    ({"model": "chatterbox-multilingual", "language": "xx"}, 400, "language_missing"),
    ({"temperature": 99}, 400, "out_of_range"),
    ({"top_k": 1.5}, 400, "invalid_type"),
    ({"model": "chatterbox", "exaggeration": "much"}, 400, "invalid_type"),
    ({"input": " \n"}, 400, "empty_input"),
    ({"input": "a" * 5000}, 400, "input_too_long"),
    ({"response_format": "midi"}, 400, "unknown_format"),
    ({"response_format": "opus", "sample_rate": 44_100}, 400, "impossible_sample_rate"),
    ({"response_format": "mp3", "codec": "pcm_alaw"}, 400, "impossible_codec"),
    ({"speed": 9}, 400, "out_of_range"),
    ({"seed": 2**64}, 400, "out_of_range"),
)


class Manner(Enum):
    """How a reply is asked for, or who does not wait for it."""

    WHOLE = auto()
    STREAMED = auto()
    EVENTS = auto()
    GONE_EARLY = auto()  # while it is queued, or a moment later
    GONE_WHILE_SPEAKING = auto()


_HEARD = (Manner.WHOLE, Manner.STREAMED, Manner.EVENTS)


@dataclass(frozen=True)
class Ask:
    """One request. `refusal` is the status and code it must be told; `probe` names the bytes it must bring."""

    body: dict[str, Any]
    manner: Manner = Manner.WHOLE
    refusal: tuple[int, str] | None = None
    probe: str | None = None
    is_for_guest: bool = False  # the voice is whichever comes and goes at that moment


def probes() -> list[Ask]:
    """Each model with each voice: raw samples with a seed, which never may differ."""
    wishes = [(model, voice) for model in MODELS for voice in ("chatterbox", *CLONED)]
    wishes += [("espeak", voice) for voice in ("alloy", "onyx")]
    return [
        Ask(
            {"input": HELLO, "model": model, "voice": voice, "response_format": "pcm", "seed": 5},
            probe=f"{model} {voice}",
        )
        for model, voice in wishes
    ]


def planned(count: int, seed: int) -> list[Ask]:
    """So many requests in an order of chance, of every kind."""
    chance = random.Random(seed)
    plan = Plan(chance)
    shares = ((0.3, plan.probe), (0.3, plan.plain), (0.2, plan.wrong), (0.06, plan.guest), (0.06, plan.early))
    asks = [make() for share, make in shares for _ in range(round(count * share))]
    asks += [plan.listener() for _ in range(count - len(asks))]
    chance.shuffle(asks)
    return asks


class Plan:
    """Makes requests of each kind."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._probes = itertools.cycle(self._mixed(probes()))
        self._wrong = itertools.cycle(self._mixed(_WRONG))
        self._formats = itertools.cycle(self._mixed(AudioFormat))
        self._manners = itertools.cycle((*_HEARD, *_HEARD[:2]))  # 5, 6 and 17: every manner meets every wish
        self._wishes = itertools.cycle(self._mixed(self._all_wishes()))

    def _mixed(self, things: Any) -> list[Any]:
        listed = list(things)
        return self._chance.sample(listed, len(listed))

    def _all_wishes(self) -> Iterator[dict[str, Any]]:
        for language, text in LANGUAGES.items():
            yield {"model": "chatterbox-multilingual", "language": language, "input": text}
        for model in ("chatterbox-turbo", "chatterbox"):
            yield {"model": model, "input": LANGUAGES["en"]}
            yield {"model": model, "input": LONG}
        yield {"model": "tts-1", "input": "Ha [laugh], that is it."}
        yield {"model": "espeak", "input": LANGUAGES["de"], "voice": "alloy", "language": "de"}
        yield {"model": "espeak", "input": LONG, "voice": "onyx"}

    def probe(self) -> Ask:
        """A request whose bytes are known."""
        ask: Ask = next(self._probes)
        return ask

    def plain(self) -> Ask:
        """Whatever may be asked for, with everything that shapes its sound."""
        chance = self._chance
        body = next(self._wishes) | self._shape()
        voices = ["alloy", *CLONED, *CLONED] + ["short"] * (body["model"] not in ("chatterbox-turbo", "tts-1"))
        body = {"voice": chance.choice(voices)} | body
        tuning = {"speed": (0.5, 1.3, 2.0), "pitch": (0.7, 1.4), "volume": (0.5, 2.0), "seed": range(1000)}
        for name in chance.sample(list(tuning), chance.randint(0, 3)):
            body[name] = chance.choice(tuning[name])
        if chance.random() < 0.3:
            body |= {"temperature": chance.choice((0, 0.5, 1.2)), "exaggeration": chance.choice((0.0, 1.5))}
        if chance.random() < 0.3:
            body["priority"] = "batch"
        return Ask(body, next(self._manners))

    def _shape(self) -> dict[str, Any]:
        chance, audio_format = self._chance, next(self._formats)
        shape: dict[str, Any] = {"response_format": audio_format.value}
        if chance.random() < 0.7:
            shape["sample_rate"] = chance.choice(_RATES[audio_format])
        if chance.random() < 0.4:
            shape["channels"] = chance.choice((1, 2))
        if audio_format in ("wav", "pcm") and chance.random() < 0.7:
            shape["codec"] = chance.choice(_RAW)
        if audio_format == "flac" and chance.random() < 0.5:
            shape["bit_depth"] = 24
        return shape

    def wrong(self) -> Ask:
        """One fault, which must be named."""
        wish, status, code = next(self._wrong)
        return Ask({"input": HELLO, "model": "chatterbox-turbo"} | wish, refusal=(status, code))

    def guest(self) -> Ask:
        """For a voice that may be gone by then."""
        return Ask({"input": HELLO, "model": self._chance.choice(MODELS)}, is_for_guest=True)

    def early(self) -> Ask:
        """A client that does not wait."""
        return Ask({"input": LONG, "model": self._chance.choice(MODELS), "voice": "low"}, manner=Manner.GONE_EARLY)

    def listener(self) -> Ask:
        """A client that hears a bit and leaves."""
        return Ask(
            {"input": LONG, "model": self._chance.choice(MODELS), "voice": "high", "response_format": "pcm"},
            manner=Manner.GONE_WHILE_SPEAKING,
        )
