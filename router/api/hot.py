"""The hot routes, served before any framework: each takes a call from its body to the answer's last byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from router.api.admission import Client
from router.api.call import Presence, Receive, Reply, Scope
from router.api.chats import Chats
from router.api.fields import Fields
from router.api.speeches import SPEAK_PATH, Speeches
from router.api.telephone import TELEPHONE_PATHS, Telephone
from router.api.transcriptions import Transcriptions
from router.api.visit import Visit
from router.domain import ENDPOINT_PATHS, Endpoint, Modality
from router.ports import Header, Record

HOT_PATHS: Final[Mapping[str, Endpoint]] = {
    **{f"/v1{path}": endpoint for endpoint, path in ENDPOINT_PATHS.items()},
    **dict.fromkeys(TELEPHONE_PATHS, Endpoint.TELEPHONE),
    SPEAK_PATH: Endpoint.SPEECH,
}


@dataclass(frozen=True, slots=True)
class HotRoutes:
    """The handlers. `via` marks what this router passes on."""

    chats: Chats
    speeches: Speeches
    transcriptions: Transcriptions
    telephone: Telephone
    via: Header
    max_body_bytes: int

    async def serve(
        self,
        endpoint: Endpoint,
        client: Client,
        fields: Fields,
        scope: Scope,
        receive: Receive,
        reply: Reply,
        record: Record,
    ) -> None:
        """Answer one call. Raises RouterError."""
        visit = Visit(endpoint, scope["path"], client, fields, scope["headers"], reply, record, self.via)
        async with Presence(scope, receive, reply) as client_is_there:
            if endpoint.modality is Modality.TRANSCRIPTION:
                await self.transcriptions.serve(visit, client_is_there)
                return
            body = await client_is_there.read_body(fields, self.max_body_bytes)
            if endpoint is Endpoint.SPEECH:
                await self.speeches.serve(visit, body)
            elif endpoint is Endpoint.TELEPHONE:
                await self.telephone.serve(visit, body)
            else:
                await self.chats.serve(visit, body)
