"""Answers that everybody gets, kept whole and given ahead of routing. `layer.py` says how."""
