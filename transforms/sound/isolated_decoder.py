"""Decoding in processes of its own: a file that crashes, hangs or fills a decoder costs one clip and nothing else.

A child is a program of its own, never a fork: a Beam worker has threads that no fork survives. There is one for each
decoding that goes on at the same time, started when first needed and used again; no thread owns one or waits for one.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from transforms.sound import decoder_process, decoding, mix_down
from transforms.sound.refusal import ClipRefused

#: A clip takes 10 to 20 ms: what takes half a minute has hung, on any machine.
TIMEOUT_S = 30.0
# More for a large file, whose length may have to be counted, and for the longest clip, at a tenth of a decoder's speed.
_TIMEOUT_BYTES_A_SECOND, _LONGEST_SIZE_TIMEOUT_S, _TIMEOUT_SPEED = 10_000_000, 300.0, 100
_START_TIMEOUT_S = 120.0
_SOCKET_BYTES = 1 << 20

# The program imports the modules of this process's own checkout or installation, wherever that is.
_ROOT = str(Path(decoder_process.__file__).parents[2])
_PROGRAM = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "from transforms.sound.decoder_process import main; main()"
)
COMMAND = (sys.executable, "-P", "-c", _PROGRAM, _ROOT)
#: What a Python needs to start; keys of an endpoint are none of a decoder's business.
_ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "LANG", "LC_ALL")


class DecoderUnavailable(OSError):
    """The decoder does not start, whatever the file."""


class _ChildFailed(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Child:
    """One process that decodes; not for several threads at once."""

    def __init__(self, command: Sequence[str]) -> None:
        self.used = False
        self._socket, theirs = socket.socketpair()
        # A clip is 4 MB of samples: fewer and larger pieces spare both sides half of their turns.
        for end in (self._socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # One thread: BLAS would start others, and take their memory, for nothing.
        environment["OPENBLAS_NUM_THREADS"] = "1"
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=environment, cwd="/"
                )
        except OSError as error:
            self._socket.close()
            raise DecoderUnavailable(f"the decoder does not start: {error}") from error
        try:
            ready, _, _ = decoder_process.REPLY.unpack(
                self._receive(decoder_process.REPLY.size, time.monotonic() + _START_TIMEOUT_S)
            )
        except (OSError, EOFError) as error:
            self.kill()
            raise DecoderUnavailable(f"the decoder does not start: it {self._end()}") from error
        if ready != decoder_process.READY:
            self.kill()
            raise DecoderUnavailable("the decoder does not start: what answers is another program")

    def decode(
        self, descriptor: int, ending: str, max_duration_s: float, timeout_s: float
    ) -> tuple[NDArray[np.float32], int]:
        self.used = True
        deadline = time.monotonic() + timeout_s
        request = decoder_process.REQUEST.pack(ending.encode(errors="replace")[:16], max_duration_s, 2 * timeout_s)
        try:
            self._socket.settimeout(timeout_s)
            socket.send_fds(self._socket, [request], [descriptor])
            reply = self._receive(decoder_process.REPLY.size, deadline)
            kind, rate, size = decoder_process.REPLY.unpack(reply)
            if kind == decoder_process.SAMPLES:
                longest = math.ceil(max_duration_s * rate)
                if mix_down.LOWEST_RATE <= rate <= mix_down.HIGHEST_RATE and 0 < size <= 4 * longest and size % 4 == 0:
                    samples = np.empty(size // 4, dtype=np.float32)
                    self._receive_into(samples.data.cast("B"), deadline)
                    return samples, rate
            elif kind == decoder_process.REFUSAL and size < 1 << 16:
                answer = json.loads(self._receive(size, deadline))
                if isinstance(answer, list) and len(answer) == 2:
                    raise ClipRefused(str(answer[0]), str(answer[1]))
            elif kind == decoder_process.NO_MEMORY:
                raise _ChildFailed("decoder_out_of_memory", "decoding it takes more memory than any clip needs")
        except json.JSONDecodeError:
            pass
        except TimeoutError:
            raise _ChildFailed("decoder_hung", f"no sound and no refusal within {timeout_s:.0f} s") from None
        except (OSError, EOFError):
            self.kill()
            raise _ChildFailed("decoder_crashed", f"the decoder {self._end()}") from None
        raise _ChildFailed("decoder_crashed", "the decoder's answer is no answer")

    def _receive(self, size: int, deadline: float) -> bytes:
        received = bytearray(size)
        self._receive_into(memoryview(received), deadline)
        return bytes(received)

    def _receive_into(self, target: memoryview, deadline: float) -> None:
        while target:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            count = self._socket.recv_into(target)
            if not count:
                raise EOFError
            target = target[count:]

    def _end(self) -> str:
        code = self._process.returncode
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def kill(self) -> None:
        """Ends the process and takes its place in the process table away; one that ends by itself says why."""
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.5)
            return
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Drops it in a process that was forked from the one that it belongs to."""
        self._socket.close()
        self._process.returncode = 0


