"""Readers: who they are, how they sign in, and what programs may do in their name."""
