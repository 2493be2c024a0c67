"""Traces are off unless OpenTelemetry's own variables ask for them, and then go from web to worker."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from paperround import traces
from paperround.database import Database
from paperround.settings import Settings

from support.jobs import run_waiting_jobs
from support.pages import opened

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({"OTEL_SERVICE_NAME": "papers"}, False),
        ({ENDPOINT: "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({ENDPOINT: "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_decide(environment: dict[str, str], wanted: bool) -> None:
    assert traces.are_wanted(environment) is wanted


def test_without_them_nothing_of_it_is_imported() -> None:
    program = (
        "import sys\nfrom paperround import traces\n"
        "with traces.exported('web'), traces.span('x') as span:\n    assert span is None\n"
        "assert traces.current_parent() is None\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, env={}).returncode == 0


def test_where_the_packages_are_missing_it_says_so_and_goes_on() -> None:
    program = (
        "import sys\nsys.modules['opentelemetry.sdk.trace'] = None\nfrom paperround import traces\n"
        "with traces.exported('web'), traces.span('x'):\n    print('on')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={ENDPOINT: "http://c:4318"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install 'paperround[telemetry]'" in ended.stdout
    assert ended.stdout.endswith("on\n")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A collector on loopback, and the spans that it was sent."""
    service = pytest.importorskip(
        "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
        reason="paperround[telemetry] is not installed",
    )
    pytest.importorskip("opentelemetry.sdk.trace", reason="paperround[telemetry] is not installed")
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = service.ExportTraceServiceRequest.FromString(body)
            received.extend(
                span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_request_and_the_job_that_it_added_are_one_trace(
    database: Database, database_url: str, settings: Settings, collector: list[Any]
) -> None:
    async with opened(database_url) as client:
        await client.post("/sign-in", data={"email": "ada@example.org"})
    with traces.exported("worker"):
        await run_waiting_jobs(database, settings)

    by_name = {span.name: span for span in collector}
    request, job = by_name["POST /sign-in"], by_name["send_sign_in_links"]
    assert job.parent_span_id == request.span_id
    assert job.trace_id == request.trace_id
    assert "ada" not in str(collector)
