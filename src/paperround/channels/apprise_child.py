"""The process in which Apprise sends one message: `python -m paperround.channels.apprise_child`.

Apprise has its own clients, which resolve names and follow redirects as they like. So it runs by itself, and
an audit hook of Python, which no library can go round, looks at every connection that this process makes.
Its input is a `ChannelTask` in JSON, its output lines of `BEGUN` and an `AppriseOutcome` in JSON.
"""

from __future__ import annotations

import json
import logging
import sys
from ipaddress import ip_address, ip_network
from typing import Any, Final

from paperround.channels.apprise_process import BEGUN, AppriseOutcome, ChannelTask
from paperround.outbound.addresses import Network, is_in_networks, is_public

PROGRAM_EVENTS: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"}
)


class ConnectionRefused(OSError):
    """A connection to an address that messages may not go to."""


class ConnectionGuard:
    """Refuses connections to addresses that aren't public or in one of the networks, and other programs.

    What is not encrypted may go to the networks alone.
    """

    def __init__(self, networks: list[Network]) -> None:
        self._networks = networks
        self.is_encrypted = True

    def install(self) -> None:
        sys.addaudithook(self._look_at)

    def _look_at(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in PROGRAM_EVENTS:
            raise ConnectionRefused("no program is started here")
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and not self._is_allowed(
            arguments[1]
        ):
            raise ConnectionRefused("this address is not public")

    def _is_allowed(self, target: object) -> bool:
        if not isinstance(target, tuple) or not isinstance(target[0], str):
            return False  # a socket of this machine
        try:
            address = ip_address(target[0].partition("%")[0])
        except ValueError:
            return False  # a name, which would be resolved after this look
        return is_in_networks(address, self._networks) or (self.is_encrypted and is_public(address))


class Exchange:
    """What is seen of the requests that Apprise makes: the last status, and whether an answer is missing."""

    def __init__(self, guard: ConnectionGuard) -> None:
        self._guard = guard
        self.status: int | None = None
        self.is_lost = False

    def install(self) -> None:
        import requests

        send = requests.Session.send

        def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
            self._guard.is_encrypted = str(request.url).startswith("https://")
            try:
                response = send(session, request, **{**options, "allow_redirects": False})
            except requests.ConnectTimeout:
                raise
            except requests.ConnectionError as error:
                self.is_lost = not _is_before_connection(error)
                raise
            except requests.RequestException:
                self.is_lost = True
                raise
            self.status = response.status_code
            return response

        requests.Session.send = watched  # type: ignore[method-assign, assignment]


def _is_before_connection(error: BaseException) -> bool:
    """Tell whether a failure was to connect, to resolve or to agree on TLS: nothing was handed over then."""
    from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError | SSLError | ConnectionRefused)


def send(task: ChannelTask) -> AppriseOutcome:
    """Send a message by Apprise."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses
    asset = apprise.AppriseAsset(app_id="Paperround", async_mode=False)
    service = apprise.Apprise.instantiate(task.url, asset=asset, suppress_exceptions=True)
    if service is None:
        return AppriseOutcome("refused", None)
    guard = ConnectionGuard([ip_network(network) for network in task.networks])
    exchange = Exchange(guard)
    exchange.install()
    guard.install()
    print(BEGUN, flush=True)
    is_sent = service.notify(title=task.title, body=task.body, body_format=apprise.NotifyFormat.MARKDOWN)
    if is_sent:
        return AppriseOutcome("sent", exchange.status)
    return AppriseOutcome("lost" if exchange.is_lost else "refused", exchange.status)


if __name__ == "__main__":
    outcome = send(ChannelTask(**json.load(sys.stdin)))
    print(json.dumps(outcome._asdict()), flush=True)
