"""What a stranger's release or folder of requests names is not read, not written, and not sent the user's key."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.build import build
from pipeline.command import main
from pipeline.recipe import RecipeError, load_recipe, load_release_recipe
from tests.chat_server import chat_server, obedient
from tests.hostile.stranger import KEY, Stranger
from tests.pipeline.conftest import ONE_WORKER, SMALL
from tests.tables import change_table
from transforms.captions.endpoint.address import ForeignAddress, UserAddress
from transforms.captions.endpoint.client import connect, connect_for_files
from transforms.captions.writers import AbsentWriter

pytestmark = pytest.mark.slow

SECRET = "a secret of the user's"


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    server = Stranger()
    yield server
    server.close()


@pytest.fixture(scope="module")
def honest(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose captions an endpoint wrote, but for some that it did not answer."""
    output = tmp_path_factory.mktemp("strangers") / "release"
    with chat_server(obedient) as server:
        settings = [*SMALL, "caption.writer=openai", f"caption.base_url={server.base_url}", "caption.model=small"]
        build(load_recipe("folder", settings), str(recordings), str(output), beam_flags=ONE_WORKER)
    return output


@pytest.fixture
def hostile(honest: Path, stranger: Stranger, tmp_path: Path) -> Path:
    """That release as a stranger passes it on: every address in it is his."""
    copy = Path(shutil.copytree(honest, tmp_path / "hostile"))
    recipe = yaml.safe_load((copy / "recipe.yaml").read_text())
    recipe["caption"] |= {"base_url": stranger.url, "judge": "model", "judge_base_url": stranger.url}
    (copy / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    stated = json.loads((copy / "release.json").read_text())
    stated["recipe_sha256"] = load_release_recipe(str(copy)).sha256()
    (copy / "release.json").write_text(json.dumps(stated))
    return copy


def elsa(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def forget_answers(release: Path) -> None:
    """Leaves every second answer out of the release."""
    table = pq.read_table(release / "answers.parquet")
    pq.write_table(table.take(list(range(0, table.num_rows, 2))), release / "answers.parquet")


def test_no_command_sends_anything_to_the_address_in_a_release(
    hostile: Path, stranger: Stranger, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert elsa("reproduce", hostile, "--input", recordings, "--output", tmp_path / "again", *ONE_WORKER) == 0
    assert "the same digest" in capsys.readouterr().out
    change_table(hostile / "answers.parquet", "reason", lambda _: "error: status 401", [0, 1])
    change_table(hostile / "answers.parquet", "kept", lambda _: False, [0, 1])
    for command in (
        ("captions", "redo", hostile),
        ("captions", "redo", hostile, "--set", "caption.concurrency=2"),
        ("captions", "redo", hostile, "--set", "caption.base_url=http://127.0.0.1:9/v1"),
    ):
        assert elsa(*command) == 2
        assert "name the endpoint that is to be asked: --set caption." in only_line(capsys)
    for command in (
        ("verify", hostile, "--rerender", 1, "--input", recordings),
        ("export", "webdataset", hostile, "--output", tmp_path / "tars"),
        ("report", hostile, "--input", recordings),
        ("plan", "folder", "--input", recordings, "--output", hostile, "--no-measure"),
        ("build", "folder", "--input", recordings, "--output", hostile),
    ):
        elsa(*command)
    assert stranger.heard == []


def test_a_release_without_its_answers_is_made_again_without_asking(
    hostile: Path, stranger: Stranger, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_answers(hostile)
    assert elsa("reproduce", hostile, "--input", recordings, "--output", tmp_path / "again", *ONE_WORKER) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("elsa: ")
    assert first.endswith(f" captions have no answer in {hostile}: nobody is asked, and the template wrote them")
    assert stranger.heard == []


def test_the_address_of_a_folder_of_requests_is_shown_and_not_asked(
    stranger: Stranger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "requests-00000.jsonl").write_text("{}\n")
    state = {"batch_id": "b", "status": "in_progress", "earlier": []}
    (folder / "batches.json").write_text(json.dumps({"requests-00000.jsonl": state}))
    manifests = (
        {"base_url": stranger.url},
        {"base_url": None, "judge_base_url": stranger.url, "judge_files": ["requests-00000.jsonl"]},
    )
    for manifest in manifests:
        (folder / "export.json").write_text(json.dumps({**manifest, "files": ["requests-00000.jsonl"]}))
        for command in (("submit", folder), ("collect", folder, "--output", tmp_path / "a.parquet")):
            assert elsa("captions", *command) == 2
            assert f"base-url={stranger.url} is the one in the folder of requests" in only_line(capsys)
    assert stranger.heard == []


def test_a_file_outside_of_a_folder_of_requests_is_not_sent(
    stranger: Stranger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    folder = tmp_path / "requests"
    folder.mkdir()
    (folder / "requests-00000.jsonl").symlink_to(tmp_path / "secret.txt")
    for name, code in (("../secret.txt", 2), (str(tmp_path / "secret.txt"), 2), ("requests-00000.jsonl", 1)):
        (folder / "export.json").write_text(json.dumps({"base_url": None, "files": [name]}))
        assert elsa("captions", "submit", folder, "--base-url", stranger.url) == code
        assert only_line(capsys)
    assert stranger.heard == []


def test_a_redirect_carries_the_key_to_nobody(stranger: Stranger) -> None:
    # The provider itself may send a client elsewhere.
    other = Stranger()
    stranger.url = other.url
    port = stranger.address[1]
    client = connect_for_files(UserAddress(f"http://127.0.0.1:{port}/v1")).with_options(max_retries=0)
    with pytest.raises(Exception, match="307"):
        client.files.content("file-1")
    assert len(stranger.heard) == 1
    assert other.heard == []
    other.close()


def test_nothing_connects_to_an_address_that_the_user_has_not_named(hostile: Path, stranger: Stranger) -> None:
    for open_client in (lambda address: connect(address, 1.0), connect_for_files):
        with pytest.raises(TypeError, match="named by somebody else"):
            open_client(ForeignAddress(stranger.url))
    job = load_release_recipe(str(hostile)).caption_job()
    assert isinstance(job.open_writer(), AbsentWriter)
    assert isinstance(job.open_judge(), AbsentWriter)
    named = load_release_recipe(str(hostile), [f"caption.base_url={stranger.url}"]).caption_job()
    assert (named.address, named.judge_address) == (UserAddress(stranger.url), ForeignAddress(stranger.url))
    typed = load_recipe(str(hostile / "recipe.yaml")).caption_job()
    assert typed.address == typed.judge_address == UserAddress(stranger.url)


@pytest.mark.parametrize("kind", ["secret.txt", "pipe", "/dev/zero"])
def test_no_file_that_a_recipe_in_a_release_names_is_read(release: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    os.mkfifo(tmp_path / "pipe")
    plain = yaml.safe_load((release / "recipe.yaml").read_text())
    for section, key in (("caption", "prompt"), ("rooms", "file"), ("select", "exclude"), ("caption", "weights")):
        recipe = {**plain, section: {**plain[section], key: str(tmp_path / kind)}}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        if key == "weights":
            # A name, for the column of the model; the file itself is the user's alone to name.
            job = replace(load_release_recipe(str(tmp_path)).caption_job(), writer="local")
            assert (job.weights, job.model_name) == (None, str(tmp_path / kind))
            assert isinstance(job.open_writer(), AbsentWriter)
            continue
        with pytest.raises(RecipeError) as caught:
            load_release_recipe(str(tmp_path))
        assert str(caught.value).startswith(f"recipe key {section}")
        assert SECRET not in str(caught.value)


def names_absolute(release: Path, secret: Path) -> None:
    change_name(release, str(secret))


def names_above(release: Path, secret: Path) -> None:
    change_name(release, os.path.relpath(secret, next(iter(sorted(release.glob("train/*"))))))


def change_name(release: Path, name: str) -> None:
    change_table(sorted(release.glob("train/*/metadata.parquet"))[0], "file_name", lambda _: name)


def link_report(release: Path, secret: Path) -> None:
    (release / "report").symlink_to(secret.parent)


def link_data(release: Path, secret: Path) -> None:
    (release / "report").mkdir(exist_ok=True)
    for name in ("data", "audio"):
        (release / "report" / name).symlink_to(secret.parent)


def table_is_pipe(release: Path, secret: Path) -> None:
    path = sorted(release.glob("train/*/metadata.parquet"))[0]
    path.unlink()
    os.mkfifo(path)


def flac_is_device(release: Path, secret: Path) -> None:
    path = sorted(release.glob("train/*/*.flac"))[0]
    path.unlink()
    path.symlink_to("/dev/zero")


def root_is_linked(release: Path, secret: Path) -> None:
    for name in ("release.json", "answers.parquet", "rooms.parquet"):
        (release / name).unlink()
        (release / name).symlink_to(secret)


#: What a stranger has done to a release, and the commands that must not fall for it.
HOSTILE: dict[Callable[[Path, Path], None], tuple[str, ...]] = {
    names_absolute: ("verify", "report", "export"),
    names_above: ("verify", "export"),
    link_report: ("verify", "report"),
    link_data: ("verify", "report"),
    table_is_pipe: ("verify", "report", "export"),
    flac_is_device: ("verify", "report"),
    root_is_linked: ("verify", "export"),
}


@pytest.mark.parametrize("damage", HOSTILE, ids=lambda damage: damage.__name__)
def test_no_command_reads_or_writes_outside_of_a_release(
    release: Path, tmp_path: Path, damage: Callable[[Path, Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    # Of the kinds that a report removes where they are stale.
    for name in ("secret.flac", "rows-00009.js", "binaural-0000000000000000.mp3", "index.html"):
        shutil.copy(sorted(release.glob("train/*/*.flac"))[0], outside / name)
    before = {path: path.read_bytes() for path in outside.iterdir()}
    copy = Path(shutil.copytree(release, tmp_path / "r", ignore=shutil.ignore_patterns("report")))
    damage(copy, outside / "secret.flac")
    commands = {
        "verify": ("verify", copy),
        "report": ("report", copy, "--samples", 1),
        "export": ("export", "webdataset", copy, "--output", tmp_path / "tars"),
    }
    codes = {name: elsa(*commands[name]) for name in HOSTILE[damage]}
    assert {path: path.read_bytes() for path in outside.iterdir()} == before
    assert "Traceback" not in capsys.readouterr().err
    # A report shows what there is of a release; the other two stand for all of it.
    assert {codes.get("verify", 1), codes.get("export", 1)} <= {1, 2}
    if damage in (link_report, link_data):
        assert codes["report"] == 1


def link_workspace(folder: Path, outside: Path) -> None:
    (folder / ".elsa").symlink_to(outside)


def link_split(folder: Path, outside: Path) -> None:
    (folder / "train").symlink_to(outside)


def link_lock(folder: Path, outside: Path) -> None:
    (folder / ".elsa").mkdir()
    (folder / ".elsa" / "lock.json").symlink_to(outside / "kept")


def link_log(folder: Path, outside: Path) -> None:
    (folder / ".elsa").mkdir()
    (folder / ".elsa" / "workers.log").symlink_to(outside / "kept")


@pytest.mark.parametrize("link", [link_workspace, link_split, link_lock, link_log], ids=lambda link: link.__name__)
@pytest.mark.parametrize("begun", [True, False])
def test_a_build_in_a_strangers_folder_writes_nothing_outside(
    release: Path,
    recordings: Path,
    tmp_path: Path,
    link: Callable[[Path, Path], None],
    begun: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outside, output = tmp_path / "outside", tmp_path / "o"
    (outside / "00000-of-00003").mkdir(parents=True)
    for name in ("kept", "lock.json", "run", "00000-of-00003/metadata.parquet"):
        (outside / name).write_text(SECRET)
    before = {path: path.is_file() and path.read_bytes() for path in outside.rglob("*")}
    if begun:
        shutil.copytree(release, output, ignore=shutil.ignore_patterns("train", "report"))
    output.mkdir(exist_ok=True)
    link(output, outside)
    settings = [part for setting in SMALL for part in ("--set", setting)]
    assert elsa("build", "folder", "--input", recordings, "--output", output, *settings, *ONE_WORKER) in (1, 2)
    assert SECRET not in capsys.readouterr().err
    assert {path: path.is_file() and path.read_bytes() for path in outside.rglob("*")} == before
