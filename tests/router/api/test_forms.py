"""Multipart forms: what is read of them, what passes untouched, and what is refused."""

from typing import Any

import pytest
from fakes import ManualClock, read_whole
from hypothesis import given, settings
from hypothesis import strategies as st
from running import run
from uploading import BOUNDARY, FORM, field, file, form, part, parts_of

from router.api.forms import MAX_FIELD_BYTES, Form, FormReader, boundary_of
from router.api.spool import Spool
from router.errors import InvalidRequest

RECORDING = bytes(range(256)) * 3
TWICE = 'Content-Disposition: form-data; name="model"'
PLAIN = form(file(RECORDING), field("model", "whisper-1"), field("language", "de"))


async def _taken(body: bytes, step: int = 65536) -> tuple[Form, Spool]:
    spool = Spool()
    reader = FormReader(BOUNDARY.encode(), spool)
    for start in range(0, len(body), step):
        await reader.take(body[start : start + step])
    return await reader.finish(), spool


def _sent(body: bytes, model: str, step: int = 65536) -> tuple[str | None, bytes]:
    """The model that a form asks for, and the form as it goes upstream."""

    async def main() -> tuple[str | None, bytes]:
        taken, spool = await _taken(body, step)
        sent = await read_whole(taken.with_model(model, ManualClock()))
        spool.close()
        return taken.model, sent

    return run(main())


def _refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        run(_taken(body))
    return caught.value


@pytest.mark.parametrize("step", [1, 7, 64, 65536])
def test_only_the_models_value_changes(step: int) -> None:
    """However the bytes arrive."""
    expected = form(file(RECORDING), field("model", "large-v3"), field("language", "de"))
    assert ("whisper-1", expected) == _sent(PLAIN, "large-v3", step)


@pytest.mark.parametrize("step", [1, 65536])
def test_a_form_without_a_model_gets_one(step: int) -> None:
    """Before everything else, since some servers route by it."""
    expected = form(field("model", "large-v3"), file(RECORDING))
    assert (None, expected) == _sent(form(file(RECORDING)), "large-v3", step)


def test_an_empty_model_is_replaced_in_its_place() -> None:
    """Some clients send the field whether it is set or not."""
    assert ("", form(file(b"x"), field("model", "m"))) == _sent(form(file(b"x"), field("model", "")), "m")


def test_odd_parts_pass_as_they_came() -> None:
    """Several files, headers that nobody needs, names in any alphabet or none that is known, lone line ends."""
    odd = [
        part(b"\r\n--a-boundary-123\r\n\r", 'name="file"; filename="\xe4\xff.ogg"', "Content-Type: audio/ogg"),
        part(b"second", 'name="file"; filename="2.wav"', 'X-Odd: a; b="c"'),
        part("Straße".encode(), 'name="prompt"', "Content-Type: text/plain; charset=utf-8"),
        field("timestamp_granularities[]", "word"),
        field("timestamp_granularities[]", "segment"),
        field("stream", "true"),
    ]
    assert form(*odd, field("model", "b")) == _sent(form(*odd, field("model", "a")), "b")[1]


