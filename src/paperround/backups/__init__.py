"""Backups: a whole copy of the database in one file, and its restoration, by PostgreSQL's own programs."""

from __future__ import annotations

from paperround.backups.backup import save_backup
from paperround.backups.pg_tools import BackupError, Programs
from paperround.backups.restore import restore_backup

__all__ = ["BackupError", "Programs", "restore_backup", "save_backup"]
