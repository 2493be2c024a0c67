"""Serves styles, scripts and pictures under names that change with their content. Browsers keep them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent / "static"
FOR_GOOD: Final = "public, max-age=31536000, immutable"


def fingerprint() -> str:
    """Compute a fingerprint of the files' content. It does not depend on the release."""
    contents = hashlib.sha256()
    for file in sorted(FOLDER.iterdir()):
        contents.update(file.name.encode() + file.read_bytes())
    return contents.hexdigest()[:12]


class Assets(StaticFiles):
    def __init__(self) -> None:
        super().__init__(directory=FOLDER)
        self.version = fingerprint()

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Serve a file. Under its present name, browsers need not ask for it again."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if scope["query_string"] == f"v={self.version}".encode():
            response.headers["Cache-Control"] = FOR_GOOD
        return response
