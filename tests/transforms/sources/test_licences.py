"""One name a licence, however a list writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.sources.licences import normal_licence
from transforms.sources.listing import Selection


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("Creative Commons 0", "CC0-1.0"),
        ("CC0", "CC0-1.0"),
        ("CC0 1.0 Universal", "CC0-1.0"),
        ("http://creativecommons.org/licenses/by/3.0/", "CC-BY-3.0"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("Attribution", "CC-BY"),
        ("Attribution 4.0", "CC-BY-4.0"),
        ("Creative Commons Attribution 3.0 Unported License", "CC-BY-3.0"),
        ("CC BY-SA 4.0 International", "CC-BY-SA-4.0"),
        ("http://creativecommons.org/licenses/by-nc/3.0/", "CC-BY-NC-3.0"),
        ("Attribution NonCommercial", "CC-BY-NC"),
        ("Attribution Non-Commercial 4.0", "CC-BY-NC-4.0"),
        ("by-nc/4.0", "CC-BY-NC-4.0"),
        ("http://creativecommons.org/licenses/sampling+/1.0/", "Sampling+-1.0"),
        ("https://creativecommons.org/licenses/sampling%2B/1.0/", "Sampling+-1.0"),
        ("Sampling+", "Sampling+-1.0"),
        ("CC-Sampling+", "Sampling+-1.0"),
        ("GPL-3.0", "GPL-3.0"),
        (" Ask me by mail ", "Ask me by mail"),
        ("", None),
        (None, None),
    ],
)
def test_spellings(text: str | None, name: str | None) -> None:
    assert normal_licence(text) == name
    assert normal_licence(normal_licence(text)) == name


@given(st.text(max_size=40))
def test_a_name_is_normal_after_one_step(text: str) -> None:
    assert normal_licence(normal_licence(text)) == normal_licence(text)


@pytest.mark.parametrize(
    ("allowed", "licence", "let_in"),
    [
        ((), None, True),
        (("CC0-1.0",), None, False),
        (("CC0-1.0",), "CC0-1.0", True),
        (("CC-BY",), "CC-BY-4.0", True),
        (("CC-BY",), "CC-BY-NC-4.0", False),
        (("CC-BY",), "CC-BY-NC", False),
        (("CC-BY-4.0",), "CC-BY", False),
        (("CC-BY-4.0",), "CC-BY-3.0", False),
    ],
)
def test_a_family_lets_in_its_versions_and_nothing_wider(
    allowed: tuple[str, ...], licence: str | None, let_in: bool
) -> None:
    assert Selection(licenses=allowed).lets_in(licence) == let_in
