"""Makes text from outside safe: LaTeX, markup, links and email addresses."""
