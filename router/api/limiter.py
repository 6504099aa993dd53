"""Per-client rate limits. Local to this router for now; the buckets are what a shared store would keep."""

from collections.abc import Callable

from router import limits
from router.api.admission import Client
from router.errors import RateLimited
from router.limits import Bucket


class Limiter:
    """One bucket per client that has a limit."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def count(self, client: Client) -> None:
        """One more request. Raises RateLimited."""
        per_minute = client.requests_per_minute
        if per_minute is None:
            return
        now = self._clock()
        bucket = self._buckets.get(client.name) or limits.full(per_minute, now)
        self._buckets[client.name], wait_s = limits.take(bucket, per_minute, now)
        if wait_s:
            raise RateLimited(
                f"The client {client.name} may ask {per_minute} times a minute; the next time in {wait_s:.1f} s.",
                retry_after_s=wait_s,
            )
