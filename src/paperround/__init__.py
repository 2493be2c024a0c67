"""Paperround: the day's research papers, delivered."""

__version__ = "0.1.0"
