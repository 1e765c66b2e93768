"""README, docs and --help say what the code does."""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.command import DONE, INCOMPLETE, ORDER, UNUSABLE, Command, load_commands, make_parser
from pipeline.commands.beam_flags import UnknownFlag, beam_flags, refuse_unknown_flags
from pipeline.recipe import Recipe, load_recipe
from pipeline.shipped import shipped_recipes
from tests.markdown import ElsaCommand, Page
from transforms.captions.check import REASONS
from transforms.captions.job import DEFAULT_MODEL
from transforms.rooms.place_source import SceneRanges
from transforms.rooms.room_design import RoomRanges
from transforms.shards.release_rows import ROW_COLUMNS

ROOT = Path(__file__).parents[1]
PAGES = [Page.read(path, ROOT) for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))]
PAPER_ROWS = 890_038

#: No line is longer. A row of a table cannot be broken, so one with at least WIDE columns may be; with fewer columns
#: the words belong below the table. A line may also be longer where it is nothing but one address.
LONGEST_LINE, WIDE = 120, 6

#: Options in the prose that belong to other programs: pip, accelerate, torchrun and the boot program of Beam's image.
FOREIGN_OPTIONS = {"--no-deps", "--num_processes", "--multi_gpu", "--cpu", "--nproc_per_node", "--worker_pool"}

#: A name that ends so is a file's and no key, even where it begins like one (`rooms.parquet`).
FILE_ENDINGS = (".csv", ".json", ".parquet", ".tar", ".yaml")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def page_of(name: str) -> Page:
    return next(page for page in PAGES if page.name == name)


def recipe_keys(section: type[BaseModel] | BaseModel, prefix: str = "") -> dict[str, object]:
    """Every key of a recipe with its default, which a section may have from the section above it."""
    found: dict[str, object] = {}
    for name, field in (section if isinstance(section, type) else type(section)).model_fields.items():
        default = (
            getattr(section, name) if isinstance(section, BaseModel) else field.get_default(call_default_factory=True)
        )
        found |= (
            recipe_keys(default, f"{prefix}{name}.") if isinstance(default, BaseModel) else {prefix + name: default}
        )
    return found


def is_recipe_key(key: str) -> bool:
    """Whether `--set` takes this key; `*` stands for any range."""
    for section, kind in (("rooms.ranges.", RoomRanges), ("scenes.ranges.", SceneRanges)):
        if key.startswith(section):
            return key.removeprefix(section) in {"*", *(entry.name for entry in fields(kind))}
    return key in recipe_keys(Recipe) or key.startswith("caption.prices.")


# Lines, links and pages


@every_page
def test_every_line_fits_a_screen(page: Page) -> None:
    wide_tables = {number for number, cells in page.table_rows() if len(cells) >= WIDE}
    for number, line in enumerate(page.lines, 1):
        if len(line) > LONGEST_LINE and number not in wide_tables:
            assert re.fullmatch(r"\s*(?:\[[^\]]+\]: |[-*] )?<?https?://\S+>?", line), (
                f"{page.name}, line {number} has {len(line)} characters"
            )


@every_page
def test_every_link_picture_and_anchor_is_there(page: Page) -> None:
    for target in page.links:
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in Page.read(path, ROOT).anchors, f"{page.name} links to {target}, which has no such heading"


def test_the_first_page_of_the_docs_leads_to_every_other() -> None:
    found = Counter(target.partition("#")[0] for target in page_of("docs/README.md").links)
    others = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".ipynb")} - {"README.md"}
    assert {name for name in found if not name.startswith("..")} == others
    assert all(found[name] == 1 for name in others)


# Commands


@pytest.fixture(scope="module")
def commands() -> dict[str, Command]:
    return {command.name: command for command in load_commands()}


def parsers_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a parser's subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a parser and of all parsers below it."""
    found = {name for action in parser._actions for name in action.option_strings}
    return found.union(*(options_of(below) for below in parsers_of(parser).values()))


