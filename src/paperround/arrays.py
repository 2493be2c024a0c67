"""numpy, imported by the first computation rather than by every process that may come to one.

It is a tenth of a web process's memory, and most pages never compute. Modules say
`from paperround.arrays import np` and use it in functions only: what a module needs at its import is a type
in quotes, or a function with `@cache`. The first use takes some 80 ms.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["np"]

if TYPE_CHECKING:
    import numpy as np
else:

    class _Numpy:
        """Stands for the module. What has been asked for once is an attribute from then on."""

        def __getattr__(self, name: str) -> Any:
            value = getattr(import_module("numpy"), name)
            setattr(self, name, value)
            return value

    np = _Numpy()
