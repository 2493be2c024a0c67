"""What is private is opened in one place: nobody else reads it, and no link leads it elsewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from paperround.private_files import Purpose, open_private_file

SOURCES = Path(__file__).parents[1] / "src/paperround"


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


@pytest.mark.parametrize("purpose", Purpose)
def test_a_file_is_its_owners_alone_whatever_the_umask_and_whoever_made_it(
    purpose: Purpose, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    umask = os.umask(0)
    try:
        os.close(open_private_file(file, purpose))
    finally:
        os.umask(umask)
    assert mode_of(file) == 0o600
    if purpose is Purpose.new:
        with pytest.raises(FileExistsError):
            open_private_file(file, purpose)
        return
    file.write_text("kept")
    file.chmod(0o644)
    os.close(open_private_file(file, purpose))
    assert mode_of(file) == 0o600
    assert file.read_text() == "kept"


@pytest.mark.parametrize("purpose", Purpose)
def test_a_link_is_not_followed(purpose: Purpose, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(OSError, match=r"link"):
        open_private_file(link, purpose)
    assert not target.exists()


def test_nothing_else_creates_files_with_flags_of_its_own() -> None:
    modules = [path for path in SOURCES.rglob("*.py") if re.search(r"O_CREAT|touch\(mode", path.read_text())]
    assert [path.name for path in modules] == ["private_files.py"]
