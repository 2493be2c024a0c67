"""Presenters: they turn domain objects into what a template shows. They know no request."""
