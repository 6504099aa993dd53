"""The guard's figures: what is judged, against what, and what it says."""

import asyncio
import json
import re
from pathlib import Path

import msgspec
import pytest

from bench.command import PAGES
from bench.instructions import __main__ as guard
from bench.instructions.callgrind import CannotCount
from bench.instructions.cases import CASES, CHAT, EVENTS_PER_BURST, Case
from bench.instructions.client import BadAnswer, ask_all, connected
from bench.instructions.page import as_markdown
from bench.instructions.record import Comparison, Outcome, Record, Setting, Verdict
from bench.instructions.upstream import upstream

SETTING = Setting(
    python="3.11.7",
    compiler="GCC 12.2.0",
    yardstick=100_000_000,
    machine="x86_64",
    libc="glibc 2.36",
    valgrind="3.19.0",
    packages={"uvicorn": "0.54.0", "uvloop": "0.23.0"},
)
RECORD = Record("2026-11-22", SETTING, {"json": 100_000, "burst": 200_000})
OTHER_INTERPRETER = msgspec.structs.replace(SETTING, python="3.12.1", yardstick=102_000_000)


def _compared(setting: Setting = SETTING, **counted: int) -> Comparison:
    return Comparison.of(RECORD, setting, counted)


@pytest.mark.parametrize(
    ("counted", "outcome"),
    [
        (104_900, Outcome.AS_RECORDED),
        (105_100, Outcome.WORSE),
        (95_100, Outcome.AS_RECORDED),
        (94_900, Outcome.BETTER),
    ],
)
def test_five_per_cent_are_let_pass(counted: int, outcome: Outcome) -> None:
    """Either way."""
    assert outcome == Verdict("json", 100_000, counted).outcome


def test_dearer_request_fails_with_both_figures_and_what_to_do() -> None:
    """Who reads it in CI's log needs nothing else."""
    comparison = _compared(json=120_000, burst=200_000)
    said = "\n".join(comparison.lines())
    assert comparison.is_failed
    assert re.search(r"json +120,000 +recorded +100,000 +\+20.0% +WORSE", said)
    assert "burst" in said
    assert "FAILED" in said
    assert "callgrind_annotate" in said
    assert "--record" in said


def test_cheaper_request_passes_and_asks_to_be_recorded() -> None:
    """Or what was won may be lost again unnoticed."""
    comparison = _compared(json=80_000)
    assert not comparison.is_failed
    assert "Better than the record" in comparison.lines()[-1]


def test_case_without_a_record_fails() -> None:
    """A guard that passes what it does not know guards nothing."""
    comparison = _compared(opaque=5)
    assert [Outcome.UNKNOWN] == [verdict.outcome for verdict in comparison.verdicts]
    assert comparison.is_failed


@pytest.mark.parametrize(
    "setting",
    [OTHER_INTERPRETER, msgspec.structs.replace(SETTING, machine="aarch64")],
    ids=["another interpreter", "another machine"],
)
def test_figures_that_cannot_be_compared_are_shown_and_not_judged(setting: Setting) -> None:
    """Other instructions are executed there, and that is no fault of the change."""
    comparison = _compared(setting, json=120_000)
    assert not comparison.is_failed
    assert any(line.startswith("another setting: ") for line in comparison.lines())
    assert "recorded    100,000" in comparison.lines()[1]
    assert comparison.lines()[-1].startswith("NOT JUDGED")


def test_interpreter_is_known_by_its_yardstick() -> None:
    """A patch version that executes as much as the recorded one is judged; it is told all the same."""
    comparison = _compared(msgspec.structs.replace(SETTING, python="3.11.9", yardstick=100_900_000), json=120_000)
    assert comparison.is_failed
    assert "another setting: python: recorded 3.11.7, here 3.11.9" in comparison.lines()


def test_package_of_another_version_is_told_and_excuses_nothing() -> None:
    """What a newer uvicorn costs more is what users pay."""
    newer = msgspec.structs.replace(SETTING, packages={"uvicorn": "0.55.0", "msgspec": "0.22.0"})
    comparison = _compared(newer, json=120_000)
    assert comparison.is_failed
    assert [
        "another setting: uvicorn: recorded 0.54.0, here 0.55.0",
        "another setting: uvloop: recorded 0.23.0, here none",
        "another setting: msgspec: recorded none, here 0.22.0",
    ] == [line for line in comparison.lines() if line.startswith("another")]


