"""A web process without pages: what `paperround web --handover …` does, for an application that says its pid.

It fails to start while the file named by its environment is there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


async def tell_pid(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = str(os.getpid()).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    if Path(os.environ["FAILS_TO_START"]).exists():
        sys.exit("told to fail")
    # After that, as they take a second.
    from paperround.handover import Handover
    from paperround.settings import Settings
    from paperround.web.server import serve

    handover = Handover.parse(sys.argv[sys.argv.index("--handover") + 1])
    serve(tell_pid, Settings(_env_file=None), handover)  # type: ignore[arg-type]