def take_any_value(parser: argparse.ArgumentParser) -> None:
    """Lets a synopsis write N where a number belongs."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            action.type = action.choices = None
    for below in parsers_of(parser).values():
        take_any_value(below)


def parse(command: ElsaCommand, commands: dict[str, Command]) -> argparse.Namespace:
    """The arguments that the command line has for its parser; nothing is run.

    Raises:
        SystemExit: when the parser refuses it.
        UnknownFlag: for an option that neither the command nor Beam has.
    """
    parser = make_parser(list(commands.values()))
    if command.placeholders:
        take_any_value(parser)
    arguments, rest = parser.parse_known_args(command.words)
    if getattr(commands[arguments.command], "takes_beam_options", False):
        refuse_unknown_flags(rest, [])
    elif rest:
        raise UnknownFlag(rest[0])
    return arguments


def shown() -> list[tuple[Page, ElsaCommand]]:
    return [(page, command) for page in PAGES for command in page.commands]


@pytest.mark.parametrize(("page", "command"), shown(), ids=[f"{page.name}-{command.line}" for page, command in shown()])
def test_every_command_line_is_one_that_the_command_takes(
    page: Page, command: ElsaCommand, commands: dict[str, Command], capsys: pytest.CaptureFixture[str]
) -> None:
    if command.words[-1:] == ("…",):
        # The page leaves the rest out: what is there has to be right.
        assert command.words[0] in commands
        return
    try:
        arguments = parse(command, commands)
    except (SystemExit, UnknownFlag) as error:
        pytest.fail(f"elsa {' '.join(command.words)}: {capsys.readouterr().err or error}")
    if command.placeholders or arguments.command in ("train", "evaluate"):
        return
    recipe = getattr(arguments, "recipe", "folder")
    assert recipe in shipped_recipes() or recipe.endswith(".yaml"), recipe
    for setting in getattr(arguments, "settings", []):
        key, equals, _ = setting.partition("=")
        assert equals, setting
        assert is_recipe_key(key), f"no recipe key is named {key}"


def test_the_pages_show_every_command() -> None:
    assert {command.words[0] for _, command in shown()} == set(ORDER)


@every_page
def test_every_command_and_option_in_the_prose_exists(page: Page, commands: dict[str, Command]) -> None:
    parsers = parsers_of(make_parser(list(commands.values())))
    for span in page.spans:
        words = re.sub(r"[\[\]…]", " ", span).split()
        if words[:1] != ["elsa"] or len(words) == 1:
            continue
        assert words[1] in parsers, f"`{span}`"
        known = options_of(parsers[words[1]])
        if getattr(commands[words[1]], "takes_beam_options", False):
            known |= beam_flags()
        for word in words[2:]:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"`{span}`"


def options_of_the_benchmarks() -> set[str]:
    """Options that the scripts below tests/ declare, read from their source."""
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    return {option for text in scripts for option in re.findall(r'add_argument\(\s*"(--[\w-]+)"', text)}


def test_every_option_that_a_page_names_is_one_of_ours_or_beam_s(commands: dict[str, Command]) -> None:
    known = options_of(make_parser(list(commands.values()))) | beam_flags() | options_of_the_benchmarks()
    for page in PAGES:
        for span in page.spans:
            for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", span):
                assert option in known | FOREIGN_OPTIONS, f"{page.name}: `{span}`"


def test_every_option_of_every_command_is_in_the_docs(commands: dict[str, Command]) -> None:
    text = "\n".join(page.text for page in PAGES)
    for name, parser in parsers_of(make_parser(list(commands.values()))).items():
        for action in (entry for each in (parser, *parsers_of(parser).values()) for entry in each._actions):
            # Of --wait and --no-wait one is enough.
            names = [option for option in action.option_strings if option not in ("-h", "--help")]
            assert not names or any(re.search(rf"{option}(?![\w-])", text) for option in names), f"elsa {name} {names}"


@every_page
def test_every_recipe_key_in_the_prose_exists(page: Page) -> None:
    sections = "|".join(name for name in Recipe.model_fields if is_section(name))
    for span in page.spans:
        key = re.fullmatch(rf"(?:--set '?)?((?:{sections})\.[\w.*]+)(?:=.*)?", span)
        if key is not None and not key[1].endswith(FILE_ENDINGS):
            assert is_recipe_key(key[1]) or is_section(key[1]), f"`{span}`"


def is_section(name: str) -> bool:
    return any(key.startswith(f"{name}.") for key in recipe_keys(Recipe)) or name in ("rooms.ranges", "scenes.ranges")


@every_page
def test_every_make_target_exists(page: Page) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    lines = [line.strip() for block in page.blocks if block.language in ("", "sh") for line in block.text.splitlines()]
    for text in (*page.spans, *lines):
        named = re.match(r"(?:\$ )?make ([a-z][a-z-]*)", text)
        assert named is None or named[1] in targets, f"{page.name}: {text}"


@every_page
def test_no_page_installs_the_project_from_an_index_that_does_not_have_it(page: Page) -> None:
    assert not re.search(r"pip install [^\n`]*elsa-spatial-audio", page.text)


# Names of files and modules


def project_files() -> set[str]:
    tops = ("pipeline", "transforms", "prompts", "model", "tests")
    found = {path.relative_to(ROOT).as_posix() for top in tops for path in (ROOT / top).rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name}


def named_paths(page: Page) -> Iterator[str]:
    """Paths of the project that a page names, in spans and in blocks."""
    for text in (*page.spans, *(block.text for block in page.blocks)):
        yield from re.findall(r"(?<![\w./-])(?:pipeline|transforms|prompts|model|tests|constraints)/[\w./-]*\w", text)
    for span in page.spans:
        yield from re.findall(r"^[\w/]+\.py$", span)


@every_page
def test_every_file_of_the_project_that_a_page_names_is_there(page: Page) -> None:
    files = project_files()
    for name in named_paths(page):
        # A table may leave out the folder that its heading names.
        there = (ROOT / name).exists() or any(file.endswith(f"/{name}") for file in files)
        assert there, f"{page.name} names {name}"


@every_page
def test_every_module_that_a_page_runs_is_there(page: Page) -> None:
    for module in re.findall(r"-m ((?:pipeline|transforms|model|tests)(?:\.[a-z]\w*)+)(?![.\w])", page.text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), f"{page.name}: {module}"


def test_the_benchmarks_are_all_listed() -> None:
    scripts = {
        path.stem
        for path in (ROOT / "tests" / "benchmarks").glob("*.py")
        if "__main__" in path.read_text(encoding="utf-8")
    }
    assert {row["module"].strip("`") for row in page_of("docs/benchmarks.md").table("module")} == scripts


# Tests that a page names


def functions_of_the_tests() -> dict[str, set[str]]:
    """The files that have a test function, by its name."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_every_test_that_the_page_on_odd_inputs_names_is_there() -> None:
    page, files = page_of("docs/odd-inputs.md"), functions_of_the_tests()
    named = {span for span in page.spans if span.startswith("test_")}
    assert len(named) > 50
    for span in named:
        file, _, name = span.rpartition("::")
        assert any(f"/{path}".endswith(f"/{file}" if file else "") for path in files.get(name, ())), f"`{span}`"
    pairs = re.findall(r"`(test_\w+)`\s+in\s+`(tests/[\w/]+\.py)`", page.text)
    assert {name for name, _ in pairs} == named
    for name, file in pairs:
        assert file in files[name], f"`{name}` is not in {file}"


