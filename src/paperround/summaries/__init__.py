"""Summaries of papers in a sentence, written by a server that the operator chose. Off while none is set."""
