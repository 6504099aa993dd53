"""Prometheus and Grafana as they are provisioned: targets, data source, dashboards, and a word on every alert."""

import re
from pathlib import Path

from deploy_files import DEPLOY, PROMETHEUS, load_yaml, panels, rules
from deployed import BUILT, PORTS, ROOT, services


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
