"""`elsa captions`: a provider's batch interface, which asks for half the price and answers within a day."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.command import DONE, INCOMPLETE, UNUSABLE, fail
from pipeline.commands.arguments import add_recipe_arguments, add_settings_argument, recipe_of
from pipeline.errors import last_words
from transforms.escaping import terminal_text

if TYPE_CHECKING:
    from pipeline.batches.endpoints import Endpoints


class CaptionsCommand:
    """Captions through batches: export what a build would ask, submit it, collect the answers for `elsa build`."""

    name = "captions"
    help = "ask for captions through a provider's batch interface"
    takes_beam_options = True

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.description = "Asks for captions in batches; elsa build --answers then asks nothing."
        parser.epilog = (
            "example:\n"
            "  elsa captions export my.yaml --input recordings --output out/mine --requests out/requests\n"
            "  elsa captions submit out/requests\n"
            "  elsa captions collect out/requests --output out/answers.parquet\n"
            "  elsa build my.yaml --input recordings --output out/mine --answers out/answers.parquet\n\n"
            "What was refused or failed is asked again by another export, with --answers out/answers.parquet.\n"
            "The judge is asked about doubted answers in the round after that.\n"
            "submit and collect take --base-url if caption.base_url is not the provider's own.\n"
            "  elsa captions redo out/mine --set caption.base_url=http://127.0.0.1:8000/v1\n"
            "asks again for captions of a finished release whose requests failed.\n"
            "The key of the API comes from OPENAI_API_KEY."
        )
        steps = parser.add_subparsers(dest="step", metavar="STEP", required=True, parser_class=type(parser))
        self._configure_export(steps.add_parser("export", help="write what a build would ask", allow_abbrev=False))
        self._configure_submit(steps.add_parser("submit", help="upload and follow the batches", allow_abbrev=False))
        self._configure_collect(steps.add_parser("collect", help="turn results into answers", allow_abbrev=False))
        self._configure_redo(
            steps.add_parser("redo", help="ask again for captions that had no answer", allow_abbrev=False)
        )

    def _configure_export(self, parser: argparse.ArgumentParser) -> None:
        add_recipe_arguments(parser)
        parser.add_argument("--output", required=True, metavar="RELEASE", help="the release that will be built")
        parser.add_argument("--requests", required=True, metavar="DIR", help="the folder for the request files")
        parser.add_argument("--answers", metavar="FILE", help="answers that are there already: only what is missing")

    def _configure_submit(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("requests", metavar="DIR", help="the folder that export wrote")
        _add_addresses(parser)
        parser.add_argument(
            "--wait", action=argparse.BooleanOptionalAction, default=True, help="follow the batches to their end"
        )
        parser.add_argument("--every", type=float, default=30.0, metavar="SECONDS", help="between two looks (30)")

    def _configure_collect(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("requests", metavar="DIR", help="the folder that export wrote")
        _add_addresses(parser)
        parser.add_argument("--output", required=True, metavar="FILE", help="answers.parquet, new or to be added to")

    def _configure_redo(self, parser: argparse.ArgumentParser) -> None:
        parser.description = (
            "Asks again for the captions of a finished release that the template wrote because the endpoint gave no\n"
            "answer, or because the budget was spent. Renders nothing. The release then has the digest of a build\n"
            "with these answers."
        )
        parser.epilog = "example:\n  elsa captions redo out/mine --set caption.base_url=http://127.0.0.1:8000/v1"
        parser.add_argument("release", metavar="RELEASE", help="the folder of the release")
        add_settings_argument(parser)
        parser.add_argument("--input", metavar="DIR", help="the folder of recordings, for players in the report")

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.step != "export" and arguments.beam_options:
            fail(f"elsa captions {arguments.step} knows no {arguments.beam_options[0]}")
            return UNUSABLE
        # The packages of Beam and of the protocol take seconds to import; the command's help does not need them.
        from openai import OpenAIError

        from pipeline.batches.folder import BatchError
        from pipeline.beam_options import OptionError
        from pipeline.build import BuildError
        from pipeline.recipe import RecipeError
        from pipeline.release.layout import ReleaseError
        from transforms.bounds import Refused
        from transforms.captions.writers import WriterUnavailable
        from transforms.sources import SourceUnusable

        steps = {"export": _export, "submit": _submit, "collect": _collect, "redo": _redo}
        try:
            return steps[arguments.step](arguments)
        except (
            BatchError, BuildError, OptionError, RecipeError, ReleaseError, SourceUnusable, WriterUnavailable,
        ) as error:  # fmt: skip
            fail(str(error))
            return UNUSABLE
        except OpenAIError as error:
            from transforms.captions.endpoint.errors import server_sentence, short_error

            sentence = server_sentence(error, os.environ.get("OPENAI_API_KEY"))
            said = f"{short_error(error)}{f' ({sentence})' if sentence else ''}"
            fail(f"the endpoint did not do it: {said}; run the same command again to go on")
            return INCOMPLETE
        except (OSError, RuntimeError, Refused) as error:
            fail(f"captions {arguments.step} stopped: {last_words(error)}; run the same command again to go on")
            return INCOMPLETE


def _export(arguments: argparse.Namespace) -> int:
    from pipeline.batches.requests import export_requests

    exported = export_requests(
        recipe_of(arguments),
        arguments.input,
        arguments.output,
        Path(arguments.requests),
        answers=arguments.answers,
        beam_flags=arguments.beam_options,
    )
    for line in exported.failures:
        fail(line)
    print(
        f"{arguments.requests}: {exported.requests} requests for {exported.captions} captions "
        f"in {len(exported.files)} new files"
    )
    return INCOMPLETE if exported.failures else DONE


def _submit(arguments: argparse.Namespace) -> int:
    from pipeline.batches.folder import BatchError
    from pipeline.batches.provider import follow, progress_line, submit

    if not (math.isfinite(arguments.every) and arguments.every > 0):
        raise BatchError(f"--every takes seconds, not {arguments.every}")
    folder = Path(arguments.requests)
    clients = _endpoints(arguments)
    batches = submit(clients, folder)
    if arguments.wait and batches:
        batches = follow(clients, folder, arguments.every, lambda line: print(terminal_text(line), flush=True))
    else:
        print(terminal_text(progress_line(batches)))
    wrong = [(name, batch) for name, batch in batches.items() if batch.status in ("failed", "expired", "cancelled")]
    for name, batch in wrong:
        again = "submit it again" if batch.status == "failed" else "collect, then export what is missing"
        fail(f"{name}: its batch {batch.status}{f' ({batch.reason})' if batch.reason else ''}: {again}")
    return INCOMPLETE if wrong else DONE


def _collect(arguments: argparse.Namespace) -> int:
    from pipeline.batches.answers import collect

    folder, output = Path(arguments.requests), Path(arguments.output)
    found = collect(_endpoints(arguments), folder, output)
    print(f"{output}: {found.kept} answers kept, {found.refused} refused, {found.failed} failed")
    if found.pending:
        fail(f"{found.pending} answers are not there yet: elsa captions submit follows their batches")
    if found.failed:
        fail(f"{found.failed} requests failed: elsa captions export --answers {output} writes them again")
    return INCOMPLETE if found.pending or found.failed else DONE


def _redo(arguments: argparse.Namespace) -> int:
    from pipeline.build.redo_captions import redo_captions
    from pipeline.check.row_progress import RowProgress
    from pipeline.report.of_release import write_report_of
    from transforms.bounds import Refused

    progress: list[RowProgress] = []
    done_before = 0

    def watch(done: int, total: int) -> None:
        nonlocal done_before
        if not progress:
            progress.append(RowProgress("captions", total, sys.stderr))
        progress[0].add(done - done_before)
        done_before = done

    redone = redo_captions(arguments.release, tuple(arguments.settings), watch)
    if redone.finished is None:
        print(f"{arguments.release}: every caption has its answer, nothing to ask")
        return DONE
    print(f"{arguments.release}: {redone.rewritten} of {redone.asked} captions rewritten")
    print(f"digest {redone.finished.totals.digest}")
    try:
        write_report_of(arguments.release, arguments.input)
    except (OSError, Refused) as error:
        fail(f"the report cannot be written: {last_words(error)}; elsa report {arguments.release} makes it")
        return INCOMPLETE
    for note in redone.finished.notes:
        fail(note)
    return INCOMPLETE if redone.finished.notes else DONE


def _add_addresses(parser: argparse.ArgumentParser) -> None:
    """Declares the addresses of the endpoints: the key goes to none that only the folder of requests names."""
    parser.add_argument(
        "--base-url", metavar="URL", help="the endpoint, if it is neither the provider's own nor in OPENAI_BASE_URL"
    )
    parser.add_argument("--judge-base-url", metavar="URL", help="the judge's endpoint, if it is another one")


def _endpoints(arguments: argparse.Namespace) -> Endpoints:
    from pipeline.batches.endpoints import Endpoints, NamedEndpoints

    return Endpoints(Path(arguments.requests), NamedEndpoints(arguments.base_url, arguments.judge_base_url))


captions = CaptionsCommand()
