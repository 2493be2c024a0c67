"""Presenters: domain objects become what a template shows. They know no request."""
