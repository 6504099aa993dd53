"""Debian's Chromium plays a broadcast with the lines that docs/guides/streaming.md gives, and hears a WebSocket as
a page does: with its key as a subprotocol."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any, Final

import pytest
from figures import note
from processes import ROOT, Process, free_port, http, start_node, start_router

from router.api.admission import key_hash

pytest_plugins = ["process_logs"]

WITHIN_S: Final = 90.0
KEY: Final = "lar-browser"
TEXT: Final = (
    "The quick brown fox jumps over the lazy dog, and then it rests. Nobody in the house has seen it, "
    "though everybody has heard of it. It comes at night, and leaves before the sun is up."
)
FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
)
GUIDE: Final = (ROOT / "docs" / "guides" / "streaming.md").read_text()
PLAYS: Final = """
const voice = document.getElementById("voice"), began = performance.now(), told = {};
const post = () => fetch(PAGE + "/report", {method: "POST", body: JSON.stringify(told)});
voice.addEventListener("playing", () => { told.playing_ms ??= performance.now() - began; });
voice.addEventListener("ended", () => { told.time = voice.currentTime; told.duration = voice.duration; post(); });
voice.addEventListener("error", () => { told.error = voice.error.message; post(); });
speak(voice, {input: TEXT}).catch((error) => { told.error = String(error); post(); });
"""
LISTENS: Final = """
const url = ROUTER.replace("http", "ws") + "/v1/audio/speech/ws", told = {bytes: 0, chunks: 0};
const socket = new WebSocket(url, ["speech", "key." + KEY]);
socket.binaryType = "arraybuffer";
const post = () => fetch(PAGE + "/report", {method: "POST", body: JSON.stringify(told)});
socket.onopen = () => { told.protocol = socket.protocol; socket.send(JSON.stringify({text: TEXT})); };
let last = null;
socket.onmessage = ({data}) => {
  if (typeof data === "string") { last = JSON.parse(data); return; }
  told.bytes += data.byteLength; told.chunks += 1;
  if (last.is_final) { told.last = last; socket.close(); }
};
socket.onclose = (event) => { told.code = event.code; post(); };
"""


@contextmanager
def served(page: str, port: int) -> Iterator["Queue[dict[str, Any]]"]:
    """The page, and what it reports."""
    reports: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(page.encode())

        def do_POST(self) -> None:
            reports.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield reports
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def found() -> str:
    """Debian's Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "make soak installs Debian's chromium"
    return chromium


@pytest.fixture(autouse=True)
def _version(record_property: Callable[[str, object], None]) -> None:
    """For docs/compatibility.md: `Chromium 156.0.7100.2 built on …`."""
    said = subprocess.run([found(), "--version"], capture_output=True, text=True, timeout=WITHIN_S, check=True)
    record_property("version", said.stdout.split()[1])


def seen(script: str, router: Process, port: int, folder: Path) -> dict[str, Any]:
    """What a page with the guide's player and `script` reports."""
    (player,) = re.findall(r"```html\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    names = {"PAGE": f"http://127.0.0.1:{port}", "ROUTER": router.base_url, "TEXT": TEXT, "KEY": KEY}
    given = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
    page = f'<!doctype html><base href="{router.base_url}/">{player}<script>{given}{script}</script>'
    chromium = found()
    with served(page, port) as reports, (folder / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"http://127.0.0.1:{port}/"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            return reports.get(timeout=WITHIN_S)
        finally:
            browser.terminate()
            browser.wait(WITHIN_S)


@contextmanager
def house(folder: Path, port: int, extra: str = "") -> Iterator[Process]:
    """A router that lets the page's origin in, and a node."""
    with start_node(folder) as node:
        config = f"""\
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
server: {{cors_origins: ["http://127.0.0.1:{port}"]}}
{extra}"""
        with start_router(config, folder) as router:
            yield router


def spoken_s(router: Process, headers: dict[str, str]) -> float:
    """How long the text is."""
    answer = http.post(
        f"{router.base_url}/v1/audio/speech", json={"input": TEXT, "response_format": "pcm"}, headers=headers
    )
    return len(answer.content) / 48_000


@pytest.mark.shows(
    client="Chromium",
    route="POST /v1/audio/speech/hls",
    what="plays it while it is made, to its end, with no library",
)
def test_chromium_plays_a_broadcast(tmp_path: Path) -> None:
    """While it is made, to its end, with no library."""
    port = free_port()
    with house(tmp_path, port) as router:
        told = seen(PLAYS, router, port, tmp_path)
        expected_s = spoken_s(router, {})
    assert "error" not in told, told
    assert told["time"] == pytest.approx(expected_s, abs=0.3)
    note(f"Chromium plays HLS {told['playing_ms']:.0f} ms after it is asked to; {told['time']:.2f} s in all")


@pytest.mark.shows(
    client="Chromium",
    route="WS /v1/audio/speech/ws",
    what="a page's key as a subprotocol; chunks as they are made",
)
def test_chromium_hears_a_websocket(tmp_path: Path) -> None:
    """On a router with keys."""
    port = free_port()
    clients = f"clients:\n  page: {{key_sha256: {key_hash(KEY)}}}\n"
    with house(tmp_path, port, clients) as router:
        told = seen(LISTENS, router, port, tmp_path)
        expected_s = spoken_s(router, {"Authorization": f"Bearer {KEY}"})
    assert ("speech", 1005) == (told["protocol"], told["code"]), told
    assert told["last"]["audio_duration"] == pytest.approx(expected_s, abs=0.01)
    assert told["bytes"] == pytest.approx(expected_s * 48_000, abs=4)
