"""Names of authors are split into family, given, particle and suffix; names of groups stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.person_name import PARTICLES, PersonName, split_name


def person(family: str, given_name: str, particle: str = "", suffix: str = "") -> PersonName:
    return PersonName(family, given_name, particle, suffix)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada Lindqvist", person("Lindqvist", "Ada")),
        ("Lindqvist, Ada", person("Lindqvist", "Ada")),
        ("J. R. R. Åström", person("Åström", "J. R. R.")),
        ("Jan van der Berg", person("Berg", "Jan", "van der")),
        ("van der Berg, Jan", person("Berg", "Jan", "van der")),
        ("Berg, Jan van der", person("Berg", "Jan", "van der")),
        ("de Bruyn Laan, S M", person("Bruyn Laan", "S M", "de")),
        ("S M de Bruyn Laan", person("Bruyn Laan", "S M", "de")),
        ("Gerrit 't Hooftman", person("Hooftman", "Gerrit", "'t")),
        ("Charles de La Vallée", person("La Vallée", "Charles", "de")),
        ("van Goghen", person("Goghen", "", "van")),
        ("Guy Van den Broek", person("Van den Broek", "Guy")),
        ("Yann Le Grand", person("Le Grand", "Yann")),
        ("MARIA DE LA CRUZ", person("DE LA CRUZ", "MARIA")),
        ("José Ortega y Casas", person("Ortega y Casas", "José")),
        ("Antonio Carlos Silva Filho", person("Silva Filho", "Antonio Carlos")),
        ("Jean Le Rond d'Alba", person("Le Rond d'Alba", "Jean")),
        ("Omar al-Khalili", person("al-Khalili", "Omar")),
        ("bell hooks", person("hooks", "bell")),
        ("Martin Luther King Jr.", person("King", "Martin Luther", "", "Jr.")),
        ("Martin Luther King, Jr.", person("King", "Martin Luther", "", "Jr.")),
        ("King, Martin Luther, Jr.", person("King", "Martin Luther", "", "Jr.")),
        ("King, Jr., Martin Luther", person("King", "Martin Luther", "", "Jr.")),
        ("King Jr, Martin", person("King", "Martin", "", "Jr")),
        ("King, Martin Jr.", person("King", "Martin", "", "Jr.")),
        ("Henry Fjord III", person("Fjord", "Henry", "", "III")),
        ("Ada van Berg, Ph.D.", person("Berg", "Ada", "van", "Ph.D.")),
        ("Malcolm, X", person("Malcolm", "X")),
        ("Islam, Md", person("Islam", "Md")),
        ("Xiaoming Wang", person("Wang", "Xiaoming")),
        ("Xiao Di Zhang", person("Zhang", "Xiao Di")),
        ("Hai Van Pham", person("Pham", "Hai Van")),
        ("Nguyen Van Anh", person("Anh", "Nguyen Van")),
        ("Qingyao Ai", person("Ai", "Qingyao")),
        ("小明 王", person("王", "小明")),
        ("Wei Zhang 0001", person("Zhang", "Wei")),
    ],
)
def test_people(text: str, name: PersonName) -> None:
    assert split_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *(
            "DeepSeek-AI",
            "LLaMA Team",
            "Team Tide",
            "ATLAS Collaboration",
            "The Tide Consortium",
            "Mistral AI",
        ),
        *("Google DeepMind", "01.AI", "Tide, River and Sea Lab", "University of Tides", "Tide Foundation"),
        *(
            "王小明",
            "Madonna",
            "Search and Rescue",
            "Shanghai AI Laboratory",
            "Lindqvist, Ada, Bea",
            "others",
        ),
    ],
)
def test_groups_and_single_words_stay_whole(text: str) -> None:
    assert split_name(text) == PersonName(literal=text)


@pytest.mark.parametrize("text", ["", ":", " ;", "—", "...", "(*)"])
def test_what_has_no_letter_is_no_name(text: str) -> None:
    assert split_name(text) is None


def test_every_particle_is_one_in_either_order() -> None:
    for particle in sorted(PARTICLES):
        expected = person("Berg", "Ada", particle)
        assert split_name(f"Ada {particle} Berg") == expected
        assert split_name(f"{particle} Berg, Ada") == expected


WORDS = st.text(alphabet="abéßłøABÅØ王李'-.", min_size=1, max_size=6)


@given(words=st.lists(st.one_of(WORDS, st.sampled_from(sorted(PARTICLES))), min_size=1, max_size=6))
def test_the_sorted_form_is_read_as_the_same_name(words: list[str]) -> None:
    name = split_name(" ".join(words))
    assert name is None or split_name(name.sorted_form) == name


@given(text=st.text(max_size=80))
def test_no_name_loses_a_letter(text: str) -> None:
    name = split_name(text)
    kept = "".join(filter(str.isalpha, "".join(name))) if name else ""
    assert sorted(kept) == sorted(filter(str.isalpha, text))