def test_page_shows_every_figure() -> None:
    """And what it was counted on."""
    page = as_markdown(RECORD)
    assert "| JSON chat (`json`) | 100,000 | request |" in page
    assert "uvicorn 0.54.0, uvloop 0.23.0" in page
    assert "{" not in page


def test_record_and_page_beside_the_code_are_of_one_count() -> None:
    """Every case has its figure, and the page was written with the record."""
    record = msgspec.json.decode((PAGES / "instructions.json").read_bytes(), type=Record)
    assert [case.name for case in CASES] == list(record.instructions)
    assert as_markdown(record) == (PAGES / "instructions.md").read_text()


# the command


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command in this setting, with a record of its own; json costs a fifth more than recorded."""
    file = tmp_path / "instructions.json"
    file.write_bytes(msgspec.json.encode(RECORD))
    monkeypatch.setattr(guard, "_RECORD", file)
    monkeypatch.setattr(guard, "this_setting", lambda: SETTING)
    monkeypatch.setattr(guard, "count", lambda cases, tell, dumps: {"json": 120_000, "burst": 200_000})
    return file


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--check"], 1)])
def test_only_a_check_fails(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    """Without it the figures are only shown."""
    monkeypatch.setattr("sys.argv", ["guard", *arguments])
    assert status == guard.main()


def test_what_was_recorded_is_what_is_compared_with(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After --record the same count passes, and the page tells the figure."""
    monkeypatch.setattr("sys.argv", ["guard", "--record"])
    assert guard.main() == 0
    monkeypatch.setattr("sys.argv", ["guard", "--check"])
    assert guard.main() == 0
    assert "120,000" in recorded.with_suffix(".md").read_text()
    assert json.loads(recorded.read_text())["instructions"] == {"json": 120_000, "burst": 200_000}


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_without_a_record_there_is_no_verdict(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """It says what to do."""
    recorded.unlink()
    monkeypatch.setattr("sys.argv", ["guard", *arguments])
    assert guard.main() == 1


def test_what_cannot_be_counted_is_said(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And fails: a guard that is not there must not pass for one that saw nothing."""

    def count(*_: object) -> dict[str, int]:
        raise CannotCount("valgrind is missing")

    monkeypatch.setattr(guard, "count", count)
    monkeypatch.setattr("sys.argv", ["guard", "--check"])
    assert guard.main() == 1
    assert "valgrind is missing" in capsys.readouterr().err


# the load, without a router between


def _case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def test_chats_are_answered_over_kept_connections() -> None:
    """The client asks as often as it was told to, and reads every answer to its end."""

    async def ask() -> None:
        async with upstream() as source:
            async with connected(source.port, 2) as connections:
                for name in ("json", "burst"):
                    await ask_all(connections, _case(name).request("key"), 6)
            async with connected(source.port, 1) as (connection,):
                head = await connection.ask(_case("burst").request("key"))
                for _ in range(EVENTS_PER_BURST):
                    await connection.read_event()
                await connection.read_body(head)

    asyncio.run(asyncio.wait_for(ask(), 20))


def test_event_comes_when_it_is_sent_and_the_stream_ends_when_it_is_ended() -> None:
    """The count of one event rests on it."""

    async def step() -> None:
        async with upstream() as source, connected(source.port, 1) as (connection,):
            head = await connection.ask(_case("event").request("key"))
            await connection.read_event()
            for _ in range(3):
                source.send_event()
                await connection.read_event()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.read_event(), 0.05)
            source.end_stream()
            await connection.read_body(head)

    asyncio.run(asyncio.wait_for(step(), 20))


def test_answer_that_is_no_success_is_no_load() -> None:
    """A router that refuses is quick."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\n\r\nno key!")
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server, connected(server.sockets[0].getsockname()[1], 1) as connections:
            with pytest.raises(BadAnswer, match=r"401(?s:.)*no key!"):
                await ask_all(connections, _case("health").request("key"), 1)

    asyncio.run(asyncio.wait_for(ask(), 20))


def test_requests_say_how_long_they_are() -> None:
    """What is asked of the router itself has no body."""
    for case in CASES:
        head, _, body = case.request("lar-key").partition(b"\r\n\r\n")
        lengths = re.findall(rb"Content-Length: (\d+)", head)
        assert lengths == ([str(len(body)).encode()] if case.model else [])
        assert b"Authorization: Bearer lar-key" in head
        assert (b'"stream":true' in body) == (case.path == CHAT and case.name != "json")
