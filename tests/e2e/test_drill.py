"""The drill, short: it finds that nothing is lost, and leaves nothing behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from figures import note
from processes import BOUND, ROOT, environment, start_node, wait_until

WITHIN_S: Final = 150.0
# The promises about sound and requests are kept to the letter; those about time with what a busy machine needs.
BUSY: Final = 2.0


@contextmanager
def drill(*arguments: str | Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`local-ai-router drill unplug …`, its temporary files under `folder`, what it says in `folder`/said."""
    command = [sys.executable, "-I", "-S", BOUND, sys.executable, "-m", "router", "drill", "unplug", *arguments]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment({"TMPDIR": str(folder)}),
            cwd=ROOT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(folder: Path) -> str:
    return (folder / "said").read_text(errors="replace")


def remains(folder: Path) -> list[str]:
    """Processes that a drill under `folder` started, and that run."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            is_ours = f"TMPDIR={folder}\0".encode() in file.read_bytes()
            line = file.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended in this moment, or is somebody else's
        if is_ours and line:
            found.append(line)
    return found


def links() -> set[str]:
    """Ends of the cables of drills, on this side."""
    return {name for name in os.listdir("/sys/class/net") if name.startswith("lard")}


def verdict(out: Path) -> dict[str, Any]:
    (held,) = json.loads((out / "drill.json").read_text())["drills"]
    return {one["name"]: one for one in held["verdict"]} | {"trials": held["trials"]}


def test_machine_is_unplugged_and_nothing_is_lost(tmp_path: Path) -> None:
    """No request fails, no sentence is cut, repeated or missing; and it is noticed, heard and mended in time."""
    before, out = links(), tmp_path / "out"
    with drill("--quick", "--faults", "unplugged", "--out", out, folder=tmp_path) as process:
        status = process.wait(WITHIN_S)
    assert status in {0, 1}, said(tmp_path)
    found = verdict(out)
    for trial in found.pop("trials"):
        assert trial["requests"] > 10
    for name, one in found.items():
        assert one["actual"] is not None, f"{name}: {said(tmp_path)}"
        note(f"  drill, unplugged: {name}: {one['actual']} (bound {one['bound']:g})")
        assert one["actual"] <= one["bound"] * BUSY, f"{name}: {said(tmp_path)}"
    assert (out / "drill.png").read_bytes().startswith(b"\x89PNG")
    assert "## espeak-ng" in (out / "drill.md").read_text()
    assert remains(tmp_path) == []
    assert links() == before


def test_drill_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    """By Ctrl-C in its middle: no process, no link, no file."""
    before = links()
    with drill("--quick", folder=tmp_path) as process:
        wait_until("the cast is there", lambda: "the cast is there" in said(tmp_path))
        assert len(remains(tmp_path)) > 7
        process.send_signal(signal.SIGINT)
        assert process.wait(WITHIN_S) == 130, said(tmp_path)
    assert remains(tmp_path) == []
    assert links() == before
    assert [file.name for file in tmp_path.iterdir()] == ["said"]


def test_drill_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """The kernel takes its processes, and with the last of them the network that they had."""
    before = links()
    with drill("--quick", folder=tmp_path) as process:
        wait_until("the cast is there", lambda: "the cast is there" in said(tmp_path))
        process.kill()
    wait_until("all of it is gone", lambda: remains(tmp_path) == [] and links() == before)


def test_own_provider_falls_silent_for_this_drill_alone(tmp_path: Path) -> None:
    """The other one speaks meanwhile; then the first again."""
    with start_node(tmp_path, name="pc") as pc, start_node(tmp_path, name="cpu") as cpu:
        config = tmp_path / "providers.yaml"
        config.write_text(f"""\
speech: {{voices_dir: "{tmp_path}/voices"}}
providers:
  pc: {{kind: tts-node, url: "{pc.base_url}", tier: 1}}
  cpu: {{kind: tts-node, url: "{cpu.base_url}", tier: 2}}
  absent: {{kind: tts-node, url: "http://127.0.0.1:9", tier: 3}}
  demo: {{kind: demo}}
models:
  speech: {{serves: speech, routes: [{{provider: pc, model: espeak}}, {{provider: cpu, model: espeak}}]}}
""")
        out = tmp_path / "out"
        flags = ("--config", config, "--seconds", "3", "--before", "3", "--out", out)
        with drill("--provider", "pc", *flags, folder=tmp_path) as process:
            assert process.wait(WITHIN_S) in {0, 1}, said(tmp_path)
        (trial,) = verdict(out).pop("trials")
        assert (trial["failed"], trial["truncated"]) == (0, 0), said(tmp_path)
        within = [one for one in trial["answers"] if 1.0 < one[2] < trial["held_s"]]
        assert {one[5] for one in within} <= {"cpu", "demo+cpu"}
        assert {one[0] for one in trial["answers"]} >= {"short speech", "chat aloud, SSE"}
        assert "chats answered aloud, streamed and whole in turn, are written by demo" in said(tmp_path).lower()
        assert trial["returned_s"] <= 3.0 * BUSY
        assert "pc falls silent" in said(tmp_path)
        for name, why in (
            ("nobody", "no provider is called 'nobody'"),
            ("absent", "absent is down already"),
            ("cpu", "would go to pc now, not to cpu"),
            ("demo", "nothing else can take over the chat of demo"),
        ):
            with drill("--provider", name, "--config", config, folder=tmp_path) as process:
                assert process.wait(WITHIN_S) == 2
            assert why in said(tmp_path)


def test_unknown_fault_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    """And no drill is held."""
    with drill("--faults", "earthquake", folder=tmp_path) as process:
        assert process.wait(WITHIN_S) == 2
    assert "no fault is called 'earthquake'; there are: unplugged, killed" in said(tmp_path)
