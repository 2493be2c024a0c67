"""Where a paper appeared, from what authors write about it."""

from __future__ import annotations

import pytest

from paperround.text.venue import find_venue


@pytest.mark.parametrize(
    ("comment", "venue"),
    [
        ("Accepted at ICML 2025", "ICML"),
        ("NeurIPS 2024 (oral), 24 pages", "NeurIPS"),
        ("23 pages; NIPS'17", "NeurIPS"),
        ("Accepted to the International Conference of Software Testing (ICST2023)", "ICST"),
        ("ACM SIGSOFT International Symposium on Software Testing and Analysis (ISSTA, 2020)", "ISSTA"),
        ("8 pages, 2021 IEEE Conference on Artificial Intelligence Testing (AITest 2021)", "AITest"),
        ("To appear in the ACL main conference. Code: example.org", "ACL"),
        ("Published in TMLR", "TMLR"),
        ("CVPR-2026 camera-ready", "CVPR"),
        ("EMNLP 2025 Findings", "EMNLP"),
        ("Oral at the ICLR 2026 Workshop on Slow Rivers", "ICLR workshops"),
        ("Interspeech 2025", "INTERSPEECH"),
        ("Submitted to ICML 2026", None),
        ("Under review at ICLR 2026", None),
        ("Rejected from NeurIPS 2025; accepted at AAAI 2026", "AAAI"),
        ("17 pages, 4 figures", None),
        ("We use the ACL dataset", None),
        ("An extension of our work with CHI measurements", None),
        ("MICROSCOPY of rivers, accepted", None),
        ("", None),
        ("x" * 50_000, None),
        ("Conference " * 5_000, None),
        ("<b>ICML 2025</b>", "ICML"),
    ],
)
def test_a_comment_tells_a_venue_or_none(comment: str, venue: str | None) -> None:
    assert find_venue(comment, "") == venue


@pytest.mark.parametrize(
    ("journal", "venue"),
    [
        ("Phys.Lett.B573:94-100,2003", "Phys.Lett.B"),
        ("Phys. Rev. D 94, 123 (2016)", "Phys. Rev. D"),
        ("Software Testing, Verification and Reliability, 35(2):e1914, 2025",
         "Software Testing, Verification and Reliability"),
        ("IEEE Transactions on Information Theory ( Volume: 65 , Issue: 4 )",
         "IEEE Transactions on Information Theory"),
        ("Nature, vol. 521, pp. 436", "Nature"),
        ("Proc. 2023 IEEE International Conference on Rivers (ICRV), pp. 1-2", "ICRV"),
        ("In Proceedings of some meeting, 2020", None),
        ("2022 IEEE International Conference on Cloud Engineering", None),
        ("12 (2020) 3", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_reference_tells_the_journal_or_the_conference(journal: str, venue: str | None) -> None:
    assert find_venue("", journal) == venue


def test_the_reference_counts_before_the_comment() -> None:
    assert find_venue("Accepted at ICML 2025", "JMLR 26 (2025) 1-40") == "JMLR"
