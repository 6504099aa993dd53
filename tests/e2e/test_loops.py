"""A request that comes back to the router that passed it on is a 508, not an endless round."""

import json
from pathlib import Path

import pytest
from bad_input import CHAT, MESSAGES, SPEECH, Case, chat, check, exchange, raw_request
from processes import Process, free_port, start_router, start_upstream, wait_until

pytest_plugins = ["process_logs"]


def test_own_via_is_a_loop(tmp_path: Path) -> None:
    """A request with the mark that this router puts on what it passes on is a 508; any other Via is none."""
    with start_upstream(tmp_path, "m") as upstream:
        config = f"providers:\n  llm: {{kind: openai, url: '{upstream.base_url}'}}\n"
        with start_router(config, tmp_path) as router:
            foreign = Case("foreign Via", CHAT, chat(), headers=("Via: 1.1 somebody, 1.0 else",))
            assert exchange(router.port, raw_request(foreign, router.port)).status == 200
            (passed_on,) = upstream.get("/_exchanges").json()
            ((_, via),) = [header for header in passed_on["headers"] if header[0] == "via"]
            assert via.startswith("1.1 somebody, 1.0 else, 1.1 local-ai-router-")
            for path in (CHAT, SPEECH, MESSAGES, "/v1/models"):
                check(router, Case("own Via", path, chat(), 508, code="loop_detected", headers=(f"Via: {via}",)))


def has_model(router: Process, name: str) -> bool:
    return name in [model["id"] for model in router.get("/v1/models").json()["data"]]


def test_loop_is_detected(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two routers whose providers are each other: 508 from the second pass, not an endless round."""
    folder = tmp_path_factory.mktemp("loop")
    ports = free_port(), free_port()

    def config(other: int) -> str:
        provider = f"{{kind: openai, url: 'http://127.0.0.1:{other}', models: [m]}}"
        return f"providers:\n  other: {provider}\n  demo: {{kind: demo}}\n"

    with (
        start_router(config(ports[1]), folder, port=ports[0], name="one") as one,
        start_router(config(ports[0]), folder, port=ports[1], name="two") as two,
    ):
        wait_until("the routers know each other's model", lambda: has_model(one, "m") and has_model(two, "m"))
        case = Case("loop", CHAT, chat(model="m"))
        answer = exchange(two.port, raw_request(case, two.port))
        assert (answer.status, json.loads(bytes(answer.body))["error"]["code"]) == (508, "loop_detected")