def test_every_row_of_the_page_on_odd_inputs_has_its_tests_or_a_reason() -> None:
    page = page_of("docs/odd-inputs.md")
    rows = [cells[-1].partition(",")[0] for _, cells in page.table_rows()]
    marks = [mark for mark in rows if re.fullmatch(r"[A-Z]\d+", mark)]
    assert marks == re.findall(r"^- \*\*([A-Z]\d+)\*\* (?:`test_|No test)", page.text, re.MULTILINE)
    assert len(marks) == len(set(marks)) > 50


# Numbers and names that the docs repeat from the code


def test_the_docs_have_every_column_in_the_order_of_the_release() -> None:
    table = page_of("docs/releases.md").text.split("## Columns of metadata.parquet")[1]
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| (.*) \|$", table, re.MULTILINE)
    assert rows == [(column.name, column.type_name, column.text) for column in ROW_COLUMNS]


@every_page
def test_the_number_of_columns_is_that_of_the_release(page: Page) -> None:
    text = " ".join(page.prose)
    assert not re.search(r"\b(?:twenty|thirty|forty|fifty)(?:-\w+)? columns", text)
    for number in re.findall(r"\b(\d\d+) columns", text):
        assert int(number) == len(ROW_COLUMNS)


def test_the_guide_has_every_recipe_key_command_and_recipe() -> None:
    guide = page_of("docs/guide.md").text
    for key in recipe_keys(Recipe):
        section, _, name = key.rpartition(".")
        assert f"`{key}" in guide or f"`.{name}`" in guide, f"{section}.{name}"
    for command in load_commands():
        assert f"elsa {command.name}" in guide
    for recipe in shipped_recipes():
        assert f"`{recipe}`" in guide


