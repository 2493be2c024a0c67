"""Requests to other hosts: which addresses are public, which proxy leads there, whose certificates count."""
