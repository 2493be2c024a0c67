"""Finding papers: what is like another one."""
