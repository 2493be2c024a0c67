"""What a check of containers does as a reader: through nginx, by mail."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.proxies import NAME, running_nginx
from support.sites import free_port
from torture.sink import FaultySink

LINK = re.compile(r"https://\S+(/sign-in/[A-Za-z0-9_.~-]+)")
MAIL_TIMEOUT = 120  # seconds


@contextmanager
def browsing(folder: Path, webs: Sequence[str]) -> Iterator[httpx.Client]:
    """A client that speaks with nginx as a browser does. `webs` are hosts with ports."""
    upstream = ";\n    server ".join(webs)
    place, secure = folder / "nginx", free_port()
    place.mkdir()
    with running_nginx(place, f"http://{upstream}", free_port(), secure):
        browser = httpx.Client(
            base_url=f"https://127.0.0.1:{secure}",
            headers={"Host": NAME, "Origin": f"https://{NAME}"},
            event_hooks={"request": [lambda request: request.extensions.update(sni_hostname=NAME)]},
            verify=False,
            timeout=30,
        )
        with browser:
            yield browser


def sign_in(browser: httpx.Client, sink: FaultySink) -> None:
    asked = browser.post("/sign-in", data={"email": "check@example.org"})
    assert asked.status_code == 200, asked.text
    until = time.monotonic() + MAIL_TIMEOUT
    while not sink.taken:
        assert time.monotonic() < until, "the mail with the link does not arrive"
        time.sleep(0.2)
    body = sink.taken[-1].get_body(("plain",))
    path = LINK.search(body.get_content())[1]
    answer = browser.post(path, data={})
    assert answer.status_code in (302, 303), answer.text
    cookie = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
    browser.cookies.clear()
    pages = [browser.get("/saved", headers=headers).status_code for headers in (cookie, {})]
    assert pages == [200, 303], pages
