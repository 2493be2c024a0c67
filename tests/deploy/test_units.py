"""The systemd units and the Kubernetes example are valid, and name commands and settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import typer
import yaml

from paperround.cli.app import app
from paperround.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
RESOURCES: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
)
PODS = {
    resource["metadata"]["name"]: resource["spec"]["template"]["spec"]
    for resource in RESOURCES
    if resource["kind"] in ("Deployment", "Job")
}
MAX_EXPOSURE = 2.0  # of 10, as `systemd-analyze security` counts


@pytest.mark.parametrize(
    "path", [*UNITS, *sorted(DEPLOY.glob("**/*.y*ml")), *sorted(DEPLOY.glob("**/*.example"))], ids=str
)
def test_every_setting_and_secret_exists(path: Path) -> None:
    named = set(re.findall(r"PAPERROUND_([A-Z_]+?)(?:_FILE)?\b", path.read_text(encoding="utf-8")))
    assert named - {name.upper() for name in Settings.model_fields} == set()


def test_every_command_exists() -> None:
    commands = set(cast(Any, typer.main.get_command(app)).commands)
    of_units = {re.search(r"bin/paperround (\w+)", unit.read_text())[1] for unit in UNITS}
    of_pods = {pod["containers"][0]["args"][1] for pod in PODS.values()}
    assert of_units == {"up", "web", "worker", "clock", "encoder"}
    assert of_pods == {"db", "web", "worker", "clock", "encoder"}
    assert of_units | of_pods <= commands


def test_systemd_accepts_the_units_and_finds_little_exposed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        # systemd asks whether the program is there, and it is not installed in /opt here.
        text = unit.read_text(encoding="utf-8").replace("/opt/paperround/bin/paperround", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    paths = sorted(tmp_path.iterdir())
    verified = subprocess.run(
        ["systemd-analyze", "verify", *paths], check=True, capture_output=True, text=True
    )
    assert verified.stderr == ""
    threshold = f"--threshold={round(MAX_EXPOSURE * 10)}"
    for path in paths:
        subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", threshold, path], check=True, capture_output=True
        )


def test_the_resources_meet_the_schemas_of_kubernetes() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for resource in RESOURCES:
        validator.validate(resource, validator.latest_version(), strict=True)


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_confined(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert not [variable for variable in container.get("env", ()) if "FILE" not in variable["name"]]


def test_selectors_find_pods_and_ports() -> None:
    templates = [r["spec"]["template"]["metadata"]["labels"] for r in RESOURCES if r["kind"] == "Deployment"]
    for service in (r for r in RESOURCES if r["kind"] == "Service"):
        [found] = [labels for labels in templates if service["spec"]["selector"].items() <= labels.items()]
        pod = PODS[f"paperround-{found['app.kubernetes.io/component']}"]
        ports = {port["name"] for port in pod["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
