"""The installed wheel stands on its own: templates, migrations and alembic.ini come with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ASK_FOR_A_PAGE = """
import asyncio, sys, httpx
from paperround import __file__ as where
from paperround.settings import Settings
from paperround.web.app import create_app

async def main():
    app = create_app(Settings(_env_file=None), sys.argv[1])
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for path in ("/papers", "/static/style.css", "/readyz"):
                print((await client.get(path)).status_code)
print(where)
asyncio.run(main())
"""


@pytest.mark.slow
def test_an_installed_wheel_migrates_and_serves_without_the_checkout(
    tmp_path: Path, bare_database_url: str
) -> None:
    built = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(built, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    elsewhere = tmp_path / "installed"
    into = ["--no-deps", "--no-index", "--no-compile", "--quiet", "--target", str(elsewhere)]
    subprocess.run([sys.executable, "-m", "pip", "install", *into, str(wheel)], check=True)

    environment = os.environ | {
        "PYTHONPATH": str(elsewhere),
        "PAPERROUND_DATABASE_URL": bare_database_url,
    }
    run = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True, "timeout": 120}
    upgraded = subprocess.run([sys.executable, "-m", "paperround", "db", "upgrade"], **run)  # type: ignore[call-overload]
    assert upgraded.returncode == 0, upgraded.stderr
    asked = subprocess.run([sys.executable, "-c", ASK_FOR_A_PAGE, bare_database_url], **run)  # type: ignore[call-overload]
    where, *codes = asked.stdout.split()
    assert where.startswith(str(elsewhere)), asked.stderr
    assert codes == ["200", "200", "200"]
