"""Uploads on their way through the router: how many at once, how large, how slow, and what they leave behind.

A form is kept until its request is over, since it may have to be sent to another provider; then nothing of it is
left, whichever way the request ended.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from router.api.call import Presence
from router.api.fields import Fields
from router.api.forms import Form, FormReader, boundary_of
from router.api.spool import Spool
from router.config.settings import TranscriptionSettings
from router.errors import RateLimited

SILENCE_S: Final = 60.0  # between two pieces of an upload
_RETRY_S: Final = 2.0


class Uploads:
    """Takes forms in, within the bounds of the configuration."""

    def __init__(self, settings: TranscriptionSettings) -> None:
        self._limit_bytes = int(settings.max_upload_mb * 2**20)
        self._most_at_once = settings.max_uploads
        self._deadline_s = settings.upload_s
        self._held = 0

    def __repr__(self) -> str:
        return f"<Uploads {self._held} of {self._most_at_once}>"

    @contextlib.asynccontextmanager
    async def taken(self, client_is_there: Presence, fields: Fields) -> AsyncIterator[Form]:
        """The form that the client sends, for as long as the block lasts.

        Raises InvalidRequest, PayloadTooLarge, TooSlow, RateLimited, ClientGone; RouterError when there is no room
        for it on the disk.
        """
        boundary = boundary_of(fields)
        with self._place(), contextlib.closing(Spool()) as spool:
            reader = FormReader(boundary, spool)
            await client_is_there.pour_body(
                fields, reader.take, limit_bytes=self._limit_bytes, silence_s=SILENCE_S, within_s=self._deadline_s
            )
            yield await reader.finish()

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self._held >= self._most_at_once:
            raise RateLimited(
                f"{self._held} uploads are held already (transcription.max_uploads); try again in a moment.",
                retry_after_s=_RETRY_S,
            )
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
