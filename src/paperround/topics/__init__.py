"""Topics: what a reader wants to follow, and which papers match it."""
