"""Readers' Zotero libraries: saved papers are put there, and a collection can be a topic's examples."""
