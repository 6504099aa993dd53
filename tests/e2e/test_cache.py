"""Speech that was spoken before: after a restart, and after a purge by the command."""

from pathlib import Path

import httpx
from figures import BUSY_S
from processes import Process, free_port, http, run_command, start_node, start_router, wait_until

pytest_plugins = ["process_logs"]

SEEN_WITHIN_S = 1.1  # the promise of the command's help, and one look
BODY = {"input": "The washing machine has finished.", "response_format": "wav"}


def _config(folder: Path, node: int) -> str:
    return (
        f"providers: {{node: {{kind: tts-node, url: 'http://127.0.0.1:{node}'}}, demo: {{kind: demo}}}}\n"
        "models: {speech: {serves: speech, routes: [{provider: node, model: espeak}]}}\n"
        f"cache: {{dir: '{folder / 'kept'}', phrases: [{{text: Dinner is ready., format: wav}}]}}\n"
    )


def _say(router: Process, text: str = BODY["input"]) -> httpx.Response:
    answer = http.post(f"{router.base_url}/v1/audio/speech", json={**BODY, "input": text})
    assert answer.status_code == 200
    return answer


def _cache(answer: httpx.Response) -> str:
    return answer.headers["x-router-cache"]


def test_it_survives_a_restart_and_not_a_purge(tmp_path: Path) -> None:
    """Byte for byte; a router that runs sees the command's purge within a second."""
    port = free_port()
    with start_node(tmp_path, port=port):
        with start_router(_config(tmp_path, port), tmp_path) as router:
            first, second = _say(router), _say(router)
            assert ["miss", "hit"] == [_cache(answer) for answer in (first, second)]
        with start_router(_config(tmp_path, port), tmp_path) as router:
            third = _say(router)
            assert ("hit", first.content, first.content) == (_cache(third), second.content, third.content)
            shown = router.get("/admin/cache").json()
            assert shown["disk"]["entries"] >= 2
            purged = run_command("cache", "purge", "--config", tmp_path / "router.yaml")
            assert (0, True) == (purged.returncode, "entries deleted" in purged.stdout)
            wait_until("the purge is seen", lambda: "miss" == _cache(_say(router)), SEEN_WITHIN_S + BUSY_S)


def test_phrases_are_there_before_anybody_asks(tmp_path: Path) -> None:
    """Spoken at start, so the first who asks gets a hit; also when the node comes later."""
    port = free_port()
    with start_router(_config(tmp_path, port), tmp_path) as router, start_node(tmp_path, port=port):
        wait_until("the phrases are ready", lambda: "phrases of the cache are ready" in router.output)
        assert "hit" == _cache(_say(router, "Dinner is ready."))
