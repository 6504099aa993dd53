"""The dashboard, the alerts and the units, on the real tools: Prometheus, promtool and systemd-analyze of Debian.

A router fails over from one espeak node to the other while Prometheus watches with the shipped configuration; then
every query must find something.
"""

import itertools
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from crowd import Answer, asked, crowd_beside
from deploy_files import DEPLOY, PROMETHEUS, Query, Rule, load_yaml, queries, rules, selectors, variables
from processes import (
    Process,
    answers,
    free_port,
    provider_rows,
    start_node,
    start_router,
    start_upstream,
    started,
    wait_until,
)

pytest_plugins = ["process_logs"]

SPEECH, CHAT = "/v1/audio/speech", "/v1/chat/completions"
ALOUD: Final = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
SCRAPE_S: Final = 1
# What Grafana puts in for its variables: everything chosen, and a few scrapes as the interval.
GRAFANA: Final = {"$__rate_interval": "10s", "$endpoint": ".*", "$provider": ".*"}
# Queries that rightly find nothing in such a run, and why. They must be valid all the same.
QUIET: Final[dict[str, str]] = {}


# the run


def configuration(first: Process, second: Process, llm: Process) -> str:
    """Two nodes of which the first is preferred and the second charges, an LLM server, the demo."""
    return f"""\
hosts:
  pc: {{address: 127.0.0.1}}
providers:
  first: {{kind: tts-node, host: pc, port: {first.port}, tier: 1, probe_interval_s: 5}}
  second: {{kind: tts-node, url: "{second.base_url}", tier: 2, price: {{per_million_characters: 15}}}}
  llm: {{kind: openai, url: "{llm.base_url}", tier: 1}}
  demo: {{kind: demo, words_per_s: 1000}}
"""


def traffic() -> Iterator[tuple[str, dict[str, object]]]:
    """Requests without end: several voices and formats, new and known texts, long and short ones, chats whole and
    streamed, mistakes and failures."""
    hello = [{"role": "user", "content": "hello"}]
    for number in itertools.count():
        say = f"Good evening, the house is up, for the {number}th time."
        requests: list[tuple[str, dict[str, object]]] = [
            (SPEECH, {"input": say, "voice": "nova"}),
            (CHAT, {"model": "demo", "messages": hello}),
            (SPEECH, {"input": say, "voice": "alloy", "response_format": "wav"}),
            (CHAT, {"model": "demo", "messages": hello, "stream": True}),
            (SPEECH, {"input": say, "voice": "onyx", "response_format": "opus", "stream": True}),
            (SPEECH, {"input": "Good evening."}),
            (CHAT, {"model": "m", "messages": hello, "x_pace_s": 0.1}),
            (CHAT, {"model": "demo", "messages": hello, "stream": True, **ALOUD}),
            (CHAT, {"model": "nobody-has-this", "messages": hello}),
            (CHAT, {"model": "m", "messages": hello, "x_status": 500}),
            (SPEECH, {"input": 7}),
        ]
        yield from requests


@dataclass(slots=True)
class House:
    """A run that Prometheus watches."""

    router: Process
    first: Process
    second: Process
    prometheus: Process

    def api(self, path: str, **parameters: str) -> Any:
        """The data of an answer of Prometheus' HTTP API."""
        answer = httpx.get(
            f"{self.prometheus.base_url}/api/v1/{path}", params=parameters, timeout=10, trust_env=False
        )
        document = answer.json()
        assert document["status"] == "success", document
        return document["data"]

    def series(self, expr: str) -> list[dict[str, Any]]:
        """What an expression finds now."""
        found: list[dict[str, Any]] = self.api("query", query=expr)["result"]
        return found

    def alerts(self) -> set[str]:
        """The alerts that are pending or firing."""
        return {alert["labels"]["alertname"] for alert in self.api("alerts")["alerts"]}


