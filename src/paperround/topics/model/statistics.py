"""The statistics of the catalogue that topics are scored with: one version of its words and vectors.

Pure numpy.

A score is standardised over a sample of the catalogue, so it is always computed with exactly one version.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self, TypeAlias

from paperround.arrays import np
from paperround.topics.model.abbreviations import NONE, Abbreviations, learn_abbreviations
from paperround.topics.model.sparse import Floats, Matrix, Row, Rows
from paperround.topics.model.terms import Terms
from paperround.topics.model.vocabulary import Vocabulary

Bytes: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint8]]"

# The mean product of two papers of the catalogue that the constants of fits were made on.
REFERENCE_LIKENESS: Final = 0.0179
SAMPLE_SIZE: Final = 2000  # papers over which scores are standardised


class PaperViews(NamedTuple):
    """A paper, or a reader's words, as both views see it.

    `vector` has length 1, and a paper's is centred. It is None where there is none.
    """

    words: Row
    vector: Floats | None


def join_text(title: str, abstract: str) -> str:
    """Join what is read of a paper. Its authors and its organization are never read."""
    return f"{title} {abstract}"


@dataclass(frozen=True)
class Statistics:
    """One version of the statistics.

    Without a `model_id` too few papers had vectors, and words count alone.
    """

    vocabulary: Vocabulary
    mean_words: Floats  # shape (phrases,), of the papers' rows
    sample_words: Rows
    model_id: int | None
    mean_vector: Floats  # shape (dimensions,)
    sample_vectors: Matrix  # shape (sample, dimensions), centred, length 1
    abbreviations: Abbreviations = NONE

    @classmethod
    def measure(cls, texts: Sequence[str], model_id: int | None, vectors: Matrix) -> Self:
        """Measure the catalogue's texts and their unit vectors (shape (0, 0) without a model).

        Every paper counts for the means. The sample is spread evenly over the papers.
        """
        vocabulary = Vocabulary.count(texts)
        rows = [vocabulary.tf_idf_row(text) for text in texts]
        places = np.unique(np.linspace(0, len(texts) - 1, min(SAMPLE_SIZE, len(texts))).astype(int))
        mean: Floats = vectors.mean(axis=0) if len(vectors) else np.empty(0, np.float32)
        return cls(
            vocabulary,
            Rows.of(rows).mean(len(vocabulary.phrases)),
            Rows.of([rows[place] for place in places]),
            model_id,
            mean,
            centre_vectors(vectors[places], mean) if len(vectors) else np.empty((0, 0), np.float32),
            learn_abbreviations(texts),
        )

    @cached_property
    def mean_products(self) -> Floats:
        """The product of each paper of the sample with the mean row, which every topic subtracts."""
        return self.sample_words.dot(self.mean_words)

    @cached_property
    def likeness_scale(self) -> float:
        """What products of papers' phrases are to be multiplied with in a fit.

        In a small catalogue papers have few phrases that it knows, and these are heavy: any two are more
        alike. With the root of how much more, fits mean the same in a catalogue of 232 papers as in 9,577.
        """
        likeness = float(self.mean_products.mean()) if len(self.mean_products) else 0.0
        return math.sqrt(REFERENCE_LIKENESS / likeness) if likeness > 0 else 1.0

    @cached_property
    def terms(self) -> Terms:
        return Terms.of(self.vocabulary, self.abbreviations)

    @cached_property
    def sample_terms(self) -> Rows:
        """The terms of each paper of the sample, with a weight of 1."""
        terms = [self.terms.of_row(self.sample_words[place]) for place in range(len(self.sample_words))]
        return Rows.of([Row(of_paper, np.ones(len(of_paper), np.float32)) for of_paper in terms])

    def original_lengths(self, vectors: Matrix) -> Floats:
        """Compute how long centred vectors were before they were brought to length 1.

        Vectors had length 1 before they were centred, so these follow. Zeros, which stand for the mean, give
        the length that any vector at right angles to it would have had.
        """
        along = vectors @ self.mean_vector
        rest = 1 - float(self.mean_vector @ self.mean_vector)
        lengths: Floats = np.sqrt(np.maximum(along**2 + rest, 0)) - along
        return lengths

    @cached_property
    def _sample_lengths(self) -> Floats:
        return self.original_lengths(self.sample_vectors)

    def raw_cosines(self, vector: Floats) -> Floats:
        """Compute the cosines of a vector that isn't centred with the sample's papers, not centred either."""
        cosines: Floats = (self.sample_vectors @ vector) * self._sample_lengths + vector @ self.mean_vector
        return cosines

    def view_of_paper(self, text: str, vector: Floats | None) -> PaperViews:
        """Build the views of a paper. `vector` is under this version's model and may have any length."""
        return self.view_of_row(self.vocabulary.tf_idf_row(text), vector)

    def view_of_row(self, words: Row, vector: Floats | None) -> PaperViews:
        """Build the views of a paper from its row, where its text was read already."""
        usable = vector is not None and len(vector) == len(self.mean_vector) > 0
        return PaperViews(words, centre_vectors(np.array([vector]), self.mean_vector)[0] if usable else None)

    def view_of_words(self, text: str, vector: Floats | None) -> PaperViews:
        """Build the views of a reader's words.

        Their vector is not centred: few words lie elsewhere than papers.
        """
        usable = vector is not None and len(vector) == len(self.mean_vector) > 0
        return PaperViews(self.vocabulary.tf_idf_row(text), vector if usable else None)

    def encode(self) -> bytes:
        """Encode this version as bytes."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            papers=np.array(self.vocabulary.papers),
            phrases=np.frombuffer("\n".join(self.vocabulary.phrases).encode(), np.uint8),
            holders=self.vocabulary.document_frequencies,
            mean_words=self.mean_words,
            starts=self.sample_words.starts,
            columns=self.sample_words.columns,
            weights=self.sample_words.weights,
            model_id=np.array(self.model_id or 0),
            mean_vector=self.mean_vector,
            sample_vectors=self.sample_vectors.astype(np.float16),
            abbreviations=np.frombuffer(json.dumps(dict(self.abbreviations.words)).encode(), np.uint8),
        )
        return file.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` gave."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            spelled = arrays["phrases"].tobytes().decode()
            phrases = tuple(spelled.split("\n")) if spelled else ()
            return cls(
                Vocabulary(int(arrays["papers"]), phrases, arrays["holders"]),
                arrays["mean_words"],
                Rows(arrays["starts"], arrays["columns"], arrays["weights"]),
                int(arrays["model_id"]) or None,
                arrays["mean_vector"],
                arrays["sample_vectors"].astype(np.float32),
                _decode_abbreviations(arrays),
            )


def _decode_abbreviations(arrays: Mapping[str, Bytes]) -> Abbreviations:
    """Decode the abbreviations. The release before stored none."""
    if "abbreviations" not in arrays:
        return NONE
    return Abbreviations(json.loads(arrays["abbreviations"].tobytes()))


def centre_vectors(vectors: Matrix, mean: Floats) -> Matrix:
    """Subtract the catalogue's mean and bring vectors to length 1 again. The mean itself becomes zeros."""
    apart = vectors - mean
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    unit: Matrix = (apart / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit
