"""Torture: the whole program under faults of every kind, and what must be true afterwards."""
