"""The router that looks at the addresses of all its routes at once."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.testclient import TestClient

from paperround.settings import Settings
from paperround.web.app import create_app
from paperround.web.router import Router


def test_routes_are_found_whatever_router_has_them_and_in_their_order() -> None:
    app = FastAPI()
    first, second = Router(prefix="/a"), Router()
    first.get("/{x}")(lambda x: {"first": x})
    second.get("/a/b/c")(lambda: {"second": "c"})
    second.get("/a/{x}")(lambda x: {"never": x})
    second.post("/b")(lambda: {"second": "b"})
    second.get("/")(lambda: {"second": ""})
    second.get("/{x}/last")(lambda x: {"last": x})
    second.get("/long/{x:path}")(lambda x: {"long": x})
    for router in (first, second):
        app.include_router(router)
    with TestClient(app) as client:
        told = [client.get(path).json() for path in ("/a/1", "/a/b/c", "/", "/c/last", "/long/d/e")]
        assert told == [{"first": "1"}, {"second": "c"}, {"second": ""}, {"last": "c"}, {"long": "d/e"}]
        assert client.post("/b").json() == {"second": "b"}
        assert [client.get(path).status_code for path in ("/b", "/c", "/ab")] == [405, 404, 404]


def test_every_router_of_the_site_is_one() -> None:
    app = create_app(Settings(_env_file=None), "postgresql://nowhere/nothing")
    routers = [route.original_router for route in app.router.routes if hasattr(route, "original_router")]
    assert len(routers) > 40
    assert {type(router) for router in routers} == {Router}
    for router in routers:
        assert not router.matches({"type": "http", "path": "/none-of-them", "method": "GET"})[1]
