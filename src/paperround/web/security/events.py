"""Logs security events of requests, with a pseudonym of the network that they came from."""

from __future__ import annotations

from fastapi import Request

from paperround.security_events import SecurityEvent, record_security_event
from paperround.web.dependencies import signer_of
from paperround.web.security.client_ip import find_source_network


def record_event(
    request: Request, event: SecurityEvent, *, reader: int | None = None, subject: str | int | None = None
) -> None:
    """Log what a request did, or was refused."""
    network = signer_of(request).pseudonymise("network", find_source_network(request))
    record_security_event(event, reader=reader, network=network, subject=subject)
