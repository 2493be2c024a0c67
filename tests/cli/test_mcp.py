"""`paperround mcp`: it ends when it is told to, though an agent holds its input open."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from support.commands import command_environment

PING = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
}}  # fmt: skip


@pytest.mark.slow
def test_a_signal_ends_it_while_its_input_is_open(database_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "paperround", "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=command_environment(database_url=database_url),
        text=True,
    ) as agent:
        assert agent.stdin
        assert agent.stdout
        agent.stdin.write(f"{json.dumps(PING)}\n")
        agent.stdin.flush()
        assert json.loads(agent.stdout.readline())["result"]["serverInfo"]["name"]

        agent.send_signal(signal.SIGTERM)
        assert agent.wait(60) == -signal.SIGTERM
        assert agent.stderr
        assert "Traceback" not in agent.stderr.read()
