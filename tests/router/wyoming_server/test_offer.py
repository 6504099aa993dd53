"""The voices of the house as Home Assistant finds them."""

import pytest
from running import run
from wyoming_clients import client_of, house_with, serving

from router.domain import Voice
from router.wyoming_server.offer import info, voice_in

VOICES = [Voice("anna", "Anna", "de-DE"), Voice("v-1a2b", "My own voice"), Voice("joe", "Joe", "en-US")]


def test_every_voice_of_the_house_in_one_program() -> None:
    """Each by the id that it is asked for, under its own name, with the languages of the house where it has none;
    and the default voice, though nobody reports it."""
    data = info(VOICES, "alloy", ["de", "en"]).data
    (program,) = data["tts"]
    assert program["supports_synthesize_streaming"] is True
    assert [
        ("alloy", "alloy", ["de", "en"]),
        ("anna", "Anna", ["de-DE"]),
        ("v-1a2b", "My own voice", ["de", "en"]),
        ("joe", "Joe", ["en-US"]),
    ] == [(voice["name"], voice["description"], list(voice["languages"])) for voice in program["voices"]]
    assert {"asr", "tts", "handle", "intent", "wake", "mic", "snd"} == set(data)


def test_every_field_that_the_library_asks_for_is_there() -> None:
    """Its parser fails without one."""
    (program,) = info(VOICES, "anna", ["en"]).data["tts"]
    required = {"name", "attribution", "installed", "description", "version"}
    for each in (program, *program["voices"]):
        assert required <= set(each)
        assert each["installed"] is True
        assert {"name", "url"} == set(each["attribution"])


@pytest.mark.parametrize(
    ("language", "default", "expected"),
    [
        ("de", "alloy", None),
        ("de_AT", "joe", "anna"),
        ("EN", "joe", None),
        ("fr", "joe", None),
        ("de", "v-1a2b", None),
    ],
)
def test_who_speaks_a_language(language: str, default: str, expected: str | None) -> None:
    """The default voice, unless it says that it speaks another one and somebody else does speak it."""
    assert expected == voice_in(language, VOICES, default)


def test_the_houses_own() -> None:
    """Read when it is asked: voices come and go with the machines."""

    async def main() -> list[list[str]]:
        house, found = house_with(), list[list[str]]()
        async with serving(house) as served, client_of(served.port) as client:
            for voices in (["anna", "otto"], ["anna", "otto", "new"]):
                house.report("gpu", "m", voices=voices)
                client.say("describe")
                (told,) = await client.until("info")
                found.append([voice["name"] for voice in told.data["tts"][0]["voices"]])
        return found

    assert [["alloy", "anna", "otto"], ["alloy", "anna", "otto", "new"]] == run(main())
