"""Digests: who gets one, when, with what in it, and what became of it."""