def stated_defaults() -> list[tuple[str, str]]:
    """(key, default) as the guide's table has them; keys that share a row have their defaults in the same order."""
    found = []
    for row in page_of("docs/guide.md").table("key", "default"):
        keys = re.findall(r"`([\w.*]+)`", row["key"])
        keys = [f"{keys[0].rpartition('.')[0]}{key}" if key.startswith(".") else key for key in keys]
        values = [value.strip() for value in row["default"].split(",")]
        found += list(zip(keys, values if len(values) == len(keys) else values * len(keys), strict=True))
    return found


def test_the_guide_states_the_defaults_of_the_code() -> None:
    defaults = recipe_keys(Recipe) | {"caption.model": DEFAULT_MODEL}
    stated = [(key.removesuffix(".*"), text) for key, text in stated_defaults()]
    assert {key for key, _ in stated} == set(defaults)
    for key, text in stated:
        default = defaults[key]
        if default is None or isinstance(default, (list, dict)) or key in ("name", "source"):
            # In words: none, all, the prompt's.
            assert not re.search(r"[\d`]", text), f"{key}: {text}"
        elif isinstance(default, str):
            assert text == f"`{default}`", f"{key}: {text}"
        else:
            assert float(text.strip("`").replace("−", "-")) == default, f"{key}: {text}"


def test_the_guide_states_the_exit_codes_of_the_code() -> None:
    rows = page_of("docs/guide.md").table("exit code")
    assert [row["exit code"].strip("`") for row in rows] == [str(code) for code in (DONE, INCOMPLETE, UNUSABLE)]


@every_page
def test_no_page_names_an_exit_code_that_there_is_none_of(page: Page) -> None:
    for code in re.findall(r"\bexit(?:s with| code)? (\d+)", " ".join(page.prose)):
        assert int(code) in (DONE, INCOMPLETE, UNUSABLE)


def test_the_page_on_the_check_has_every_reason() -> None:
    page = page_of("docs/caption-check.md").text
    for reason in REASONS:
        assert (
            f"`{reason}`" in page or f"`{reason.rpartition('_')[0]}_*`" in page or f"`{reason.split('_')[0]}_*`" in page
        )


def test_the_shards_of_the_paper_s_rows_follow_from_the_recipes() -> None:
    large, small = load_recipe("spatial-audiocaps").rows_per_shard, load_recipe("folder").rows_per_shard
    runners = " ".join(page_of("docs/runners.md").prose)
    assert f"{math.ceil(PAPER_ROWS / large):,} shards of {large} rows" in runners
    assert f"{math.ceil(PAPER_ROWS / small):,} shards of {small} rows" in runners
    assert f"{math.ceil(PAPER_ROWS / large):,} shards" in page_of("docs/cost.md").text
