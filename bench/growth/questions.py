"""What is asked of a router: the requests of one sample, by size."""

import itertools
import random
from typing import Final

from bench.cases import CHAT, SPEECH
from bench.growth.asking import request
from bench.growth.house import Site
from bench.growth.upstream import CHARS_PER_S, EVERYWHERE
from router.domain import BYTES_PER_S

_CHATS: Final = 1000  # of a sample: a quarter of a second
_STRIDE: Final = 7919  # a prime: neighbours in a list are not neighbours in time
_HIT_CHARS: Final = 64  # one segment, kept as a segment and as an answer
_HIT_BYTES: Final = 2 * _HIT_CHARS * BYTES_PER_S // CHARS_PER_S
_WORDS: Final = (
    *("the", "house", "is", "warm", "and", "dry", "while", "rain", "falls", "on", "its", "roof", "all", "night"),
    *("long", "so", "we", "sit", "here", "with", "tea", "bread", "honey"),
)
_fresh: Final = itertools.count()


def chat(site: Site, model: str = "duo-0000", key: str | None = None, **more: object) -> bytes:
    """A small one; the upstream finds its `shape` anywhere."""
    question = "Which of the two machines in this house answers me, and why that one?"
    document = {"model": model, **more, "messages": [{"role": "user", "content": question}]}
    return request(CHAT, key or site.key, document)


def speech(site: Site, text: str, **more: object) -> bytes:
    """As PCM, which costs the router no encoder."""
    return request(SPEECH, site.key, {"model": "tts-1", "input": text, "response_format": "pcm", **more})


def chats(site: Site, _: int) -> list[bytes]:
    """The same, whatever there is beside it."""
    return [chat(site)] * _CHATS


def chats_everywhere(site: Site, _: int) -> list[bytes]:
    """For a model that every provider has."""
    return [chat(site, EVERYWHERE)] * (_CHATS // 2)


def chats_with_all_models(site: Site, count: int) -> list[bytes]:
    """For each that there is, or a thousand of them."""
    return [chat(site, f"duo-{n * _STRIDE % count:04}") for n in range(_CHATS)]


def chats_with_all_keys(site: Site, count: int) -> list[bytes]:
    """Of every client, or a thousand of them."""
    return [chat(site, key=site.keys[n * _STRIDE % count]) for n in range(_CHATS)]


def unknown(site: Site, _: int) -> list[bytes]:
    """Names with a slip in them, as near to all others."""
    return [chat(site, f"dou-{n:04}") for n in range(10)]


def lists(site: Site, _: int) -> list[bytes]:
    """All models that there are."""
    return [request("/v1/models", site.key)] * 20


def prompts(site: Site, kilobytes: int) -> list[bytes]:
    """Chats that bring much along."""
    text = "It is dark and warm in here. " * (kilobytes * 1000 // 29 + 1)
    messages = [{"role": "user", "content": text[: kilobytes * 1000]}]
    count = max(50, min(_CHATS, 20_000 // kilobytes))
    return [request(CHAT, site.key, {"model": "duo-0000", "messages": messages})] * count


def answers(site: Site, events: int) -> list[bytes]:
    """Chats that are answered in so many events."""
    return [chat(site, shape=f"events-{events}", stream=True)] * max(8, min(400, 6000 // events))


def texts(site: Site, chars: int) -> list[bytes]:
    """New ones, so that nothing of them has been spoken before."""
    count = max(1, min(100, 50_000 // chars))
    return [speech(site, prose(chars, next(_fresh)), stream=True) for _ in range(count)]


def hits(site: Site, mebibytes: int) -> list[bytes]:
    """Of what `hit_texts` has filled the cache with."""
    return [speech(site, text) for text in hit_texts(mebibytes, 500)]


def prose(chars: int, seed: int) -> str:
    """So many characters of sentences that no other seed gives."""
    draw, sentences, length = random.Random(seed), list[str](), 0  # noqa: S311  words, no secret
    while length < chars:
        words = " ".join(draw.choices(_WORDS, k=draw.randrange(6, 20)))
        sentences.append(f"{words.capitalize()} {draw.randrange(10**6)}.")
        length += len(sentences[-1]) + 1
    return " ".join(sentences)[:chars]


def hit_texts(mebibytes: int, count: int | None = None) -> list[str]:
    """The texts that fill the cache so far: all, or `count` of them from everywhere in it."""
    total = max(2, mebibytes * 1024 * 1024 // _HIT_BYTES)
    numbers = range(total) if count is None else (n * _STRIDE % total for n in range(count))
    return [f"Sentence {n:07d} of those that are kept because they are heard again."[:_HIT_CHARS] for n in numbers]
