"""What Prometheus and Grafana ask for exists: metrics, labels, variables and states, and each metric has its row.

These are static checks: running Prometheus on it all is `tests/soak`'s.
"""

import ast
import re
from pathlib import Path
from typing import Final

import pytest
from deploy_files import Query, grouping_labels, panels, queries, rules, selectors, variables
from deployed import ROOT

from router.health import HostState, ProviderState

ROUTER_METRICS: Final = ROOT / "router" / "metrics.py"
NODE_METRICS: Final = ROOT / "tts-node" / "tts_node" / "metrics.py"
# The router's own kinds (router/counting.py) by what they are to Prometheus.
KINDS: Final = {"Counts": "Counter", "Levels": "Gauge", "Distributions": "Histogram"}
SUFFIXES: Final = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
# From Prometheus itself, and what it adds to every series.
OWN_SERIES: Final = {"up": set[str](), "ALERTS": {"alertname", "alertstate"}}
OWN_LABELS: Final = {"job", "instance", "le"}


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