def test_what_is_no_part_is_left_out() -> None:
    """Another reader could find a field in it."""
    noise = b'Content-Disposition: form-data; name="model"\r\n\r\ndear\r\n'
    plain = form(file(b"x"), field("model", "m"))
    assert plain == _sent(noise + plain + noise, "m")[1]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (form(field("model", "m")), "file", "missing_field"),
        (form(file(b"")), "file", "missing_field"),
        (form(file(b"x"), field("model", "a"), field("model", "a")), "model", "duplicate_key"),
        (form(file(b"x"), part(b"a", 'name="model"; filename="m"')), "model", "duplicate_key"),
        (form(file(b"x"), part(b"\xff", 'name="model"')), "model", "invalid_multipart"),
        (form(file(b"x"), field("model", "m" * 257)), "model", "name_too_long"),
        (form(file(b"x"), field("prompt", "p" * (MAX_FIELD_BYTES + 1))), "prompt", "field_too_large"),
        (form(part(b"p" * (MAX_FIELD_BYTES + 1), 'name="file"')), "file", "field_too_large"),
        (form(file(b"x"), *(field("a", "b") for _ in range(100))), None, "invalid_multipart"),
        (form(part(b"x", 'name="file"; filename="a"', *["X: y"] * 8)), None, "invalid_multipart"),
        (form(part(b"x", f'name="file"; filename="{"a" * 5000}"')), None, "invalid_multipart"),
        (form(file(b"x"), part(b"m", 'name="model"; name="language"')), None, "invalid_multipart"),
        (form(file(b"x"), part(b"m", "name=\"a\"; name*=UTF-8''model")), None, "invalid_multipart"),
        (form(file(b"x"), part(b"m", 'x=y;\tname="model"')), None, "invalid_multipart"),
        (form(file(b"x"), part(b"m", 'name="a"', TWICE)), None, "invalid_multipart"),
        (form(file(b"x"), part(b"m", 'name="a"', "X: a\rX-Model: b")), None, "invalid_multipart"),
        (form(file(b"x"))[:-5], None, "invalid_multipart"),
        (file(b"x"), None, "invalid_multipart"),
        (b"", None, "invalid_multipart"),
        (b'{"model":"m"}', None, "invalid_multipart"),
        (form(), "file", "missing_field"),
    ],
)  # fmt: skip
def test_what_cannot_be_passed_on_is_refused(body: bytes, param: str | None, code: str) -> None:
    """With the field that is wrong, where one is."""
    refusal = _refusal(body)
    assert (400, param, code) == (refusal.status, refusal.param, refusal.code)


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        (b"application/json", "multipart_required"),
        (b"application/x-www-form-urlencoded", "multipart_required"),
        (b"", "multipart_required"),
        (b"multipart/form-data", "invalid_multipart"),
        (b"multipart/form-data; boundary=", "invalid_multipart"),
        (b'multipart/form-data; boundary="a\x01b"', "invalid_multipart"),
        (b"multipart/form-data; boundary=" + b"a" * 71, "invalid_multipart"),
    ],
)
def test_a_content_type_that_is_no_forms_is_refused(content_type: bytes, code: str) -> None:
    """JSON is what most other routes take, so the error says what to send."""
    with pytest.raises(InvalidRequest) as caught:
        boundary_of({b"content-type": content_type})
    assert code == caught.value.code
    assert code == "invalid_multipart" or "-F file=@" in caught.value.message


@pytest.mark.parametrize("spelling", ["boundary=a-b_c", 'boundary="a-b_c"', 'charset=utf-8; BOUNDARY="a-b_c"'])
def test_the_boundary_in_any_spelling(spelling: str) -> None:
    """It goes upstream in one."""
    boundary = boundary_of({b"content-type": b"Multipart/Form-Data; " + spelling.encode()})
    assert b"a-b_c" == boundary
    spoken = Form(Spool(), boundary, None, 0).content_type
    assert (b"content-type", b'multipart/form-data; boundary="a-b_c"') == spoken


_NAMES = st.sampled_from(["prompt", "language", "temperature", "response_format", "x[]"])
_FIELDS = st.tuples(_NAMES, st.none(), st.binary(max_size=300))
_FILES = st.tuples(st.just("file"), st.sampled_from(["a.wav", "b.mp3"]), st.binary(min_size=1, max_size=3000))


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.one_of(_FIELDS, _FILES), max_size=6),
    recording=st.binary(min_size=1, max_size=200_000),
    model=st.one_of(st.none(), st.just("whisper-1")),
    step=st.integers(1, 5000),
)
def test_no_byte_is_lost_or_repeated(
    parts: list[tuple[str, str | None, bytes]], recording: bytes, model: str | None, step: int
) -> None:
    """Whatever the parts hold and however they come."""
    given_parts: list[Any] = [*parts, ("file", "main.wav", recording)]
    encoded = [
        part(content, f'name="{name}"' + (f'; filename="{filename}"' if filename else ""))
        for name, filename, content in given_parts
    ]
    if model is not None:
        encoded.insert(1, field("model", model))
    seen, sent = _sent(form(*encoded), "large-v3", step)
    expected = list(encoded)
    expected[1 if model is not None else 0 : 2 if model is not None else 0] = [field("model", "large-v3")]
    assert (model, form(*expected)) == (seen, sent)


def test_another_parser_reads_what_is_sent() -> None:
    """The form is whole and well-formed."""
    _, sent = _sent(form(file(b"RIFF data"), field("language", "de")), "large-v3")
    assert [
        ("model", None, b"large-v3"),
        ("file", "speech.wav", b"RIFF data"),
        ("language", None, b"de"),
    ] == parts_of(FORM[1], sent)
