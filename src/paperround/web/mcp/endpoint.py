"""/mcp over HTTP: who may call what. The `mcp` library is imported only where the setting is on.

It is stateless and answers in JSON: each POST is one message and one answer, so any web process can take it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround.accounts import api_keys
from paperround.accounts.api_keys import KeyHolder
from paperround.accounts.tables import Scope as KeyScope
from paperround.database import utc_now
from paperround.errors import PaperroundError
from paperround.security_events import SecurityEvent
from paperround.settings import Settings
from paperround.web.dependencies import (
    Config,
    Forbidden,
    NotFound,
    SignInNeeded,
    database_of,
    query_encoder_of,
    settings_of,
)
from paperround.web.mcp.callers import STATE, Caller, require_scope
from paperround.web.router import Router
from paperround.web.security.bodies import require_plain_text
from paperround.web.security.costs import costly_turn
from paperround.web.security.csrf import CROSS_SITE, is_own_origin
from paperround.web.security.events import record_event
from paperround.web.security.key_limits import count_key_request

PATH: Final = "/mcp"
METADATA_PATH: Final = f"/.well-known/oauth-protected-resource{PATH}"  # RFC 9728, 3.1
TOOL_SCOPES: Final[Mapping[str, KeyScope]] = {
    "my_topics": KeyScope.read,
    "my_matches": KeyScope.read,
    "my_saved": KeyScope.read,
    "create_topic": KeyScope.write,
    "rate_paper": KeyScope.write,
    "save_paper": KeyScope.write,
}
MAX_ID_LENGTH: Final = 100  # characters of a message's id that an error repeats
# JSON-RPC leaves -32000 to -32099 to servers.
REFUSED: Final = -32001
BAD_KEY: Final = "This key is not valid. Create another one at {}/settings, or send none."
OFF: Final = "This site has no server for agents. Its operator switches it on with PAPERROUND_MCP=true."

router = Router(tags=["agents"])


class ProtectedResource(BaseModel):
    """What a client needs to know to be let in (RFC 9728). Keys come from a reader's settings."""

    resource: str
    resource_name: str
    resource_documentation: str
    scopes_supported: list[KeyScope]
    bearer_methods_supported: list[str]


@router.get(METADATA_PATH, summary="How agents are let in (RFC 9728)")
async def describe_resource(settings: Config) -> ProtectedResource:
    _require_on(settings)
    return ProtectedResource(
        resource=f"{settings.address}{PATH}",
        resource_name=settings.site_name,
        resource_documentation=f"{settings.address}/settings",
        scopes_supported=list(KeyScope),
        bearer_methods_supported=["header"],
    )


def _require_on(settings: Settings) -> None:
    if not settings.mcp:
        raise NotFound(OFF)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[ASGIApp | None]:
    """Serve MCP while the block runs, if the setting is on. Gives what answers a request that is let in."""
    settings: Settings = app.state.settings
    if not settings.mcp:
        yield None
        return
    from mcp.server.transport_security import TransportSecuritySettings

    from paperround.web.mcp.server import build_server

    server = build_server(settings)
    # Of the application that it makes we use what answers; hosts and origins are looked at before.
    server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    async with server.session_manager.run():
        yield server.session_manager.handle_request


class Endpoint:
    """Lets in whoever may call what they call. Host and size were looked at before, for every address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        refusal = await self._refuse(request)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await request.app.state.mcp(scope, _replay(await request.body(), receive), send)

    async def _refuse(self, request: Request) -> Response | None:
        """Refuse a request, or remember who calls."""
        settings = settings_of(request)
        _require_on(settings)
        if not is_own_origin(request.headers, settings):
            record_event(request, SecurityEvent.form_refused)
            raise Forbidden(CROSS_SITE)
        if request.method != "POST":  # nothing is pushed, and there are no sessions to end
            return Response(status_code=405, headers={"Allow": "POST"})
        await require_plain_text(request)
        message = _parse(await request.body())
        try:
            holder = await _find_holder(request, settings)
            if holder is not None:
                count_key_request(request, holder.key_id)
            wanted = _find_scope(message)
            if wanted is not None:
                require_scope(holder, wanted, settings)
        except (SignInNeeded, Forbidden) as error:
            if "authorization" in request.headers:
                record_event(request, SecurityEvent.key_refused)
            return _build_refusal(request, message, error, settings)
        setattr(request.state, STATE, _build_caller(request, holder))
        return None


router.routes.append(Route(PATH, Endpoint(), include_in_schema=False))


def _parse(body: bytes) -> Mapping[str, Any]:
    """Parse the message as far as it is needed here. What can't be read is left to the library to refuse."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _find_scope(message: Mapping[str, Any]) -> KeyScope | None:
    """Find the scope that a message needs. None: anybody may send it."""
    params = message.get("params")
    name = params.get("name") if message.get("method") == "tools/call" and isinstance(params, dict) else None
    return TOOL_SCOPES.get(name) if isinstance(name, str) else None


async def _find_holder(request: Request, settings: Settings) -> KeyHolder | None:
    """Find whose key was sent, None without one. Raises `SignInNeeded` for a key that is none."""
    told = request.headers.get("authorization")
    if told is None:
        return None
    scheme, _, key = told.strip().partition(" ")
    holder = None
    if scheme.lower() == "bearer":
        holder = await api_keys.find_holder(database_of(request), key.strip(), now=utc_now())
    if holder is None:
        raise SignInNeeded(BAD_KEY.format(settings.address))
    return holder


def _build_caller(request: Request, holder: KeyHolder | None) -> Caller:
    async def find_holder() -> KeyHolder | None:
        return holder

    return Caller(
        database=database_of(request),
        query_encoder=query_encoder_of(request),
        settings=settings_of(request),
        find_holder=find_holder,
        take_turn=lambda: costly_turn(request),
    )


def _build_refusal(
    request: Request, message: Mapping[str, Any], error: PaperroundError, settings: Settings
) -> Response:
    """Build the answer that tells a client which key to send (RFC 6750, 3; RFC 9728, 5.1).

    Its body is an error of JSON-RPC, which clients without such knowledge show as it is.
    """
    scope = _find_scope(message) or KeyScope.read
    given = [f'resource_metadata="{settings.address}{METADATA_PATH}"', f'scope="{_list_scopes(scope)}"']
    if error.status == Forbidden.status:
        given.insert(0, 'error="insufficient_scope"')
    elif "authorization" in request.headers:
        given.insert(0, 'error="invalid_token"')
    told = message.get("id")
    known = told if isinstance(told, int) or (isinstance(told, str) and len(told) <= MAX_ID_LENGTH) else None
    body = {"jsonrpc": "2.0", "id": known, "error": {"code": REFUSED, "message": error.detail}}
    return JSONResponse(
        body, status_code=error.status, headers={"WWW-Authenticate": f"Bearer {', '.join(given)}"}
    )


def _list_scopes(scope: KeyScope) -> str:
    return "read write" if scope is KeyScope.write else "read"


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read once more, and then whatever comes."""
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return unread.pop() if unread else await receive()

    return receive_again
