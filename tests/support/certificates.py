"""What the programs under test trust."""

from __future__ import annotations

from pathlib import Path

import certifi

from support.commands import spare_data_folder

END = "-----END CERTIFICATE-----\n"


def one_authority() -> Path:
    """A file with one authority that is trusted everywhere, the first of certifi's."""
    file = spare_data_folder().parent / "authority.pem"
    first, end, _ = Path(certifi.where()).read_text().partition(END)
    file.write_text(first + end)
    return file
