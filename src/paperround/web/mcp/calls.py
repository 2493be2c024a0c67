"""One call of a tool: whose it is, and how its errors are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar, cast

import structlog
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError

from paperround.failures import explain, summarise
from paperround.web.mcp.callers import STATE, Caller

logger = structlog.get_logger(__name__)

OUTAGE: Final = "The site can't answer right now. Try again in a moment."
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def find_caller(ctx: Context) -> Caller:
    """Find who calls: the request says over HTTP, and the one user of the process is it over stdio."""
    request = ctx.request_context.request
    if request is not None:
        return cast(Caller, getattr(request.state, STATE))
    return cast(Caller, ctx.request_context.lifespan_context)


def tell_errors(
    function: Callable[Given, Awaitable[Answer]], told_as: type[ToolError] | type[ResourceError] = ToolError
) -> Callable[Given, Awaitable[Answer]]:
    """Wrap a tool or a resource so that errors of ours reach the agent in our words.

    An outage is told as one; its words, which name hosts and paths, go to the log. Anything else is a bug:
    the library logs it, and tells the agent no more than that the call failed.
    """

    @wraps(function)
    async def run(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return await function(*args, **kwargs)
        except Exception as error:
            known = explain(error)
            if known is None:
                raise
            if known.status < HTTPStatus.INTERNAL_SERVER_ERROR or "Retry-After" in known.headers:
                raise told_as(known.detail) from error
            logger.warning("a tool could not answer", tool=function.__name__, reason=summarise(known))
            raise told_as(OUTAGE) from error

    return run
