"""The catalogue as matching measures by it: one version of its words and vectors. Pure, numpy alone.

A score is standardised over a sample of the catalogue, so it is always computed with exactly one version.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self

import numpy as np

from paperround.topics.model.sparse import Floats, Matrix, Row, Rows
from paperround.topics.model.vocabulary import Vocabulary

SAMPLE: Final = 2000  # papers that scores are standardised over


class View(NamedTuple):
    """A paper, or a reader's words, as both views see it. `vector`: length 1, a paper's centred; None: not
    there."""

    words: Row
    vector: Floats | None


def text_of(title: str, abstract: str) -> str:
    """What is read of a paper: never its authors or organization."""
    return f"{title} {abstract}"


@dataclass(frozen=True)
class Statistics:
    """One version. `model_id` None: too few papers had vectors, words count alone."""

    vocabulary: Vocabulary
    mean_words: Floats  # shape (phrases,), of the papers' rows
    sample_words: Rows
    model_id: int | None
    mean_vector: Floats  # shape (dimensions,)
    sample_vectors: Matrix  # shape (sample, dimensions), centred, length 1

    @classmethod
    def counted(cls, texts: Sequence[str], model_id: int | None, vectors: Matrix) -> Self:
        """From the catalogue's texts and, beside them, unit vectors (shape (0, 0) without a model).

        Every paper counts for the means; the sample is spread evenly over them.
        """
        vocabulary = Vocabulary.counted(texts)
        rows = [vocabulary.row(text) for text in texts]
        places = np.unique(np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int))
        mean: Floats = vectors.mean(axis=0) if len(vectors) else np.empty(0, np.float32)
        return cls(
            vocabulary,
            Rows.of(rows).mean(len(vocabulary.phrases)),
            Rows.of([rows[place] for place in places]),
            model_id,
            mean,
            centred(vectors[places], mean) if len(vectors) else np.empty((0, 0), np.float32),
        )

    @cached_property
    def common(self) -> Floats:
        """The sample's products with the mean row: what every topic takes off."""
        return self.sample_words.dot(self.mean_words)

    def view(self, text: str, vector: Floats | None) -> View:
        """Of a paper; `vector`: under this version's model, of any length."""
        return self.seen(self.vocabulary.row(text), vector)

    def seen(self, words: Row, vector: Floats | None) -> View:
        """The same of a text that was read already."""
        usable = vector is not None and len(vector) == len(self.mean_vector) > 0
        return View(words, centred(np.array([vector]), self.mean_vector)[0] if usable else None)

    def asked(self, text: str, vector: Floats | None) -> View:
        """Of a reader's words. Not centred: few words lie elsewhere than papers do."""
        usable = vector is not None and len(vector) == len(self.mean_vector) > 0
        return View(self.vocabulary.row(text), vector if usable else None)

    def packed(self) -> bytes:
        """What `unpacked` reads."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            papers=np.array(self.vocabulary.papers),
            phrases=np.frombuffer("\n".join(self.vocabulary.phrases).encode(), np.uint8),
            holders=self.vocabulary.holders,
            mean_words=self.mean_words,
            starts=self.sample_words.starts,
            columns=self.sample_words.columns,
            weights=self.sample_words.weights,
            model_id=np.array(self.model_id or 0),
            mean_vector=self.mean_vector,
            sample_vectors=self.sample_vectors.astype(np.float16),
        )
        return file.getvalue()

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        with np.load(io.BytesIO(packed), allow_pickle=False) as held:
            spelled = held["phrases"].tobytes().decode()
            phrases = tuple(spelled.split("\n")) if spelled else ()
            return cls(
                Vocabulary(int(held["papers"]), phrases, held["holders"]),
                held["mean_words"],
                Rows(held["starts"], held["columns"], held["weights"]),
                int(held["model_id"]) or None,
                held["mean_vector"],
                held["sample_vectors"].astype(np.float32),
            )


def centred(vectors: Matrix, mean: Floats) -> Matrix:
    """Less the catalogue's mean, then length 1 again; a vector that is the mean itself becomes zeros."""
    apart = vectors - mean
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    unit: Matrix = (apart / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit
