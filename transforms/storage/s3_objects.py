"""Objects on S3 and whatever speaks its protocol: one client a process, one request a read or write.

Beam's own file system makes a client anew for every call, which takes longer than rendering a clip (0.1 CPU-s), and
writes in three requests. The options are Beam's (`--s3_endpoint_url`, `--s3_region_name`, …) and AWS's variables.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, S3Options

from transforms.errors import one_line

SCHEME = "s3://"
#: Objects above this size are uploaded in parts, which no one sees before the last is there.
ONE_REQUEST_BYTES = 64 * 2**20
#: The most keys that one request removes, by S3's rules.
_REMOVED_TOGETHER = 1_000
#: How often a body is read that breaks off; what fails before a body comes is tried again by the client itself.
_READS = 5

_NO_OPTIONS = PipelineOptions([])
_clients: dict[tuple[object, ...], Any] = {}
_clients_lock = threading.Lock()


def read(path: str, start: int = 0, length: int | None = None) -> bytes:
    """An object's bytes, all from `start` on or `length` of them.

    Raises:
        OSError: when it is not there, not permitted, or the store does not answer.
    """
    if length == 0:
        return b""
    bucket, key = _parts(path)
    wanted = (
        {}
        if not start and length is None
        else {"Range": f"bytes={start}-{'' if length is None else start + length - 1}"}
    )
    with _as_os_error(path):
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

        client = _client()
        for tries_left in reversed(range(_READS)):
            body = client.get_object(Bucket=bucket, Key=key, **wanted)["Body"]
            try:
                return bytes(body.read())
            except (HTTPClientError, IncompleteReadError, ResponseStreamingError):
                if not tries_left:
                    raise
            finally:
                body.close()
    raise AssertionError("the last try returns or raises")


def write(path: str, data: bytes) -> None:
    """Writes an object, which is there when all of it is.

    Raises:
        OSError: as for `read`.
    """
    bucket, key = _parts(path)
    with _as_os_error(path):
        if len(data) <= ONE_REQUEST_BYTES:
            _client().put_object(Bucket=bucket, Key=key, Body=data, ContentType="application/octet-stream")
        else:
            # What fails on the way is aborted, so that no part is left to be paid for.
            _client().upload_fileobj(io.BytesIO(data), bucket, key)


def exists(path: str) -> bool:
    """Whether the object is there; a bucket that is not there holds none.

    Raises:
        OSError: as for `read`.
    """
    bucket, key = _parts(path)
    try:
        with _as_os_error(path):
            _client().head_object(Bucket=bucket, Key=key)
    except FileNotFoundError:
        return False
    return True


def sizes_below(folder: str) -> dict[str, int]:
    """Bytes of every object below a folder, by its name relative to it, sorted; a thousand a request.

    Raises:
        OSError: as for `read`.
    """
    bucket, key = _parts(folder.rstrip("/") + "/")
    found: dict[str, int] = {}
    with _as_os_error(folder):
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
            # A key that ends in a slash is what consoles leave for an empty folder.
            entries = (entry for entry in page.get("Contents", ()) if not entry["Key"].endswith("/"))
            found.update((entry["Key"].removeprefix(key), int(entry["Size"])) for entry in entries)
    return dict(sorted(found.items()))


def remove(paths: Sequence[str]) -> None:
    """Removes objects, a thousand a request; one that is not there is fine.

    Raises:
        OSError: as for `read`.
    """
    keys: dict[str, list[str]] = {}
    for path in paths:
        bucket, key = _parts(path)
        keys.setdefault(bucket, []).append(key)
    for bucket, of_bucket in keys.items():
        for start in range(0, len(of_bucket), _REMOVED_TOGETHER):
            named = [{"Key": key} for key in of_bucket[start : start + _REMOVED_TOGETHER]]
            with _as_os_error(f"{SCHEME}{bucket}"):
                answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
            for refused in answer.get("Errors", ()):
                reason = f"cannot be removed ({refused.get('Code')})"
                raise OSError(errno.EIO, reason, f"{SCHEME}{bucket}/{refused.get('Key')}")


def _parts(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise OSError(errno.EINVAL, "names no bucket", path)
    return bucket, key


def _client() -> Any:
    """The client of this process and of the options that Beam has set; safe to share between threads."""
    from apache_beam.io.aws.clients.s3.boto3_client import Client

    # Beam sets them where a pipeline is made and in every worker; it has no public way to read them.
    given = FileSystems._pipeline_options
    options = given if isinstance(given, PipelineOptions) else _NO_OPTIONS
    with _clients_lock:
        key = (os.getpid(), *_options_of(options))
        if key not in _clients:
            _clients[key] = Client(options).client
        return _clients[key]


@lru_cache(maxsize=8)
def _options_of(options: PipelineOptions) -> tuple[tuple[str, str], ...]:
    """Beam's options of S3; cached by the object, because reading them takes longer than a request."""
    s3 = options.view_as(S3Options).get_all_options()
    return tuple(sorted((name, str(value)) for name, value in s3.items() if name.startswith("s3_")))


@contextmanager
def _as_os_error(path: str) -> Iterator[None]:
    """Turns what the client raises into an OSError of one line that names the address."""
    try:
        import boto3  # noqa: F401
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
    except ImportError as error:
        raise OSError(errno.ENOSYS, "s3:// needs the extra aws: pip install 'elsa-spatial-audio[aws]'", path) from error
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise PermissionError(errno.EACCES, "no credentials in AWS_ACCESS_KEY_ID and its like", path) from error
    except ClientError as error:
        raise _os_error(error.response, path) from error
    except BotoCoreError as error:
        raise OSError(errno.EIO, one_line(error), path) from error


def _os_error(response: Any, path: str) -> OSError:
    error = response.get("Error", {})
    code, status = str(error.get("Code", "")), response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return FileNotFoundError(errno.ENOENT, "no such bucket", SCHEME + _parts(path)[0])
    if status == 404:
        return FileNotFoundError(errno.ENOENT, "no such object", path)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"not permitted ({code})", path)
    return OSError(errno.EIO, f"{code}: {' '.join(str(error.get('Message', '')).split())}", path)
