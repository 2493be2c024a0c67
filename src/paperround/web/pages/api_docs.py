"""`/docs`: the API for people, made from its OpenAPI description without scripts of others."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from paperround.web.dependencies import render_page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def show_docs(request: Request) -> HTMLResponse:
    app: FastAPI = request.app
    return await render_page(request, None, "docs.html", groups=group_operations(app.openapi()))


def group_operations(openapi: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Group the operations by tag, each with its path, method and parameters, in the order of the routes."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            described = {"path": path, "method": method.upper(), **operation}
            described["parameters"] = [_describe_parameter(p) for p in operation.get("parameters", [])]
            groups.setdefault(operation["tags"][0], []).append(described)
    return groups


def _describe_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter.get("schema", {})
    examples = schema.get("examples") or []
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "description": parameter.get("description") or schema.get("description") or "",
        "default": schema.get("default"),
        "example": examples[0] if examples else None,
    }
