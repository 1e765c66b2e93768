"""The endpoints of a folder of requests: the user names them, because the folder may come from anybody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.batches.folder import BatchError, read_manifest
from transforms.captions.endpoint.address import ADDRESS_VARIABLE, UserAddress, usable_url
from transforms.captions.endpoint.client import connect_for_files
from transforms.captions.writers import WriterUnavailable, writer_unavailable_reason

if TYPE_CHECKING:
    from openai import OpenAI


@dataclass(frozen=True)
class NamedEndpoints:
    """The addresses that the user has typed: of the writer's endpoint, and of the judge's."""

    writer: str | None = None
    judge: str | None = None

    def address_for(self, manifest: Mapping[str, Any], *, judges: bool) -> UserAddress:
        """The address for request files of the writer or of the judge.

        Args:
            manifest: what the folder says of itself; an address in it is shown, and never asked.
            judges: whether the files hold questions to the judge.

        Raises:
            BatchError: when the user has named no address, and the folder names another one than the provider's own.
        """
        key, option = ("judge_base_url", "--judge-base-url") if judges else ("base_url", "--base-url")
        noted = manifest.get(key)
        typed = self.judge if judges else self.writer
        if judges and typed is None and noted == manifest.get("base_url"):
            typed = self.writer
        if typed is not None:
            try:
                return UserAddress(usable_url(typed))
            except ValueError as error:
                raise BatchError(f"{option} {error}") from error
        if noted is None or os.environ.get(ADDRESS_VARIABLE):
            return UserAddress(None)
        raise BatchError(
            f"name the endpoint that is to be asked: {option}={str(noted)[:200]} is the one in the folder of requests"
        )


class Endpoints:
    """The clients for the request files of a folder, opened when they are first asked for."""

    def __init__(self, folder: Path, named: NamedEndpoints) -> None:
        manifest = read_manifest(folder)
        self._judges = set(manifest.get("judge_files") or ())
        files = manifest["files"]
        # Both are looked at before anything is sent to one of them.
        self._addresses = {
            judges: named.address_for(manifest, judges=judges) for judges in {name in self._judges for name in files}
        }
        self._opened: dict[UserAddress, OpenAI] = {}

    def __call__(self, name: str) -> OpenAI:
        """The client for the request file of this name.

        Raises:
            WriterUnavailable: when there is no key, or one that cannot be sent.
        """
        address = self._addresses[name in self._judges]
        if address not in self._opened:
            reason = writer_unavailable_reason("openai", address)
            if reason is not None:
                raise WriterUnavailable(reason)
            self._opened[address] = connect_for_files(address)
        return self._opened[address]
