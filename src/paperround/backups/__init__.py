"""A whole copy of the database in one file, and back, by PostgreSQL's own programs."""

from __future__ import annotations

from paperround.backups.programs import BackupError, Programs
from paperround.backups.restoring import restore
from paperround.backups.saving import save

__all__ = ["BackupError", "Programs", "restore", "save"]
