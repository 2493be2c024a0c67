"""Tests of zotero/."""
