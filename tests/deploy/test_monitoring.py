"""The dashboard and the alerts ask for series that `/metrics` has, in words that Prometheus understands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from paperround import metrics
from paperround.database import Database, utc_now
from paperround.settings import Settings
from paperround.web.metrics import collect_gauges, collect_summary_gauges

from support.factories import feed_record, store_listing

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus-alerts.yml"
DASHBOARD = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text(encoding="utf-8"))
WITH_SUMMARIES = Settings(_env_file=None, summary_url="http://127.0.0.1:9", summary_model="m")
SERIES = re.compile(r"\b(paperround_\w+|process_\w+)\b")


def dashboard_expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def alert_rules() -> list[dict[str, str]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


async def exposed_metrics(database: Database) -> list[Metric]:
    """All metrics of a web process and a worker."""
    await store_listing(database, "2026-03-02", feed_record())
    async with database.read_session() as session:
        gauges = await collect_gauges(session, ["huggingface"], now=utc_now())
        summaries = await collect_summary_gauges(session, WITH_SUMMARIES, now=utc_now())
    return [*gauges, *summaries, *metrics.REGISTRY.collect()]


def series_names(metric: Metric) -> set[str]:
    suffixes = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}.get(metric.type, ("",))
    return {f"{metric.name}{suffix}" for suffix in suffixes}


@pytest.mark.parametrize("asker", ["dashboard", "alerts"])
async def test_every_series_that_is_asked_for_exists(database: Database, asker: str) -> None:
    expressions = (
        dashboard_expressions() if asker == "dashboard" else [rule["expr"] for rule in alert_rules()]
    )
    asked = set(SERIES.findall("\n".join(expressions)))
    exposed = set().union(*map(series_names, await exposed_metrics(database)))

    assert asked
    assert asked - exposed == set()


async def test_the_dashboard_shows_every_metric(database: Database) -> None:
    asked = "\n".join(dashboard_expressions())
    own = [metric.name for metric in await exposed_metrics(database) if metric.name.startswith("paperround_")]
    assert [name for name in own if name not in asked] == []


def test_every_alert_names_a_heading_of_the_operations_page() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    }
    named = {rule["annotations"]["runbook"].split("#")[1] for rule in alert_rules()}  # type: ignore[index]
    assert named - headings == set()


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian's package `prometheus` has it)")
    return found


def test_prometheus_accepts_the_alerts(promtool: str) -> None:
    subprocess.run([promtool, "check", "rules", "--lint-fatal", ALERTS], check=True, capture_output=True)


def test_prometheus_accepts_the_dashboard(promtool: str, tmp_path: Path) -> None:
    """As recording rules, the only form in which promtool looks at expressions."""
    rules = [
        {"record": f"dashboard:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(dashboard_expressions())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    subprocess.run([promtool, "check", "rules", path], check=True, capture_output=True)


async def test_prometheus_finds_no_fault_with_the_names(promtool: str, database: Database) -> None:
    class Exposed(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from found

    found = await exposed_metrics(database)
    registry = CollectorRegistry()
    registry.register(Exposed())
    ended = subprocess.run(
        [promtool, "check", "metrics"],
        input=generate_latest(registry),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert set(ended.stdout.decode().splitlines()) <= {
        'paperround_feed_failing_days use base unit "seconds" instead of "days"'  # it counts lists, not time
    }
