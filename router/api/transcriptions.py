"""Recordings to be written down, or translated: a form that passes through, kept until it has arrived."""

from dataclasses import dataclass

from router.api.admission import require_model
from router.api.call import Presence
from router.api.hot import HotRoute
from router.api.uploads import Uploads
from router.api.visit import Visit
from router.api.ways import ways_to
from router.catalogue import Catalogue
from router.domain import ENDPOINT_PATHS, Modality
from router.forward import ForwardCall, Forwarder
from router.ports import Monotonic


@dataclass(frozen=True, slots=True)
class Transcriptions:
    """Has them written down."""

    catalogue: Catalogue
    forwarder: Forwarder
    uploads: Uploads
    clock: Monotonic

    def routes(self) -> dict[str, HotRoute]:
        """OpenAI's."""
        return {
            f"/v1{path}": HotRoute(endpoint, serve_upload=self.serve)
            for endpoint, path in ENDPOINT_PATHS.items()
            if endpoint.modality is Modality.TRANSCRIPTION
        }

    async def serve(self, visit: Visit, client_is_there: Presence) -> None:
        """Raises RouterError."""
        async with self.uploads.taken(client_is_there, visit.fields) as form:
            record = visit.record
            record.model = form.model or ""
            name = self.catalogue.transcription_name(form.model)
            require_model(visit.client, name)
            ways = ways_to(self.catalogue, Modality.TRANSCRIPTION, form.model, visit.client, record)
            headers = [header for header in visit.upstream_headers() if header[0] != b"content-type"]
            call = ForwardCall(
                visit.endpoint,
                form.model or name,
                ways.routes,
                [form.content_type, *headers],
                lambda model: form.with_model(model, self.clock),
                record,
                ways.max_wait_s,
            )
            await self.forwarder.forward(call, visit.reply)
