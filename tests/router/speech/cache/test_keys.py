"""Keys: the same speech has one, different speech has two."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.domain import AudioFormat, CacheUse, Codec, Priority, Rendition, Segment, SpeechRequest, Substitution
from router.speech.cache import answer_key, segment_key

_text = st.text(max_size=8)
_scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _text
_json = st.recursive(
    _scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3)
)
_options = st.dictionaries(_text, _json, max_size=4)
RENDITIONS = [
    Rendition(),
    Rendition(AudioFormat.PCM),
    Rendition(rate_hz=44_100),
    Rendition(bit_rate=44_100),
    Rendition(AudioFormat.PCM, channels=2),
    Rendition(AudioFormat.PCM, codec=Codec.MULAW),
]
# Few values each, so that two of them are often alike in all but one field.
_asked = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["a", "b", '","', "é"]),
        "speed": st.sampled_from([1.0, 1.5]),
        "language": st.sampled_from([None, "en", "null"]),
        "instructions": st.sampled_from([None, "", "a"]),
        "seed": st.sampled_from([None, 0, 1]),
        "options": st.sampled_from([{}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"b": 1}]),
        "namespace": st.sampled_from(["tts-node", "cloud"]),
        "model": st.sampled_from(["espeak", "turbo"]),
        "voice": st.sampled_from([None, "", "None", "alloy"]),
        "rendition": st.sampled_from(RENDITIONS),
    }
)


def _written(asked: dict[str, Any]) -> str:
    """Tells 1, 1.0 and True apart, which are equal."""
    return repr(sorted(asked.items()))


def _segment_key(asked: dict[str, Any]) -> str:
    segment = Segment(
        asked["text"],
        "the client's word",
        asked["speed"],
        asked["language"],
        asked["seed"] or 0,
        asked["instructions"],
        asked["options"],
        is_seed_given=asked["seed"] is not None,
    )
    return segment_key(segment, namespace=asked["namespace"], model=asked["model"], voice=asked["voice"])


def _answer_key(asked: dict[str, Any]) -> str:
    request = SpeechRequest(
        "the text as it was written",
        rendition=asked["rendition"],
        speed=asked["speed"],
        language=asked["language"],
        seed=asked["seed"],
        instructions=asked["instructions"],
        options=asked["options"],
    )
    return answer_key(
        request, asked["text"], namespace=asked["namespace"], model=asked["model"], voice=asked["voice"]
    )


@given(_asked, _asked)
def test_answers_have_one_key_when_nothing_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Types count too: 1, 1.0 and true are three options."""
    assert (_written(one) == _written(other)) is (_answer_key(one) == _answer_key(other))


@given(_asked, _asked)
def test_segments_have_one_key_when_nothing_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The format is the answer's alone: a segment is PCM."""
    one, other = {**one, "rendition": ""}, {**other, "rendition": ""}
    assert (_written(one) == _written(other)) is (_segment_key(one) == _segment_key(other))


@given(_asked)
def test_a_segment_is_no_answer(asked: dict[str, Any]) -> None:
    """Not even one of PCM: an answer has silences."""
    asked = {**asked, "rendition": Rendition(AudioFormat.PCM)}
    assert _segment_key(asked) != _answer_key(asked)


@given(_options, st.randoms())
def test_the_order_of_options_does_not_matter(options: dict[str, Any], dice: Any) -> None:
    """JSON objects have none."""
    items = list(options.items())
    dice.shuffle(items)
    one, other = SpeechRequest("a", options=options), SpeechRequest("a", options=dict(items))
    keys = {answer_key(request, "a", namespace="n", model="m", voice=None) for request in (one, other)}
    assert 1 == len(keys)


@given(_text, _text, _text, _text)
def test_no_text_poses_as_another_field(text: str, model: str, more: str, tail: str) -> None:
    """Whatever is moved from one field to the next makes another key."""
    segment = Segment(text + more, None, 1.0, None, 0)
    one = segment_key(segment, namespace="n", model=model, voice=tail)
    other = segment_key(replace(segment, text=text), namespace="n", model=more + model, voice=tail)
    assert (more == "") is (one == other)


@pytest.mark.parametrize("odd", [float("inf"), -float("inf"), 10**30, "\ud800"], ids=repr)
def test_odd_options_have_keys_of_their_own(odd: object) -> None:
    """Python's JSON decoder makes some of them; none is taken for null."""
    keys = {
        answer_key(SpeechRequest("a", options={"o": value}), "a", namespace="n", model="m", voice=None)
        for value in (odd, None, "Infinity", 0)
    }
    assert 4 == len(keys)


def test_text_counts_in_composed_form() -> None:
    """An e with its accent beside it sounds like é."""
    segments = [Segment(text, None, 1, None, 0) for text in ("é", "e\N{COMBINING ACUTE ACCENT}")]
    keys = {segment_key(segment, namespace="n", model="m", voice=None) for segment in segments}
    assert 1 == len(keys)


def test_what_is_not_heard_does_not_count() -> None:
    """Who waits, how the answer is sent, what the client called the voice, and a seed nobody chose."""
    segment, request = Segment("a", "alloy", 1.0, None, 7), SpeechRequest("a")
    segments = [
        segment,
        replace(segment, priority=Priority.BATCH),
        replace(segment, seed=8),
        replace(segment, voice="fable"),
        replace(segment, speed=1),
    ]
    requests = [
        request,
        replace(request, sse=True, stream=True, cache=CacheUse.REFRESH, fallback=Substitution.NONE),
        replace(request, model="tts-1", voice="fable"),
    ]
    asked = {"namespace": "n", "model": "m", "voice": "v"}
    assert 1 == len({segment_key(each, **asked) for each in segments})
    assert 1 == len({answer_key(each, "a", **asked) for each in requests})


def test_a_chosen_seed_counts() -> None:
    """That client wants this take and no other."""
    segment = Segment("a", None, 1.0, None, 7, is_seed_given=True)
    keys = {
        segment_key(each, namespace="n", model="m", voice=None)
        for each in (segment, replace(segment, seed=8), replace(segment, is_seed_given=False))
    }
    assert 3 == len(keys)
