"""The circuit breaker: an endpoint that turns everybody away is left alone for a while."""

from __future__ import annotations

import time

# The circuit opens after so many failures in a row, the first of them so long ago. It then rests for a while, twice as
# long each time that the endpoint is still down.
_DOWN_AFTER, _DOWN_AFTER_S, _REST_S, _LONGEST_REST_S = 5, 5.0, 15.0, 120.0


class CircuitBreaker:
    """Says whether an endpoint is worth asking. While the circuit is open no request passes but a probe."""

    def __init__(self) -> None:
        self._failures = 0
        self._first_failure = 0.0
        self._rest_s = _REST_S
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is taken to be down."""
        return self._open_until is not None

    def blocks(self) -> bool:
        """Whether a request may not be sent now; after a rest one request may, as a probe."""
        if self._open_until is None:
            return False
        now = time.monotonic()
        if now < self._open_until:
            return True
        # If the probe never returns, another request may probe after the next rest.
        self._open_until, self._probing = now + self._rest_s, True
        return False

    def succeeded(self) -> None:
        """The endpoint has answered, whatever it said."""
        self._failures, self._open_until = 0, None
        self._rest_s, self._probing = _REST_S, False

    def failed(self) -> None:
        """The endpoint did not answer, or turned the request away as it would any other."""
        now = time.monotonic()
        self._failures += 1
        if self._failures == 1:
            self._first_failure = now
        if self._open_until is None:
            if self._failures >= _DOWN_AFTER and now - self._first_failure >= _DOWN_AFTER_S:
                self._open_until = now + self._rest_s
        elif self._probing:
            self._rest_s, self._probing = min(2 * self._rest_s, _LONGEST_REST_S), False
            self._open_until = now + self._rest_s
