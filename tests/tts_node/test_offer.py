"""Which engines serve, which is the default, and what is told about the others."""

import dataclasses
from pathlib import Path

import pytest

from nodes import RunningNode
from tts_node.engines import ESPEAK, EngineDescriptor
from tts_node.install.offer import AUTO, NotOffered, make_offer
from tts_node.install.weights import WEIGHTS

INSTALLED = "json"  # a package that is there
ABSENT = "no_such_package_anywhere"


def row(name: str, package: str = INSTALLED) -> EngineDescriptor:
    """An engine with weights."""
    return dataclasses.replace(ESPEAK, id=name, package=package, needs_weights=True)


def registry(*rows: EngineDescriptor) -> dict[str, EngineDescriptor]:
    """Those, and espeak."""
    return {each.id: each for each in (ESPEAK, *rows)}


def put_weights(folder: Path, *models: str) -> None:
    """As a download leaves them."""
    for model in models:
        (folder / model).mkdir()
        for name in WEIGHTS[model].required:
            (folder / model / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("there", "default"),
    [
        ((), "espeak"),
        (("chatterbox-nano",), "chatterbox-nano"),
        (("chatterbox-nano", "chatterbox"), "chatterbox"),
        (("chatterbox", "chatterbox-multilingual"), "chatterbox-multilingual"),
        (("chatterbox-multilingual", "chatterbox-turbo"), "chatterbox-turbo"),
    ],
)
def test_auto_means_the_best_there_is(tmp_path: Path, there: tuple[str, ...], default: str) -> None:
    """In the contract's order; without weights it is espeak."""
    put_weights(tmp_path, *there)
    offer = make_offer(registry(*map(row, WEIGHTS)), AUTO, tmp_path)
    assert default == offer.default
    assert {"espeak", *there} == set(offer.models)
    assert WEIGHTS.keys() - set(there) == offer.absent.keys()


def test_weights_without_the_package_are_no_engine(tmp_path: Path) -> None:
    """What is told names the command that installs it, in one line."""
    put_weights(tmp_path, "chatterbox-turbo")
    offer = make_offer(registry(row("chatterbox-turbo", ABSENT)), AUTO, tmp_path)
    assert (("espeak",), "espeak") == (offer.models, offer.default)
    assert "`tts-node setup cuda`" in offer.absent["chatterbox-turbo"]


def test_a_package_that_is_too_old_for_an_engine(tmp_path: Path) -> None:
    """Installing it again would not help, so that is not what is told."""

    class Newer(EngineDescriptor):
        __slots__ = ()

        @property
        def is_installed(self) -> bool:
            return False

    newer = Newer("chatterbox-nano", factory="", voices="", package=INSTALLED, needs_weights=True)
    told = make_offer(registry(newer), AUTO, tmp_path).absent["chatterbox-nano"]
    assert (True, False) == ("newer ones" in told, "tts-node setup" in told)


def test_the_package_without_weights_is_no_engine(tmp_path: Path) -> None:
    """What is told names the folder, what is missing in it, and the command that fetches it."""
    offer = make_offer(registry(row("chatterbox")), AUTO, tmp_path)
    told = offer.absent["chatterbox"]
    assert [True] * 3 == [each in told for each in (str(tmp_path), "t3_cfg", "`tts-node download chatterbox`")]
    assert "\n" not in told


def test_an_engine_by_name_wins_over_a_better_one(tmp_path: Path) -> None:
    """It is the default, and the others serve too."""
    put_weights(tmp_path, "chatterbox-turbo", "chatterbox-nano")
    offer = make_offer(registry(row("chatterbox-turbo"), row("chatterbox-nano")), "chatterbox-nano", tmp_path)
    assert "chatterbox-nano" == offer.default
    assert {"espeak", "chatterbox-turbo", "chatterbox-nano"} == set(offer.models)


def test_an_absent_engine_by_name_is_refused(tmp_path: Path) -> None:
    """Rather than that another voice speaks unasked."""
    with pytest.raises(NotOffered, match="tts-node download chatterbox"):
        make_offer(registry(row("chatterbox")), "chatterbox", tmp_path)


def test_a_node_without_any_engine_is_refused(tmp_path: Path) -> None:
    """It says what would help."""
    only = row("chatterbox", ABSENT)
    with pytest.raises(NotOffered, match="tts-node setup"):
        make_offer({only.id: only}, AUTO, tmp_path)


def test_a_client_is_told_what_would_bring_the_engine(node: RunningNode) -> None:
    """404 with the command; the lists have only what serves."""
    asked = {"input": "Hello.", "model": "chatterbox-turbo"}
    answer = node.client.post("/v1/audio/speech", json=asked)
    assert 404 == answer.status_code
    error = answer.json()["error"]
    assert ("model", "model_not_installed") == (error["param"], error["code"])
    assert "`tts-node setup cuda`" in error["message"]
    assert ["espeak"] == [model["id"] for model in node.client.get("/v1/models").json()["data"]]
