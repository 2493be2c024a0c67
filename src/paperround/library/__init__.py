"""Reading lists of saved papers, and papers that readers submit to the day's list."""
