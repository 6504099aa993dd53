"""What `deploy/` holds fits the house: ports, files, variables, keys, and every metric that is asked for exists.

No Docker engine is needed: these are the static checks. Running Prometheus on it all is `tests/soak`'s.
"""

import ast
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from deploy_files import (
    DEPLOY,
    PROMETHEUS,
    Query,
    grouping_labels,
    load_yaml,
    panels,
    queries,
    rules,
    selectors,
    variables,
)

from router.config import ConfigError, check_exposure, load
from router.health import HostState, ProviderState

ROOT: Final = DEPLOY.parent
COMPOSE: Final = DEPLOY / "compose.yaml"
ROUTER_METRICS: Final = ROOT / "router" / "metrics.py"
NODE_METRICS: Final = ROOT / "tts-node" / "tts_node" / "metrics.py"
PORTS: Final = {"router": 8700, "tts-node": 8006, "prometheus": 9090, "grafana": 3000, "ollama": 11434}
BUILT: Final = ("router", "tts-node")
# The router's own kinds (router/counting.py) by what they are to Prometheus.
KINDS: Final = {"Counts": "Counter", "Levels": "Gauge", "Distributions": "Histogram"}
SUFFIXES: Final = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
# From Prometheus itself, and what it adds to every series.
OWN_SERIES: Final = {"up": set[str](), "ALERTS": {"alertname", "alertstate"}}
OWN_LABELS: Final = {"job", "instance", "le"}
VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


# metrics


