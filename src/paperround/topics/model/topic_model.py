"""A topic's model: what orders papers, and what says how well they fit. Pure."""

from __future__ import annotations

from typing import NamedTuple

from paperround.topics.model import scorer
from paperround.topics.model.fit import FitDirection, build_fit
from paperround.topics.model.fit_constants import FitConstants
from paperround.topics.model.scorer import Direction, TopicProfile
from paperround.topics.model.statistics import Statistics


class TopicModel(NamedTuple):
    """A topic under one version of the statistics. The digest tells which constants its fit is of."""

    direction: Direction
    fit: FitDirection
    constants_digest: int


def build_model(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> TopicModel:
    """Build a topic's model under this version of the statistics."""
    direction = scorer.build_direction(statistics, profile)
    return TopicModel(direction, build_fit(statistics, profile, constants), constants.digest)
