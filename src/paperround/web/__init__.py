"""HTML pages, our own JSON and the hub-compatible one. Thin: they parse, ask the domains and show."""