def metrics_of(source: Path) -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of every metric that a file makes, by its name in the exposition (a histogram's base)."""
    found = {}
    for node in ast.walk(ast.parse(source.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        kind = KINDS.get(node.func.id, node.func.id)
        if kind in SUFFIXES:
            name = ast.literal_eval(node.args[0])
            name += "_total" if kind == "Counter" and not name.endswith("_total") else ""
            labels = next((set(ast.literal_eval(a)) for a in node.args[1:] if isinstance(a, ast.List)), set())
            found[name] = (kind, labels)
    return found


def series_of(source: Path) -> dict[str, set[str]]:
    """The labels of every series of a file's metrics, by its name."""
    return {
        name.removesuffix("_total") + suffix if kind == "Counter" else name + suffix: labels
        for name, (kind, labels) in metrics_of(source).items()
        for suffix in SUFFIXES[kind]
    }


def recorded(series: dict[str, set[str]]) -> dict[str, set[str]]:
    """The labels of the series that rules record: what the rule groups by, else what it is made from has."""
    found: dict[str, set[str]] = {}
    for rule in (rule for rule in rules() if not rule.is_alert):
        known = series | found
        inside = {label for s in selectors(rule.expr) for label in known.get(s.metric, set[str]())}
        found[rule.name] = grouping_labels(rule.expr) or inside
    return found


REGISTERED: Final = series_of(ROUTER_METRICS) | series_of(NODE_METRICS) | OWN_SERIES
SERIES: Final = REGISTERED | recorded(REGISTERED)
EXPRESSIONS: Final = [(f"panel {q.where}", q.expr) for q in queries()] + [
    (f"rule {r.name}", r.expr) for r in rules()
]
each_expression = pytest.mark.parametrize(
    "expr", [e for _, e in EXPRESSIONS], ids=[where for where, _ in EXPRESSIONS]
)


@each_expression
def test_query_asks_for_metrics_that_exist(expr: str) -> None:
    """Every metric of a panel or a rule is registered by the router or the node, or recorded by a rule."""
    assert {s.metric for s in selectors(expr)} - SERIES.keys() == set()


@each_expression
def test_query_asks_for_labels_that_exist(expr: str) -> None:
    """Every label that a query matches or groups by is one of its metrics' or Prometheus' own."""
    asked = selectors(expr)
    for selector in asked:
        known = SERIES.get(selector.metric, set[str]()) | OWN_LABELS
        assert {label for label, _ in selector.matchers} - known == set(), selector.text
    available = {label for selector in asked for label in SERIES.get(selector.metric, set[str]())}
    assert grouping_labels(expr) - available - OWN_LABELS == set()


@pytest.mark.parametrize("query", variables(), ids=lambda query: query.where)
def test_variable_asks_for_a_label_that_exists(query: Query) -> None:
    """The values of a dashboard's variable come from a label of a metric that exists."""
    found = re.fullmatch(r"label_values\((\w+), (\w+)\)", query.expr)
    assert found is not None
    assert found[2] in SERIES[found[1]]


def test_queries_use_only_variables_that_exist() -> None:
    """A `$name` in a query is a variable of the dashboard or Grafana's own rate interval."""
    used = {name for query in queries() for name in re.findall(r"\$(\w+)", query.expr)}
    assert used == {variable.where for variable in variables()} | {"__rate_interval"}


@pytest.mark.parametrize(
    ("metric", "states"),
    [
        ("router_provider_state", {*ProviderState}),
        ("router_host_state", {*HostState}),
        ("tts_node_model_state", {"up", "cold", "loading", "yielded", "draining"}),
    ],
)
def test_timeline_knows_every_state(metric: str, states: set[str]) -> None:
    """A state timeline has a code for each state, and shows that code as that state."""
    (expr, mapping) = next(
        (panel["targets"][0]["expr"], panel["fieldConfig"]["defaults"]["mappings"][0]["options"])
        for _, panel in panels()
        if panel["type"] == "state-timeline" and metric in panel["targets"][0]["expr"]
    )
    coded = {state: code for code, state in re.findall(rf'(\d+) \* {metric}{{state="(\w+)"', expr)}
    assert coded.keys() == states
    assert {code: shown["text"] for code, shown in mapping.items()} == {code: s for s, code in coded.items()}


def test_available_means_what_the_router_means() -> None:
    """The rule's states of an available provider are the router's, but for `unknown`, which nobody saw yet."""
    (rule,) = (rule for rule in rules() if rule.name == "provider:router_available:max")
    ((_, states),) = (m for s in selectors(rule.expr) for m in s.matchers if m[0] == "state")
    assert set(states.split("|")) == {state for state in ProviderState if state.is_available} - {"unknown"}


@pytest.mark.parametrize(
    ("source", "document"),
    [(ROUTER_METRICS, ROOT / "docs" / "metrics.md"), (NODE_METRICS, ROOT / "tts-node" / "README.md")],
    ids=["router", "tts-node"],
)
def test_every_metric_is_documented(source: Path, document: Path) -> None:
    """The document's table has a row for each metric, and none for a metric that does not exist."""
    told = re.findall(r"^\| `(\w+)(?:\{[\w,]*\})?` \|", document.read_text(), re.MULTILINE)
    assert sorted(name for name in told if name.startswith(("router_", "tts_node_"))) == sorted(metrics_of(source))


# Prometheus and Grafana


def test_prometheus_scrapes_what_compose_runs() -> None:
    """The scrape targets are the compose services on the contract's ports."""
    targets = {
        job["job_name"]: [target for static in job["static_configs"] for target in static["targets"]]
        for job in load_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    }
    assert targets == {name: [f"{name}:{PORTS[name]}"] for name in BUILT}


def test_every_alert_is_explained() -> None:
    """docs/deploy.md has a row for each alert, and each alert says in a line what it means."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    alerts = [rule for rule in rules() if rule.is_alert]
    assert re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE) == [alert.name for alert in alerts]
    assert [alert.name for alert in alerts if not {"summary", "description"} <= alert.annotations.keys()] == []


def test_every_panel_asks_the_provisioned_source() -> None:
    """Panels and their queries name the data source that is provisioned, by its uid."""
    (source,) = load_yaml(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml")["datasources"]
    sources = [panel["datasource"] for _, panel in panels()]
    sources += [target["datasource"] for _, panel in panels() for target in panel.get("targets", [])]
    assert {source["uid"]} == {asked["uid"] for asked in sources}
    assert f"http://prometheus:{PORTS['prometheus']}" == source["url"]


def test_panels_neither_overlap_nor_share_a_number() -> None:
    """No two panels stand in the same place, none is wider than the dashboard, each has a number of its own."""
    taken: set[tuple[int, int]] = set()
    for where, panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, where
        assert at["x"] + at["w"] <= 24, where
        taken |= cells
    ids = [panel["id"] for _, panel in panels()]
    assert len(set(ids)) == len(ids)


def test_provisioned_dashboards_are_where_compose_mounts_them() -> None:
    """Grafana reads dashboards, and its home, from the folder that compose mounts."""
    (provider,) = load_yaml(DEPLOY / "grafana" / "provisioning" / "dashboards" / "local-ai-router.yaml")[
        "providers"
    ]
    grafana = services()["grafana"]
    mounted = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    assert mounted["./grafana/dashboards"] == provider["options"]["path"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (DEPLOY / "grafana" / "dashboards" / home.name).is_file()


# compose


def services() -> dict[str, Any]:
    """The services of compose.yaml."""
    found: dict[str, Any] = load_yaml(COMPOSE)["services"]
    return found


@pytest.mark.parametrize("name", PORTS)
def test_service_is_hardened(name: str) -> None:
    """A service restarts, writes to volumes only, has no capabilities, a bound on memory, and logs that rotate."""
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert "max-size" in service["logging"]["options"]
    assert name == "ollama" or not service["user"].startswith(("0", "root"))  # why: in compose.yaml
    assert name in BUILT or "healthcheck" in service  # the built images bring their own


def test_services_are_the_houses() -> None:
    """Compose runs these services and no other."""
    assert services().keys() == PORTS.keys()


def test_images_are_pinned() -> None:
    """Every image, also those that ours are built from, has a version with at least two numbers."""
    images = [service["image"] for service in services().values()]
    images += [line.split()[1] for name in BUILT for line in instructions(name, "FROM")]
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+[\w.-]*$", image)] == []
    versions = [
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["version"]
        for folder in (".", "tts-node")
    ]
    assert [services()[name]["image"] for name in BUILT] == [
        f"local-ai-router:{versions[0]}",
        f"tts-node:{versions[1]}",
    ]


def test_published_ports_are_the_contracts_and_closed_by_default() -> None:
    """What compose publishes is on the contract's port and, unless asked for, on this machine alone."""
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {
        "router": ["${ROUTER_BIND:-127.0.0.1}:8700:8700"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_volumes_exist() -> None:
    """A mounted folder exists in deploy/ and is read-only; every other volume is named and declared."""
    document = load_yaml(COMPOSE)
    named = set()
    for service in document["services"].values():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                assert (DEPLOY / source).is_dir(), volume
                assert target.endswith(":ro"), volume
            else:
                named.add(source)
    assert named == document["volumes"].keys()


def test_dependencies_exist() -> None:
    """A service depends on services that there are."""
    assert {n for service in services().values() for n in service.get("depends_on", [])} <= services().keys()


def test_variables_are_in_the_example() -> None:
    """.env.example has exactly the variables that compose asks for, with the defaults that compose has."""
    asked = {name: (sign, rest) for name, sign, rest in VARIABLE.findall(COMPOSE.read_text())}
    assert {name: rest if sign == "-" else "" for name, (sign, rest) in asked.items()} == example()
    assert {name for name, (sign, _) in asked.items() if sign == ""} == set()


def test_keys_are_required() -> None:
    """Compose has no default for a key: it refuses to start and says what to run."""
    asked = [(name, sign, rest) for name, sign, rest in VARIABLE.findall(COMPOSE.read_text())]
    required = {name: rest for name, sign, rest in asked if sign == "?"}
    assert required.keys() == {"ROUTER_CLIENT_KEY_SHA256", "TTS_NODE_API_KEY", "GRAFANA_ADMIN_PASSWORD"}
    assert {rest for rest in required.values() if "sh deploy/new-env" not in rest} == set()
    assert {sign for name, sign, _ in asked if name in required} == {"?"}


def example(text: str | None = None) -> dict[str, str]:
    """The variables of an .env file, of the example unless a text is given."""
    lines = ((DEPLOY / ".env.example").read_text() if text is None else text).splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def test_new_env_writes_fresh_keys_once(tmp_path: Path) -> None:
    """`new-env` fills in every key, keeps the file to its owner, and the shown key has the hash that is stored."""
    for name in ("new-env", ".env.example"):
        shutil.copy(DEPLOY / name, tmp_path)
    run = ["sh", str(tmp_path / "new-env")]
    first = subprocess.run(run, capture_output=True, text=True, check=True)
    written = tmp_path / ".env"
    values = example(written.read_text())
    key = re.search(r"lar-[0-9a-f]{64}", first.stdout)
    assert key is not None
    assert hashlib.sha256(key[0].encode()).hexdigest() == values["ROUTER_CLIENT_KEY_SHA256"]
    assert re.fullmatch(r"[0-9a-f]{64}", values["TTS_NODE_API_KEY"])
    assert values["GRAFANA_ADMIN_PASSWORD"] in first.stdout
    assert written.stat().st_mode & 0o077 == 0
    assert values.keys() == example().keys()
    again = subprocess.run(run, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "is kept" in again.stderr
    assert example(written.read_text()) == values


def environment_of(name: str) -> dict[str, str]:
    """What compose passes to a service, with every key set."""
    values = {"ROUTER_CLIENT_KEY_SHA256": "0" * 64, "TTS_NODE_API_KEY": "k", "GRAFANA_ADMIN_PASSWORD": "p"}
    return {
        key: VARIABLE.sub(lambda found: values.get(found[1]) or (found[3] if found[2] == "-" else ""), value)
        for key, value in services()[name]["environment"].items()
    }


def test_configuration_loads_with_composes_variables() -> None:
    """The shipped container configuration is valid, may be reached by others, and finds the other services."""
    file = DEPLOY / "router" / "config" / "providers.yaml"
    settings = load(file, environment_of("router"))
    served = settings.model_copy(update={"server": settings.server.model_copy(update={"host": "0.0.0.0"})})
    check_exposure(served, str(file))
    for name, provider in (("local-tts", "tts-node"), ("ollama", "ollama")):
        assert getattr(settings.providers[name], "url", None) == f"http://{provider}:{PORTS[provider]}"


def test_configuration_without_keys_is_refused() -> None:
    """Without the variables the container's router refuses, and names both."""
    with pytest.raises(ConfigError) as refused:
        load(DEPLOY / "router" / "config" / "providers.yaml", {})
    text = "\n".join(str(fault) for fault in refused.value.faults)
    assert "ROUTER_CLIENT_KEY_SHA256" in text
    assert "TTS_NODE_API_KEY" in text


def test_stop_takes_no_longer_than_compose_and_systemd_wait() -> None:
    """Both give the router more time to end than it gives its streams."""
    grace_s = load(ROOT / "config" / "providers.yaml", {}).server.shutdown_grace_s
    assert int(services()["router"]["stop_grace_period"].removesuffix("s")) > grace_s
    assert int(unit("local-ai-router")["TimeoutStopSec"][0]) > grace_s


# Dockerfiles


def instructions(name: str, kind: str) -> list[str]:
    """The instructions of one kind in a service's Dockerfile, continued lines joined."""
    text = (DEPLOY / name / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith(kind + " ")]


@pytest.mark.parametrize("name", BUILT)
def test_copied_files_exist_and_reach_the_builder(name: str) -> None:
    """What a Dockerfile copies from the repository is there and is let through by its .dockerignore."""
    allowed = set((DEPLOY / name / "Dockerfile.dockerignore").read_text().split())
    for line in instructions(name, "COPY"):
        *sources, _target = shlex.split(line)[1:]
        if sources[0].startswith("--from="):
            continue
        for source in sources:
            assert (ROOT / source.rstrip("/")).exists(), source
            assert f"!{source}" in allowed, source
    assert "*" in allowed


@pytest.mark.parametrize("name", BUILT)
def test_image_is_as_the_contract_says(name: str) -> None:
    """An image listens on the contract's port, asks its own health there, and runs as nobody in particular."""
    prefix, command = {"router": ("ROUTER", "local-ai-router"), "tts-node": ("TTS_NODE", "tts-node")}[name]
    (variables,) = instructions(name, "ENV")
    assert f"{prefix}_PORT={PORTS[name]}" in variables
    assert f"{prefix}_HOST=0.0.0.0" in variables
    assert instructions(name, "EXPOSE") == [f"EXPOSE {PORTS[name]}"]
    assert instructions(name, "USER") == [f"USER {services()[name]['user']}"]
    (health,) = instructions(name, "HEALTHCHECK")
    assert f"http://127.0.0.1:{PORTS[name]}/health" in health
    assert instructions(name, "ENTRYPOINT") == [f'ENTRYPOINT ["{command}"]']
    assert services()[name]["build"] == {"context": "..", "dockerfile": f"deploy/{name}/Dockerfile"}


@pytest.mark.parametrize("name", BUILT)
def test_image_installs_hashed_requirements_only(name: str) -> None:
    """What an image takes from a package index is pinned and hashed."""
    installs = [line for line in instructions(name, "RUN") if " install " in line]
    assert len(installs) == 2
    assert "--require-hashes -r /src/requirements.txt" in installs[0]
    assert "--no-deps --no-build-isolation /src" in installs[1]


# systemd


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit, in order."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / f"{name}.service").read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(("name", "project"), [("local-ai-router", "."), ("tts-node", "tts-node")])
def test_unit_starts_a_command_that_exists(name: str, project: str) -> None:
    """A unit starts the project's command from the environment that `make` makes, as nobody in particular."""
    scripts = tomllib.loads((ROOT / project / "pyproject.toml").read_text())["project"]["scripts"]
    (started,) = unit(name)["ExecStart"]
    assert scripts.keys() == {name}
    assert started.split()[:2] == [os.path.normpath(f"/opt/local-ai-router/{project}/.venv/bin/{name}"), "serve"]
    assert unit(name)["DynamicUser"] == ["yes"]
    assert unit(name)["ProtectSystem"] == ["strict"]
    assert unit(name)["Restart"] == ["always"]
