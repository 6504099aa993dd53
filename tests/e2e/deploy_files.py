"""What `deploy/` asks Prometheus for: queries of the dashboard, the expressions of the rules, and what they name.

PromQL is read as far as names go: strings, groupings and ranges are taken out, what is left and is neither a
function nor a keyword is a metric.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD: Final = DEPLOY / "grafana" / "dashboards" / "local-ai-router.json"
PROMETHEUS: Final = DEPLOY / "prometheus"
RULE_FILES: Final = ("recording.yml", "alerts.yml")

_GROUPING: Final = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGE: Final = re.compile(r"\[[^\]]*\]")
_OFFSET: Final = re.compile(r"\boffset\s+\w+")
_BRACES: Final = r"\{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*\}"
_SELECTOR: Final = re.compile(rf"(?<![\w:.])([A-Za-z_:][\w:]*+)({_BRACES})?+(?!\s*\()")
_MATCHER: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")
_KEYWORDS: Final = frozenset({"and", "or", "unless", "bool", "inf", "nan"})


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel or a rule's expression; `where` names it for people."""

    where: str
    expr: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric as an expression asks for it."""

    metric: str
    text: str
    matchers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, recording or alerting. `name` is the recorded metric or the alert."""

    name: str
    expr: str
    is_alert: bool
    annotations: dict[str, str]


def dashboard() -> dict[str, Any]:
    """The dashboard's JSON."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel but the rows, under a name that is its own: row, title, number."""
    row = ""
    for panel in dashboard()["panels"]:
        if panel["type"] == "row":
            row = panel["title"].partition(":")[0]
        else:
            yield f"{row} / {panel['title']} (panel {panel['id']})", panel


def queries() -> list[Query]:
    """Every query of every panel, variables and all."""
    return [
        Query(f"{where} {target['refId']}", target["expr"])
        for where, panel in panels()
        for target in panel.get("targets", [])
    ]


def variables() -> list[Query]:
    """The dashboard's variables: `label_values(metric, label)`."""
    return [Query(variable["name"], variable["definition"]) for variable in dashboard()["templating"]["list"]]


def rules() -> list[Rule]:
    """Every rule, in the order of evaluation."""
    return [
        Rule(rule.get("alert") or rule["record"], rule["expr"], "alert" in rule, rule.get("annotations", {}))
        for name in RULE_FILES
        for group in load_yaml(PROMETHEUS / name)["groups"]
        for rule in group["rules"]
    ]


def selectors(expr: str) -> list[Selector]:
    """The metrics that an expression asks for, each as it stands there."""
    bare = _OFFSET.sub("", _RANGE.sub("", _GROUPING.sub("", expr)))
    return [
        Selector(name, name + braces, tuple(_MATCHER.findall(braces)))
        for name, braces in _SELECTOR.findall(bare)
        if name.lower() not in _KEYWORDS
    ]


def grouping_labels(expr: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    return {label.strip() for _, inside in _GROUPING.findall(expr) for label in inside.split(",") if label.strip()}


def load_yaml(file: Path) -> Any:
    """A YAML file's document."""
    return yaml.safe_load(file.read_text())