class IsolatedDecoder:
    """Decodes files in child processes; for any number of threads."""

    def __init__(self, command: Sequence[str] = COMMAND, timeout_s: float = TIMEOUT_S) -> None:
        self._command = command
        self._timeout_s = timeout_s
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def decode_file(
        self, descriptor: int, ending: str = "", *, max_duration_s: float
    ) -> tuple[NDArray[np.float32], int]:
        """What decoding.decode_file returns and refuses, to the bit, for an open file whose position is moved.

        A failure counts only in a process that has decoded nothing else: what an earlier file broke is not its fault.

        Raises:
            ClipRefused: as there; and decoder_crashed, decoder_hung, decoder_out_of_memory.
            DecoderUnavailable: when no file at all can be decoded.
        """
        max_duration_s = min(max_duration_s, decoding.LONGEST_S)
        size_s = min(os.fstat(descriptor).st_size / _TIMEOUT_BYTES_A_SECOND, _LONGEST_SIZE_TIMEOUT_S)
        timeout_s = self._timeout_s + size_s + max_duration_s / _TIMEOUT_SPEED
        child = self._take()
        while True:
            once_more = child.used
            try:
                answer = child.decode(descriptor, ending, max_duration_s, timeout_s)
            except ClipRefused:
                self._give_back(child)
                raise
            except _ChildFailed as failure:
                child.kill()
                if not once_more:
                    raise ClipRefused(failure.reason, str(failure)) from None
                child = _Child(self._command)
            except BaseException:
                child.kill()
                raise
            else:
                self._give_back(child)
                return answer

    def decode_bytes(self, data: bytes, name: str = "", *, max_duration_s: float) -> tuple[NDArray[np.float32], int]:
        """The same for the bytes of a file and its name."""
        with in_memory(data) as descriptor:
            return self.decode_file(descriptor, os.path.splitext(name)[1], max_duration_s=max_duration_s)

    def close(self) -> None:
        """Ends the children that have nothing to do."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()

    def forget(self) -> None:
        """Begins anew in a forked process: the children are its parent's, and so is whoever held the lock."""
        self._lock = threading.Lock()
        idle, self._idle = self._idle, []
        for child in idle:
            child.forget()

    def _take(self) -> _Child:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Child(self._command)

    def _give_back(self, child: _Child) -> None:
        with self._lock:
            self._idle.append(child)


@contextlib.contextmanager
def in_memory(data: bytes) -> Iterator[int]:
    """An open file without a name that holds these bytes."""
    with _nameless() as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) or 0 :]
        yield file.fileno()


def _nameless() -> io.RawIOBase:
    if hasattr(os, "memfd_create"):
        return io.FileIO(os.memfd_create("clip"), "r+b")
    return cast(io.RawIOBase, tempfile.TemporaryFile(buffering=0))


#: The one of this process.
DECODER = IsolatedDecoder()
atexit.register(DECODER.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODER.forget)
