"""Follows: the authors, organizations, venues and keywords whose papers a reader wants to see."""
