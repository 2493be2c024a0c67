"""Traces by OpenTelemetry: off, and nothing imported, unless the standard variables ask for them.

`OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) switches them on; the packages are in
`paperround[telemetry]`. The other `OTEL_…` variables are read by OpenTelemetry itself. Spans carry names and
numbers of ours alone: no address, no query, no text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

import structlog

logger = structlog.get_logger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SpanKind = Literal["server", "client", "consumer", "internal"]
_tracers: list[Any] = []  # the tracer in use, if there is one


def are_wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether OpenTelemetry's variables ask for traces."""
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    is_none = environment.get("OTEL_TRACES_EXPORTER", "otlp").lower() == "none"
    return any(map(environment.get, ENDPOINTS)) and not is_disabled and not is_none


@contextmanager
def exported(process: str) -> Iterator[None]:
    """Export spans while the block runs, if the environment asks for it. At its end the last are sent."""
    if not are_wanted(os.environ):
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("traces are asked for, but not installed: pip install 'paperround[telemetry]'")
        yield
        return
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or f"paperround-{process}"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("paperround")
    _tracers.append(tracer)
    try:
        yield
    finally:
        _tracers.remove(tracer)
        provider.shutdown()


@contextmanager
def span(
    name: str,
    kind: SpanKind = "internal",
    *,
    parent: str | None = None,
) -> Iterator[Any]:
    """Make a span of the block, below `parent` (a `traceparent` as W3C has it) or the span around it.

    Yields OpenTelemetry's span, or None while traces are off.
    """
    if not _tracers:
        yield None
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    with _tracers[-1].start_as_current_span(
        name,
        above,
        trace.SpanKind[kind.upper()],
        record_exception=False,  # its text may hold what a person sent
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(trace.StatusCode.ERROR)
            raise


def current_parent() -> str | None:
    """Return the `traceparent` of the span around the caller, for work that goes on elsewhere."""
    if not _tracers:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
