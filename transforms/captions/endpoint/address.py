"""Addresses of endpoints, by who has named them: the key of the API goes to those of the user alone.

The user has named an address that he typed, that is in the environment, or that is in a recipe which he gave by its
path. An address in a release, in a folder of requests or in a run may come from anybody. Which of the two it is stands
in its type, so that an address of a stranger cannot be connected to by an oversight.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

#: The variable that names another address than the provider's own; the client reads it itself.
ADDRESS_VARIABLE = "OPENAI_BASE_URL"


@dataclass(frozen=True)
class UserAddress:
    """An address that the user has named, and that is sent the key."""

    url: str | None
    """None is the one in OPENAI_BASE_URL, else the provider's own."""

    def __str__(self) -> str:
        return self.url or os.environ.get(ADDRESS_VARIABLE) or "the provider's own address"


@dataclass(frozen=True)
class ForeignAddress:
    """An address that somebody else has named. Nothing connects to it."""

    url: str | None

    def __str__(self) -> str:
        return self.url or "the provider's own address"


#: The address of an endpoint.
Address = UserAddress | ForeignAddress


def usable_url(url: str) -> str:
    """The address, if it is one of HTTP and holds nothing secret.

    Raises:
        ValueError: for any other text; the message does not repeat it.
    """
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError("needs an address such as http://127.0.0.1:8000/v1")
    # A password with a slash or a hash in it is not all in front of the host.
    if "@" in url or address.query or address.fragment:
        raise ValueError("holds no user, password or query: the key comes from OPENAI_API_KEY")
    return url
