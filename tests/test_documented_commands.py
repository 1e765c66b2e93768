"""Every `elsa` command that stands in README.md and docs/guide.md runs, in the order of the page, on small inputs."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.command import main
from tests.chat_server import chat_server, obedient
from tests.layouts import csv_bytes, pair_json, sound, write_tree
from tests.sounds import small_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/guide.md")
#: The words of a usage line: they describe commands, and are no commands.
USAGE = re.compile(r"…\s*(?:\[|$)|\[--|\b(?:RECIPE|RELEASE|RELEASE2|CONFIG|FOLDER|RUN|DIR|FILE)\b")
#: The address in the pages, which the test's own server takes over.
ADDRESS = "http://127.0.0.1:8000/v1"
#: A small build in one process; the pages' own settings come after these and win.
FAST_BUILD = [
    *("--set", "rooms.train=2", "--set", "rooms.validation=2", "--set", "rooms.test=2"),
    *("--set", "augmentations.train=1", "--direct_num_workers=1", "--direct_running_mode=in_memory"),
]
FAST = {
    "build": FAST_BUILD,
    "reproduce": ["--direct_num_workers=1", "--direct_running_mode=in_memory"],
    "plan": ["--no-measure"],
    "train": ["--set", "training.epochs=1", "--set", "training.device=cpu"],
    "evaluate": ["--tasks", "zero_shot,localisation"],
}
FIVE = [f"caption_{number}" for number in range(1, 6)]
#: What a user is expected to have at hand before the first command of a page.
INPUTS = {
    "AUDIOCAPS/csv_files_v1/train.csv": csv_bytes(
        ["audiocap_id", "youtube_id", "start_time", "caption"], [["1", "abc", "30", "A dog barks, twice"]]
    ),
    "AUDIOCAPS/audio_32000Hz/train/abc_30.flac": sound(1),
    "CLOTHO_v2.1/clotho_csv_files/clotho_captions_development.csv": csv_bytes(
        ["file_name", *FIVE], [["rain.wav", *(f"Rain falls on roof {letter}" for letter in "abcde")]]
    ),
    "CLOTHO_v2.1/clotho_csv_files/clotho_metadata_development.csv": csv_bytes(
        ["file_name", "keywords", "sound_id", "sound_link", "start_end_samples", "manufacturer", "license"],
        [["rain.wav", "rain", "1", "https://freesound.org/s/1/", "", "someone", "CC0"]],
    ),
    "CLOTHO_v2.1/clotho_audio_files/development/rain.wav": sound(2, "wav"),
    "freesound_tar/train/1.flac": sound(3),
    "freesound_tar/train/1.json": pair_json(101),
}


def documented_commands(page: str) -> list[list[str]]:
    """The words after `elsa` of each command in the fenced blocks of a page, usage lines left out."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"^```(?:sh|console|bash)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            match = re.match(r"(?:\$ )?(?:\.venv/bin/)?(elsa \S.*)", line)
            if match and not USAGE.search(match[1].replace("caption.model=…", "")):
                found.append(shlex.split(match[1], comments=True)[1:])
    return found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with chat_server(obedient) as server:
        yield server.base_url


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs(
    page: str, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = documented_commands(page)
    assert commands
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    small_folder(tmp_path / "recordings", clips=8)
    small_folder(tmp_path / "out" / "demo-recordings", clips=4)
    write_tree(tmp_path, INPUTS)
    for words in commands:
        run = prepared(words, address)
        if run[0] == "build":
            # A page shows several builds into one folder, of which a user would choose one.
            shutil.rmtree(option(run, "--output"), ignore_errors=True)
        code = main(run)
        printed = capsys.readouterr()
        assert code == 0, (words, printed.err)


def prepared(words: Sequence[str], address: str) -> list[str]:
    """A documented command, made fast, and with the test's endpoint in place of the page's or of the provider's."""
    command, *rest = (
        word.replace(ADDRESS, address).replace("caption.model=…", "caption.model=some-model") for word in words
    )
    fast = list(FAST.get(command, []))
    if rest[:1] == ["demo"]:
        # Its model takes about a CPU second a caption.
        fast += ["--limit", "8"]
    if command == "evaluate" and "--tasks" in rest:
        fast = []
    asks = command in ("build", "plan") and rest and rest[0].startswith("spatial-")
    endpoint = ["--set", f"caption.base_url={address}"] if asks else []
    return [command, *rest[:1], *fast, *endpoint, *rest[1:]]


def option(words: Sequence[str], name: str) -> str:
    return words[list(words).index(name) + 1]
