"""Reads feeds into the catalogue: the schedule, ingestion, and the quarantine of unreadable records."""
