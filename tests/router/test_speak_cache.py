"""Speech that was spoken before: when it is said again, to whom, and what is never taken for it."""

import json
from typing import Any

import pytest
from houses import Answer, FakeHouse
from narrating import SENTENCES, TEXT, Script, body, cut, events_of, fault, nodes, pcm_of, said
from running import run
from speaking import two_nodes

from router.domain import BYTES_PER_S, AudioFormat, Modality, Rendition, SpeechRequest
from router.errors import ConnectionLost
from router.health import ProviderSign
from router.metrics import Metrics
from router.ports import Record
from router.recollection import Recollection

CACHE = {"disk_mb": 0}
SHORT = SENTENCES[0]
COUNT = len(cut(TEXT))


def one_node(**more: Any) -> FakeHouse:
    return nodes(said, cache=CACHE, **more)


def heard(house: FakeHouse, name: str = "gpu") -> int:
    return len(house.speech[name].heard)


def results(house: FakeHouse) -> list[str]:
    return [record.cache for record in house.observer.finished]


@pytest.mark.parametrize(("text", "count"), [(SHORT, len(cut(SHORT))), (TEXT, COUNT)])
@pytest.mark.parametrize("fields", [{}, {"stream_format": "sse"}, {"response_format": "mp3"}])
def test_what_was_spoken_once_is_not_spoken_again(text: str, count: int, fields: dict[str, str]) -> None:
    """The second answer is whole before its first byte, and so it tells its length."""

    async def main() -> tuple[FakeHouse, Answer, Answer]:
        house = one_node()
        return house, await house.say(body(text, **fields)), await house.say(body(text, **fields))

    house, first, second = run(main())
    assert (count, ["miss", "hit"]) == (heard(house), results(house))
    assert ["miss", "hit"] == [answer.get("x-router-cache") for answer in (first, second)]
    duration_s = len(pcm_of(text)) / BYTES_PER_S
    assert duration_s == pytest.approx(float(second.get("x-audio-duration") or 0), abs=0.002)
    assert ("gpu", "m", "0", "engine") == tuple(
        second.get(name) for name in ("x-router-provider", "x-router-model", "x-router-attempts", "x-tts-engine")
    )
    if fields == {"stream_format": "sse"}:
        assert events_of(first).audio == events_of(second).audio == pcm_of(text)
    elif fields:
        assert (200, True) == (second.status, bool(second.body))
    else:
        assert first.body == second.body == pcm_of(text)


def test_metrics_tell_what_came_from_where() -> None:
    """Requests by result, segments by source."""

    async def main() -> FakeHouse:
        house = one_node()
        for headers in [(), (), ((b"cache-control", b"no-store"),)]:
            await house.say(body(), *headers)
        return house

    metrics = Metrics()
    for record in run(main()).observer.finished:
        metrics.request_started(record)
        metrics.request_finished(record)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert [1.0, 1.0, 1.0] == [
        value("router_cache_requests_total", result=result) for result in ("hit", "miss", "bypass")
    ]
    assert (2.0 * COUNT, 1.0 * COUNT) == (
        value("router_tts_segments_total", provider="gpu", source="generated"),
        value("router_tts_segments_total", provider="gpu", source="cache"),
    )


