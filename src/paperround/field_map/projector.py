"""Places papers on a plane by their vectors, and groups them. It runs as a bounded child process.

In: `MapInputs`. Out: a `Drawing`. The same papers give the same map, and papers that were on the last one
stay near where they were: t-SNE starts from there, and the result is turned to lie on it.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from paperround.bounded_child import serve
from paperround.field_map.group_names import name_groups
from paperround.field_map.messages import HEIGHT, WIDTH, Drawing, MapInputs, Matrix

COMPONENTS = 40
PERPLEXITY = 20
STEPS = 600
PAPERS_A_GROUP = 28
MAX_GROUPS = 16
MARGIN = 40  # of the map
SPREAD = 1e-2  # of the places that t-SNE starts from: it is meant to grow from a small cloud,
SPREAD_AS_DRAWN = 8.0  # or to go on from about where it ended
JITTER = 1e-4  # so that papers with equal texts have places of their own
NEIGHBOURS = 3  # on the last map, between which a new paper starts
MIN_COMMON = 10  # papers on both maps, so that one can be laid on the other
MEMORY = 8 * 2**30  # of addresses; the libraries reserve far more than they use
CPU_SECONDS = 120


def draw_map(inputs: MapInputs) -> Drawing:
    """Draw the map of three papers or more, in one thread: of several on few cores, each waits for all."""
    with threadpool_limits(1):
        return _draw(inputs)


def _draw(inputs: MapInputs) -> Drawing:
    papers = len(inputs.texts)
    components = min(COMPONENTS, papers - 1, inputs.vectors.shape[1])
    told_apart = inputs.vectors + np.random.default_rng(0).normal(0, JITTER, inputs.vectors.shape)
    reduced: Matrix = PCA(components, random_state=0).fit_transform(told_apart.astype(np.float32))
    known = np.array([place is not None for place in inputs.former])
    former = np.array([place or (0, 0) for place in inputs.former], np.float32)
    is_known = known.sum() >= MIN_COMMON
    start = _start_from(reduced, former, known) if is_known else reduced[:, :2]
    start -= start.mean(axis=0)
    spread = TSNE(
        2,
        init=start / max(float(start.std()), 1e-9) * (SPREAD_AS_DRAWN if is_known else SPREAD),
        early_exaggeration=1 if is_known else 12,  # which draws papers together anew, wherever they were
        perplexity=min(PERPLEXITY, (papers - 1) / 3),
        max_iter=STEPS,
        random_state=0,
    ).fit_transform(reduced)
    if is_known:
        spread = _lay_on(spread, spread[known], former[known])
    count = max(2, min(MAX_GROUPS, papers // PAPERS_A_GROUP))
    groups = AgglomerativeClustering(count).fit_predict(spread)
    places = _fit(spread)
    return Drawing(
        tuple((int(x), int(y)) for x, y in places),
        tuple(map(int, groups)),
        tuple(name_groups(inputs.texts, groups.tolist(), count)),
    )


def _start_from(reduced: Matrix, former: Matrix, known: np.ndarray) -> Matrix:
    """Start from the last map, with each new paper between the known ones that are most like it."""
    start = former.copy()
    for new in np.flatnonzero(~known):
        away = np.linalg.norm(reduced[known] - reduced[new], axis=1)
        start[new] = former[known][np.argsort(away)[:NEIGHBOURS]].mean(axis=0)
    return start


def _lay_on(places: Matrix, common: Matrix, former: Matrix) -> Matrix:
    """Turn, mirror, scale and move a map so that what both have in common lies on the former one."""
    middle, target = common.mean(axis=0), former.mean(axis=0)
    left, stretch, right = np.linalg.svd((common - middle).T @ (former - target))
    scale = stretch.sum() / max(float(((common - middle) ** 2).sum()), 1e-9)
    laid: Matrix = scale * (places - middle) @ (left @ right) + target
    return laid


def _fit(places: Matrix) -> Matrix:
    """Fit the map into its frame, with both directions stretched to fill it."""
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    fitted: Matrix = np.rint((places - low) / np.maximum(high - low, 1e-9) * room + MARGIN)
    return fitted


def work(sent: bytes) -> bytes:
    """Do the child's work."""
    return draw_map(MapInputs.decode(sent)).encode()


if __name__ == "__main__":
    serve(work, memory=MEMORY, cpu_seconds=CPU_SECONDS, may_open_files=True)
