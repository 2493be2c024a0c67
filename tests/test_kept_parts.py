"""Parts are kept up to a size, and those that are used stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paperround.kept_parts import KeptParts


def test_parts_are_kept_up_to_a_size_and_what_is_used_stays() -> None:
    made: list[str] = []
    kept: KeptParts[str] = KeptParts(10)

    def ask(name: str, part: str) -> str:
        def make() -> str:
            made.append(name)
            return part

        return kept.find_or_make(name, make)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert ask(name, name * 5) == name * 5
    assert made == ["a", "b", "c", "b"]
    assert ask("long", "x" * 11) == "x" * 11
    assert ask("a", "") == "aaaaa"
    assert len(kept) == 2
    assert [kept.find_or_make(None, lambda: "y") for _ in range(2)] == ["y", "y"]


def test_a_part_takes_the_place_of_what_was_kept_under_its_key() -> None:
    kept: KeptParts[str] = KeptParts(10)
    for part in ("aaaa", "a", "aaaaaaaa"):
        kept.keep("a", part)
        assert kept.find("a") == part
    kept.keep("b", "bb")
    assert kept.find("a") == "aaaaaaaa"
    kept.keep("b", "x" * 11)
    assert kept.find("b") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12))))
def test_it_never_holds_more_than_it_may_and_finds_what_was_kept_last(steps: list[tuple[int, int]]) -> None:
    kept: KeptParts[str] = KeptParts(20)
    last: dict[int, str] = {}
    for key, size in steps:
        kept.keep(key, str(key) * size)
        last[key] = str(key) * size
        assert kept.find(key) == last[key]
        found = {key: part for key in last if (part := kept.find(key)) is not None}
        assert found.items() <= last.items()
        assert sum(map(len, found.values())) <= 20
