"""Tests of web/mcp."""
