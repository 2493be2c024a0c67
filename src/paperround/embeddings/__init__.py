"""Vectors of papers: the encoder process, its client, models, and the backfill."""