@contextmanager
def watched(folder: Path) -> Iterator[House]:
    """Router, two nodes, an LLM server, and Prometheus on top with the shipped configuration."""
    with ExitStack() as stack:
        # Slow enough to be in the middle of something when it is killed.
        first = stack.enter_context(start_node(folder, "--simulate", "rtf=0.2,first=0.2", name="first"))
        second = stack.enter_context(start_node(folder, name="second"))
        llm = stack.enter_context(start_upstream(folder, "m", name="llm"))
        router = stack.enter_context(start_router(configuration(first, second, llm), folder))
        prometheus = stack.enter_context(start_prometheus(folder, router, first, second))
        yield House(router, first, second, prometheus)


@contextmanager
def start_prometheus(folder: Path, router: Process, first: Process, second: Process) -> Iterator[Process]:
    """Debian's Prometheus on the shipped files: other targets, faster, else as they are."""
    shipped = folder / "prometheus"
    shutil.copytree(PROMETHEUS, shipped)
    document = load_yaml(shipped / "prometheus.yml")
    document["global"] = dict.fromkeys(
        ("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{SCRAPE_S}s"
    )
    ports = {"router": router.port, "tts-node": first.port}
    for job in document["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    (shipped / "prometheus.yml").write_text(yaml.safe_dump(document))
    (shipped / "nodes" / "second.yml").write_text(yaml.safe_dump([{"targets": [f"127.0.0.1:{second.port}"]}]))
    port = free_port()
    command = [
        tool("prometheus"),
        f"--config.file={shipped / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with started("prometheus", command, port, folder, is_ready=answers("/-/ready")) as process:
        yield process


def tool(name: str) -> str:
    """Where a tool of Debian's is."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: apt-get install prometheus systemd"
    return found


@contextmanager
def busy(house: House) -> Iterator[list[Answer[str]]]:
    """Traffic for as long as the block lasts."""
    requests = traffic()

    async def ask_once(_client: int) -> Answer[str]:
        path, document = next(requests)
        return await asked(Answer(path), house.router.port, path, document)

    with crowd_beside(1, ask_once) as given:
        yield given


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A busy house in which the preferred node was killed, scraped often enough before and since."""
    with watched(tmp_path_factory.mktemp("house")) as found, busy(found):
        scraped(found, 5)
        wait_until("the first node speaks", lambda: bool(_in_flight(found.router)["first"]))
        found.first.kill()
        scraped(found, 10)
        yield found


def _in_flight(router: Process) -> dict[str, int]:
    """How many requests each provider works on."""
    return {row["id"]: row["in_flight"] for row in provider_rows(router)}


def scraped(house: House, times: int) -> None:
    """Wait for so many more scrapes of the router."""
    expr = 'count_over_time(up{job="router"}[1h])'

    def count() -> int:
        return sum(int(series["value"][1]) for series in house.series(expr))

    enough = count() + times
    wait_until(f"{times} more scrapes", lambda: count() >= enough)


def filled_in(expr: str) -> str:
    """A panel's query as Grafana would send it."""
    for variable, value in GRAFANA.items():
        expr = expr.replace(variable, value)
    return expr


# Prometheus


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.where)
def test_panel_has_data(house: House, query: Query) -> None:
    """A panel's query is valid and finds at least one number, or is known to find none, and why."""
    found = house.series(filled_in(query.expr))
    has_numbers = any(not math.isnan(float(series["value"][1])) for series in found)
    assert has_numbers == (query.where not in QUIET), f"{query.expr}\nfound {found}"


def test_quiet_queries_exist() -> None:
    """Nothing is excused that is not asked."""
    assert QUIET.keys() - {query.where for query in queries()} == set()


@pytest.mark.parametrize("query", variables(), ids=lambda query: query.where)
def test_variable_has_values(house: House, query: Query) -> None:
    """A variable of the dashboard offers values."""
    metric, label = re.findall(r"\w+", query.expr.removeprefix("label_values"))
    assert len(house.api(f"label/{label}/values", **{"match[]": metric})) >= 2


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_rule_finds_what_it_asks_for(house: House, rule: Rule) -> None:
    """A rule evaluates without an error, everything it selects is there, and what it records has numbers."""
    (state,) = (
        each for group in house.api("rules")["groups"] for each in group["rules"] if each["name"] == rule.name
    )
    assert state["health"] == "ok", state
    for selector in selectors(rule.expr):
        assert house.series(selector.text), selector.text
    if not rule.is_alert:
        assert any(not math.isnan(float(series["value"][1])) for series in house.series(rule.name))


def test_failover_was_seen(house: House) -> None:
    """The figures tell what happened: the killed node is away, the other serves, the first failover counts."""
    assert [s["value"][1] for s in house.series('router_provider_state{provider="first", state="down"}')] == ["1"]
    assert house.series('sum by (provider) (rate(router_tts_audio_seconds_count{provider="second"}[10s])) > 0')
    (failovers,) = house.series("sum(increase(instance:router_failovers:sum[1h]))")
    assert float(failovers["value"][1]) > 0.5
    assert {s["metric"]["to_provider"] for s in house.series("router_failovers_total")} == {"second"}
    voices = {s["metric"]["voice"] for s in house.series("router_voice_requests_total")}
    assert {"nova", "alloy", "onyx"} <= voices
    ups = {(s["metric"]["job"], s["metric"]["instance"]): s["value"][1] for s in house.series("up")}
    ports = {"router": house.router.port, "tts-node": house.second.port}
    expected = {(job, f"127.0.0.1:{port}"): "1" for job, port in ports.items()}
    assert expected | {("tts-node", f"127.0.0.1:{house.first.port}"): "0"} == ups


def test_health_check_of_compose_asks_what_answers(house: House) -> None:
    """The address by which compose asks Prometheus for its health answers."""
    *_, url = load_yaml(DEPLOY / "compose.yaml")["services"]["prometheus"]["healthcheck"]["test"]
    assert house.prometheus.get(urlsplit(url).path).status_code == 200


def test_alerts_follow_what_happens(tmp_path: Path) -> None:
    """With no node left speech is alarmed and chat is not; with no router, the router is; before, nothing is."""
    with watched(tmp_path) as house:
        scraped(house, 5)
        assert house.alerts() == set()
        house.first.kill()
        house.second.kill()
        wait_until("nobody speaks", lambda: "NoSpeechProvider" in house.alerts())
        assert "NoChatProvider" not in house.alerts()
        house.router.kill()
        wait_until("the router is missed", lambda: "RouterDown" in house.alerts())


# promtool


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "recording.yml", "alerts.yml"),
        ("test", "rules", "tests.yml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    """promtool accepts configuration and rules, and the rules' own tests pass."""
    run = subprocess.run(
        [tool("promtool"), *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_a_test() -> None:
    """promtool's tests see each alert fire."""
    tested = {
        expected["alertname"]
        for test in load_yaml(PROMETHEUS / "tests.yml")["tests"]
        for expected in test.get("alert_rule_test", [])
        if expected["exp_alerts"]
    }
    assert tested == {rule.name for rule in rules() if rule.is_alert}


# systemd


UNITS: Final = ("local-ai-router", "tts-node")


@pytest.mark.parametrize("name", UNITS)
def test_unit_is_valid(name: str, tmp_path: Path) -> None:
    """systemd finds nothing wrong with a unit, but for the command, which is installed nowhere here."""
    text = (DEPLOY / "systemd" / f"{name}.service").read_text()
    file = tmp_path / f"{name}.service"
    file.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    run = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"{name}.service" not in run.stderr, run.stderr


@pytest.mark.parametrize("name", UNITS)
def test_unit_is_hardened(name: str) -> None:
    """systemd's own measure of exposure, 0 to 10, is 2 at most."""
    file = DEPLOY / "systemd" / f"{name}.service"
    command = [tool("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--json=short", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)
