"""The HTTP client: a key that can be sent, no redirects, no proxy for this machine, and bounded bodies."""

from __future__ import annotations

import ipaddress
import os
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from transforms.captions.endpoint.address import Address, UserAddress

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, OpenAI

KEY_VARIABLE = "OPENAI_API_KEY"

#: Environment variables that the client sends as headers.
_HEADER_VARIABLES = (KEY_VARIABLE, "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")

#: A body longer than this, after decompression, is no chat completion.
LARGEST_BODY_BYTES = 8_000_000


class BodyTooLarge(ValueError):
    """A body that is longer than LARGEST_BODY_BYTES, or compressed in a way that nobody asked for."""


def unsendable_variable() -> str | None:
    """Why a header cannot hold what an environment variable says, in one line without its value; None if all can."""
    for name in _HEADER_VARIABLES:
        for position, character in enumerate(os.environ.get(name, ""), 1):
            if not "!" <= character <= "~":
                what = "a space or a line break" if character.isspace() else "no printable ASCII"
                return f"{name} cannot be sent: its character {position} is {what}; set it again"
    return None


def endpoint_key() -> str:
    """The key of the endpoint. A server of one's own needs none, but the client does."""
    return os.environ.get(KEY_VARIABLE) or "none"


def connect(address: UserAddress, timeout_s: float) -> AsyncOpenAI:
    """A client that sends each request once; retries are the caller's.

    Raises:
        TypeError: for an address that the user has not named.
    """
    from openai import AsyncOpenAI

    _refuse_foreign(address)
    return AsyncOpenAI(
        api_key=endpoint_key(),
        base_url=address.url,
        timeout=timeout_s,
        max_retries=0,
        # What is not compressed cannot unfold.
        default_headers={"Accept-Encoding": "identity"},
        http_client=_bounded_client(address.url, timeout_s),
    )


def connect_for_files(address: UserAddress) -> OpenAI:
    """A client for files and batches, which tries a request again by itself.

    Raises:
        TypeError: for an address that the user has not named.
    """
    from openai import DefaultHttpxClient, OpenAI

    _refuse_foreign(address)
    http_client = DefaultHttpxClient(follow_redirects=False, mounts=_direct(address.url))
    return OpenAI(api_key=endpoint_key(), base_url=address.url, max_retries=5, http_client=http_client)


def _refuse_foreign(address: Address) -> None:
    # The types say so already; this holds where nobody has checked them.
    if not isinstance(address, UserAddress):
        raise TypeError(f"{address} was named by somebody else, and is not asked")


def _direct(base_url: str | None) -> dict[str, None]:
    """The route to an address on this machine, which goes before the proxies of the environment."""
    host = urlsplit(base_url).hostname if base_url else None
    return {f"all://{f'[{host}]' if ':' in host else host}": None} if host and is_loopback(host) else {}


def _bounded_client(base_url: str | None, timeout_s: float) -> httpx2.AsyncClient:
    import httpx2
    from openai import DefaultAsyncHttpxClient

    class BoundedClient(DefaultAsyncHttpxClient):
        """Reads every body, of an error too, up to LARGEST_BODY_BYTES."""

        async def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
            response = await super().send(request, stream=True, **options)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
            kept = {name: value for name, value in response.headers.items() if name not in _ABOUT_BODY}
            return httpx2.Response(response.status_code, headers=kept, content=body, request=request)

    # The key goes to the address that the user has named, and to no other.
    return BoundedClient(timeout=timeout_s, follow_redirects=False, mounts=_direct(base_url))


#: Headers that describe the body as it was sent.
_ABOUT_BODY = ("content-encoding", "content-length", "transfer-encoding")


async def _read(response: httpx2.Response) -> bytes:
    """The body of a response, decompressed.

    Raises:
        BodyTooLarge: when it is longer than LARGEST_BODY_BYTES, or in a compression other than gzip and deflate.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "deflate"):
        raise BodyTooLarge(f"a body compressed as {encoding!r:.40}")
    # 32 more than the largest window: zlib finds out whether it is gzip or deflate.
    unfold = None if encoding in ("identity", "") else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body = bytearray()
    async for chunk in response.aiter_raw():
        room = LARGEST_BODY_BYTES + 1 - len(body)
        try:
            body += chunk[:room] if unfold is None else unfold.decompress(chunk, room)
        except zlib.error as error:
            raise BodyTooLarge(f"a body that is no {encoding}") from error
        if len(body) > LARGEST_BODY_BYTES:
            raise BodyTooLarge(f"a body of more than {LARGEST_BODY_BYTES} bytes")
    return bytes(body)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is that of this machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
