"""How recorded titles and abstracts are read: formulas that are valid MathML, those left as source, the time.

    python benchmarks/formulas.py FOLDER…

Each folder holds recorded papers, as JSON lines (`title`, `summary`) or as lists of the hub, compressed with
gzip. The validator is that of the tests.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from paperround.text.latex_commands import read_prose
from paperround.text.latex_pieces import Formula
from paperround.text.mathml import render_formula
from paperround.text.plain import to_plain_paragraphs

from support.mathml_core import find_faults


def load_texts(folder: Path) -> Iterator[str]:
    """Yield every title and abstract of a folder."""
    for path in sorted(folder.rglob("*.gz")):
        content = gzip.decompress(path.read_bytes()).decode()
        papers = map(json.loads, content.splitlines()) if ".jsonl" in path.name else json.loads(content)
        for paper in papers:
            yield paper["title"]
            yield paper.get("summary") or paper["paper"]["summary"]


def main(folders: list[Path]) -> None:
    """Read all texts, and print the counts."""
    left: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    texts = formulas = 0
    slowest = 0.0

    def render(latex: str, block: bool) -> Formula | None:
        nonlocal formulas
        formula = render_formula(latex, block)
        if formula:
            formulas += 1
            faults.update(find_faults(formula.mathml))
        else:
            left[latex] += 1
        return formula

    start = time.perf_counter()
    for text in (text for folder in folders for text in load_texts(folder)):
        before = time.perf_counter()
        for paragraph in to_plain_paragraphs(text).split("\n\n"):
            read_prose(paragraph, render)
        slowest = max(slowest, time.perf_counter() - before)
        texts += 1
    print(f"{texts:,} texts in {time.perf_counter() - start:.0f} s, the slowest in {1000 * slowest:.0f} ms")
    print(f"{formulas:,} formulas as MathML, {sum(faults.values())} faults {dict(faults)}")
    print(f"{sum(left.values())} left as source:")
    for latex, count in left.most_common():
        print(f"  {count} {latex[:100]}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
