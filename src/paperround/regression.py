"""Logistic regression from known constants, away from which it moves as far as examples say. Pure numpy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

MAX_STEPS: Final = 100  # of Newton's method; it takes about ten
TOLERANCE: Final = 1e-6

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def fit_logit(
    features: Numbers, labels: Numbers, *, start: Numbers, spreads: Numbers, weights: Numbers | None = None
) -> Numbers:
    """Find the most probable constants, the bias first, by Newton's method.

    `features` has the shape (examples, features), `labels` are from 0 to 1. `start` and `spreads` have one
    number more than there are features: where the constants lie before any example, and how far from there
    they may be, as the standard deviation of a normal distribution. A feature that never differs keeps its
    own. `weights` are 1 where none are given.
    """
    precision = 1 / spreads**2
    design = np.column_stack([np.ones(len(features)), features])
    weighed = np.ones(len(labels)) if weights is None else weights

    def cost(constants: Numbers) -> float:
        logits = design @ constants
        losses = weighed * (np.logaddexp(0, logits) - labels * logits)
        return float(losses.sum() + precision @ (constants - start) ** 2 / 2)

    constants = start.copy()
    for _ in range(MAX_STEPS):
        chances = 1 / (1 + np.exp(-np.clip(design @ constants, -30, 30)))
        slope = design.T @ (weighed * (chances - labels)) + precision * (constants - start)
        curvature = (design.T * (weighed * chances * (1 - chances))) @ design + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        while cost(constants - step) > cost(constants) and np.abs(step).max() > TOLERANCE:
            step /= 2
        constants -= step
        if np.abs(step).max() < TOLERANCE:
            break
    return constants
