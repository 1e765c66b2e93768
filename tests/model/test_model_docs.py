"""docs/model.md and docs/evaluation.md repeat numbers of the code: keys, ranges, defaults, parameters, the paper's."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from model.augmentation import Augmentation
from model.augmentation.symmetries import Mirror
from model.configuration import read_configuration, shipped_configurations
from model.evaluation.options import EvaluationOptions, read_options
from model.evaluation.paper import NUMBERS
from model.parameters import table
from tests.markdown import ElsaCommand, Page

ROOT = Path(__file__).parents[2]
PAGES = [Page.read(path, ROOT) for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))]
MODEL = next(page for page in PAGES if page.name == "docs/model.md")
EVALUATION = next(page for page in PAGES if page.name == "docs/evaluation.md")
SHARES = {"all": 1.0, "½": 0.5, "½ each": 0.5}


def shown(command: str) -> list[tuple[str, ElsaCommand]]:
    return [(page.name, each) for page in PAGES for each in page.commands if each.words[0] == command]


def settings_of(command: ElsaCommand) -> list[str]:
    words = command.words
    return [words[place + 1] for place, word in enumerate(words) if word == "--set" and "KEY=" not in words[place + 1]]


def test_every_setting_of_a_training_in_the_docs_can_be_used() -> None:
    commands = shown("train")
    assert len(commands) > 5
    for page, command in commands:
        name = command.words[1]
        if not command.placeholders and name != "…":
            assert name in shipped_configurations(), f"{page}: {name}"
            read_configuration(name, settings_of(command))


def test_every_setting_of_an_evaluation_in_the_docs_can_be_used() -> None:
    for _, command in shown("evaluate"):
        if not command.placeholders:
            read_options(settings_of(command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_of_a_configuration_in_the_prose_exists(page: Page) -> None:
    for span in page.spans:
        setting = re.fullmatch(r"(?:--set )?((?:training|model|data)\.[\w.]+)=(.*)", span)
        if setting is not None:
            key = setting[1].replace("NAME", "rotation")
            sections = read_configuration("elsa-tiny", [f"{key}={setting[2]}", *_needed_by(key)]).as_dict()
            for part in key.split("."):
                assert part in sections, f"{page.name}: `{span}`"
                sections = sections[part] if isinstance(sections[part], dict) else {}


def _needed_by(key: str) -> list[str]:
    return ["training.pretraining.epochs=1"] if key == "training.pretraining.freeze" else []


def test_the_page_has_the_transforms_with_their_shares_and_ranges() -> None:
    transforms = {
        field.name: getattr(Augmentation(), field.name)
        for field in dataclasses.fields(Augmentation)
        if not field.name.endswith("_share")
    }
    stated = {}
    for row in MODEL.table("transform", "range", "rows"):
        for name in re.findall(r"`(\w+)`", row["transform"]):
            stated[name] = row
    assert set(stated) == set(transforms)
    for name, row in stated.items():
        share = row["rows"]
        assert transforms[name].probability == (SHARES[share] if share in SHARES else float(share)), name
        numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", row["range"])}
        if isinstance(transforms[name], Mirror):
            assert not numbers
            continue
        for field in dataclasses.fields(transforms[name]):
            if field.name != "probability":
                value = getattr(transforms[name], field.name)
                # The page has kilohertz and centimetres.
                assert numbers & {value, value / 1000, value * 100} or not value, f"{name}.{field.name} is {value}"


def test_the_page_has_the_parameters_as_counted() -> None:
    for line in table(["elsa-base", "elsa-small", "elsa-tiny"]).splitlines():
        assert line in MODEL.lines


def test_the_page_has_the_defaults_of_an_evaluation() -> None:
    stated = {row["option"].strip("`"): row["default"] for row in EVALUATION.table("option", "default")}
    defaults = {field.name: field.default for field in dataclasses.fields(EvaluationOptions)}
    assert set(stated) == set(defaults)
    for name, default in defaults.items():
        if isinstance(default, tuple):
            assert [float(part) for part in stated[name].split(",")] == list(default)
        else:
            assert stated[name] == ("null" if default is None else str(default)), name


def test_the_page_says_how_sure_each_number_of_the_paper_is() -> None:
    rows = EVALUATION.table("ELSA, the paper", "on", "number", "mark")
    for number in NUMBERS:
        if not number.where.startswith("ELSA"):
            continue
        # One row may hold the ranks of a retrieval, or three tasks of the same text.
        for part in re.findall(r"−?\d+(?:\.\d+)?", number.text):
            assert any(
                row["mark"] == number.trust and re.search(rf"(?<![\d.]){part}(?![\d.]*\d)", row["number"])
                for row in rows
            ), f"{number.text} [{number.trust}]"


def test_a_number_of_the_paper_that_nobody_checked_is_called_so() -> None:
    pairs = {
        " / ".join(number.text.split(" / ")[:2])
        for number in NUMBERS
        if number.trust == "M" and number.where.startswith("ELSA") and " / " in number.text
    }
    lines = [line for page in PAGES if page is not EVALUATION for line in page.lines if any(p in line for p in pairs)]
    assert len(lines) >= len(pairs)
    assert all("unchecked" in line for line in lines), lines
