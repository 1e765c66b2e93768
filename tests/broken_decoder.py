"""A decoder that breaks when a file tells it to: tests start it in place of the real child, over the same protocol."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

COMMAND = (sys.executable, "-P", __file__)


def break_as_told(descriptor: int) -> None:
    """Crashes, hangs, takes all memory, exits or talks nonsense where the file says so."""
    match os.pread(descriptor, 64, 0).split(b"\n")[0]:
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"hang":
            while True:
                time.sleep(1)
        case b"swallow memory":
            bytearray(1 << 40)
        case b"exit":
            os._exit(3)
        case b"talk nonsense":
            os.write(0, b"\x07" * 64)
        case b"too many samples":
            os.write(0, decoder_process.REPLY.pack(decoder_process.SAMPLES, 48_000, 1 << 40))
        case b"fail elsewhere":
            os.close(descriptor)
        case b"break half way":
            os.write(0, decoder_process.REPLY.pack(decoder_process.SAMPLES, 48_000, 4_000) + bytes(100))
            os.kill(os.getpid(), signal.SIGSEGV)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from transforms.sound import decoder_process, decoding

    decode_file = decoding.decode_file

    def decode(descriptor, ending="", *, max_duration_s):  # type: ignore[no-untyped-def]
        break_as_told(descriptor)
        return decode_file(descriptor, ending, max_duration_s=max_duration_s)

    decoding.decode_file = decode
    decoder_process.serve(socket.socket(fileno=0))