@pytest.mark.parametrize(
    ("wishes", "expected", "spoken"),
    [
        ([b"no-store", b""], ["bypass", "miss"], 2),
        ([b"", b"no-store"], ["miss", "bypass"], 2),
        ([b"", b"no-cache", b""], ["miss", "miss", "hit"], 2),
        ([b"max-age=0, No-Store", b"no-cache", b"max-age=5"], ["bypass", "miss", "hit"], 2),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_the_clients_word_on_the_cache(
    wishes: list[bytes], expected: list[str], spoken: int, *, stream: bool
) -> None:
    """`no-store`: neither read nor kept. `no-cache`: kept, not read."""

    async def main() -> tuple[FakeHouse, list[str | None]]:
        house = one_node()
        answers = [await house.say(body(stream=stream), (b"cache-control", wish)) for wish in wishes]
        return house, [answer.get("x-router-cache") for answer in answers]

    house, told = run(main())
    assert (expected, expected, spoken * COUNT) == (told, results(house), heard(house))


@pytest.mark.parametrize(
    "fields",
    [
        {"voice": "nova"},
        {"speed": 1.5},
        {"seed": 8},
        {"seed": None},
        {"language": "de"},
        {"instructions": "calm"},
        {"exaggeration": 0.3},
        {"input": SHORT + " Or is it?"},
    ],
    ids=str,
)
def test_another_wish_is_another_entry(fields: dict[str, Any]) -> None:
    """And both are kept."""

    async def main() -> list[str]:
        house = one_node()
        for more in ({}, fields, {}, fields):
            await house.say(json.dumps({**json.loads(body(SHORT)), **more}).encode())
        return results(house)

    assert ["miss", "miss", "hit", "hit"] == run(main())


def test_another_format_is_encoded_from_the_same_segments() -> None:
    """Nobody speaks again; the audio is the same."""

    async def main() -> tuple[FakeHouse, Answer]:
        house = one_node()
        await house.say(body(response_format="mp3"))
        return house, await house.say(body(response_format="pcm"))

    house, answer = run(main())
    assert (COUNT, ["miss", "hit"], pcm_of(TEXT)) == (heard(house), results(house), answer.body)


def test_the_same_words_in_two_paragraphs_are_another_answer() -> None:
    """The segments are the same, the silence between them is not."""
    words = SENTENCES[:2]

    async def main() -> list[Answer]:
        house = one_node()
        return [await house.say(body(gap.join(words))) for gap in (" ", "\n\n", " ")]

    answers = run(main())
    assert [pcm_of(gap.join(words)) for gap in (" ", "\n\n", " ")] == [answer.body for answer in answers]
    assert len(answers[0].body) < len(answers[1].body)


def test_a_longer_text_has_its_known_parts_from_the_cache() -> None:
    """Only what is new is spoken, and the lookup tells which is which."""

    async def main() -> tuple[FakeHouse, Answer]:
        house = one_node()
        await house.say(body(" ".join(SENTENCES[:3])))
        return house, await house.say(body(stream_format="sse"))

    house, answer = run(main())
    done = events_of(answer).done
    assert done is not None
    known = [part["cached"] for part in done["segments"]]
    record = house.observer.finished[1]
    assert (COUNT, "miss", pcm_of(TEXT)) == (heard(house), record.cache, events_of(answer).audio)
    assert (True, sorted(known, reverse=True)) == (known[0], known)
    assert ({"gpu": sum(known)}, {"gpu": COUNT - sum(known)}) == (record.recalled, record.voiced)


def test_an_answer_is_put_together_from_what_others_asked() -> None:
    """All its segments were in other answers."""

    async def main() -> tuple[FakeHouse, Answer]:
        house = one_node()
        await house.say(body(TEXT))
        before = heard(house)
        # The first segment is cut alike, so a prefix of the text is made of the same segments.
        answer = await house.say(body(" ".join(SENTENCES[:4])))
        assert before == heard(house)
        return house, answer

    house, answer = run(main())
    assert ("hit", "hit", pcm_of(" ".join(SENTENCES[:4]))) == (
        results(house)[1],
        answer.get("x-router-cache"),
        answer.body,
    )


def test_a_substitute_is_never_taken_for_the_original() -> None:
    """What the fallback said is said again only in its own name."""

    async def main() -> list[Answer]:
        house = two_nodes(said, said, settings={"cache": CACHE})
        house.sign("gpu", ProviderSign.DRAINING)
        answers = [await house.say(body(SHORT)), await house.say(body(SHORT))]
        house.report("gpu", "turbo")
        return [*answers, await house.say(body(SHORT)), await house.say(body(SHORT, model="cpu/espeak"))]

    answers = run(main())
    assert [("cpu", "miss"), ("cpu", "hit"), ("gpu", "miss"), ("cpu", "hit")] == [
        (answer.get("x-router-provider"), answer.get("x-router-cache")) for answer in answers
    ]
    assert ["model=engine", "model=engine", None, None] == [
        answer.get("x-router-substitution") for answer in answers
    ]


@pytest.mark.parametrize("text", [SHORT, TEXT])
@pytest.mark.parametrize("gone", [ProviderSign.DRAINING, ProviderSign.YIELDED])
def test_what_a_machine_said_before_it_slept_is_said_meanwhile(text: str, gone: ProviderSign) -> None:
    """Better than what a lesser one would say now; what it never said, the lesser one says."""

    async def main() -> tuple[Answer, Answer]:
        house = nodes(said, said, cache=CACHE)
        await house.say(body(text))
        house.sign("gpu", gone)
        return await house.say(body(text)), await house.say(body("Something that it never said, alas."))

    known, unknown = run(main())
    assert ("hit", pcm_of(text), "gpu") == (
        known.get("x-router-cache"),
        known.body,
        known.get("x-router-provider"),
    )
    assert ("miss", "cpu") == (unknown.get("x-router-cache"), unknown.get("x-router-provider"))


def test_an_answer_by_two_is_not_kept_as_one_ones() -> None:
    """Its segments are, each in the name of the engine that spoke it."""

    async def main() -> tuple[FakeHouse, Answer]:
        house = two_nodes(Script(on={2: fault(ConnectionLost("reset"))}), said, settings={"cache": CACHE})
        await house.say(body())
        for _ in range(2):
            house.report("gpu", "turbo")
        return house, await house.say(body(stream_format="sse"))

    house, answer = run(main())
    done = events_of(answer).done
    assert done is not None
    assert [("gpu", index < 2) for index in range(COUNT)] == [
        (part["provider"], part["cached"]) for part in done["segments"]
    ]
    assert (2 + 1 + COUNT - 2, COUNT - 2) == (heard(house), heard(house, "cpu"))


def test_a_cache_that_is_off_is_bypassed() -> None:
    """Then a text is spoken as often as it is asked for."""

    async def main() -> FakeHouse:
        house = nodes(said, cache={"enabled": False})
        for _ in range(2):
            await house.say(body())
        return house

    house = run(main())
    assert (2 * COUNT, ["bypass", "bypass"]) == (heard(house), results(house))


def test_what_was_not_finished_is_kept_by_segments() -> None:
    """A client that leaves in the middle; the next one goes on from there."""

    async def main() -> tuple[int, int, Answer]:
        house = one_node()
        await house.say(body(), leaves=lambda answer: bool(answer.chunks))
        before = heard(house)
        answer = await house.say(body())
        return before, heard(house), answer

    before, after, answer = run(main())
    assert (COUNT, pcm_of(TEXT)) == (after, answer.body)
    assert before >= 1


def test_silence_needs_no_cache() -> None:
    """A text of which nothing can be said."""
    assert 200 == run(one_node().say(body("…"))).status


def test_what_was_spoken_ahead_is_there() -> None:
    """Phrases are, by the Speaker itself."""

    async def main() -> str | None:
        house = one_node()
        request = SpeechRequest(SHORT, rendition=Rendition(AudioFormat.PCM), seed=7)
        routes = house.catalogue.resolve(Modality.SPEECH, None, lambda _: True)
        await house.speaker.answer(request, routes, Record("id", "speech", 0.0), 2.0)
        return (await house.say(body(SHORT))).get("x-router-cache")

    assert "hit" == run(main())


@pytest.mark.parametrize("text", [SHORT, TEXT])
def test_a_reload_keeps_the_cache(text: str) -> None:
    """New rooms, the same memory."""

    async def main() -> tuple[int, Answer]:
        before, after = one_node(), one_node()
        await before.say(body(text))
        before.cache.reconfigure(after.settings.cache)
        after.speaker.recollection = Recollection(before.cache, after.roster.cards, after.roster, after.voices)
        answer = await after.say(body(text))
        return heard(after), answer

    count, answer = run(main())
    assert (0, "hit", pcm_of(text)) == (count, answer.get("x-router-cache"), answer.body)
