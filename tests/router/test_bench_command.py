"""What the benchmarks' commands have in common, and what their servers say when they do not come up."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import command, servers
from bench.servers import CannotMeasure, server, tts_node
from router.drill.ports import free_port


@pytest.mark.parametrize(
    ("flags", "is_partial", "expected"),
    [
        ([], False, command.PAGES),
        ([], True, None),
        (["--out", "/a"], False, Path("/a")),
        (["--out", "/a"], True, Path("/a")),
    ],
)
def test_a_part_of_a_page_is_not_written_over_the_whole(
    flags: list[str], is_partial: bool, expected: Path | None
) -> None:
    """Unless somebody says where."""
    arguments = command.parser_of("bench", None, "a little").parse_args(flags)
    assert expected == command.folder_of(arguments, is_partial)


def test_pages_are_written_where_they_go(tmp_path: Path) -> None:
    """As text or as bytes."""
    command.write(tmp_path / "new", {"a.md": lambda: "ä", "a.png": lambda: b"\x89"})
    assert {"a.md": "ä".encode(), "a.png": b"\x89"} == {
        each.name: each.read_bytes() for each in (tmp_path / "new").iterdir()
    }


def test_what_goes_nowhere_is_not_even_made() -> None:
    """A picture takes seconds."""
    command.write(None, {"a.png": lambda: pytest.fail("it was made")})


def test_what_cannot_be_measured_is_told() -> None:
    """By a message alone, which is exit status 1."""

    def main() -> int:
        raise CannotMeasure("wrk is missing")

    with pytest.raises(SystemExit, match=r"^wrk is missing$"):
        command.run(main)


def test_a_server_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    """At once."""
    ends = (sys.executable, "-S", "-c", "raise SystemExit('no such option')")
    with (
        pytest.raises(CannotMeasure, match=r"Nothing listens on port \d+. The log:\nno such option"),
        server(ends, free_port(), servers.Cores.of_this_machine().load, tmp_path / "log"),
    ):
        pytest.fail("it came up")


def test_a_server_that_answers_otherwise_is_not_up(tmp_path: Path) -> None:
    """It listens, but has no such page."""
    core = servers.Cores.of_this_machine().load
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            with (
                pytest.raises(CannotMeasure, match="Nothing answers /none"),
                server(("sleep", "600"), other.server_port, core, tmp_path / "log", "/none", within_s=0.3),
            ):
                pytest.fail("it came up")
        finally:
            other.shutdown()
            thread.join()


def test_a_tts_node_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setattr(servers, "_NODE", tmp_path / "absent")
    with pytest.raises(CannotMeasure, match="make tts-node/"), tts_node(0, tmp_path / "log"):
        pytest.fail("it came up")
