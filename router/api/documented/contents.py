"""What an operation takes and gives beyond one media type, for the OpenAPI document: Litestar tells of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from router.domain import AudioFormat

EVENTS: Final = "text/event-stream"
AUDIO: Final = tuple(each.media_type for each in AudioFormat)


def shown(kind: Any, description: str = "Request fulfilled, document follows") -> ResponseSpec:
    """An answer that is JSON of this kind."""
    return ResponseSpec(kind, generate_examples=False, description=description)


def gives(*media_types: str) -> type[Operation]:
    """An operation whose answer comes in these media types as well as in the one that is declared. Bytes, text and
    streams: none has a schema (OpenAPI 3.1, section 4.8.14.3)."""
    return _telling(media_types)


def takes_form(properties: dict[str, Schema], required: Sequence[str]) -> type[Operation]:
    """An operation that reads a multipart form by itself."""
    return _telling((), ("multipart/form-data", properties, required))


def takes_json(
    properties: dict[str, Schema], required: Sequence[str], *, gives: Sequence[str] = ()
) -> type[Operation]:
    """An operation that reads its JSON by itself; `gives` as above."""
    return _telling(gives, ("application/json", properties, required))


def _telling(
    media_types: Sequence[str], body: tuple[str, dict[str, Schema], Sequence[str]] | None = None
) -> type[Operation]:
    @dataclass
    class Telling(Operation):
        def __post_init__(self) -> None:
            for each in media_types:
                _content_of(self, "200").setdefault(each, OpenAPIMediaType())
            if body is not None:
                media_type, properties, required = body
                read = Schema(type=OpenAPIType.OBJECT, properties=dict(properties), required=list(required))
                self.request_body = RequestBody({media_type: OpenAPIMediaType(schema=read)}, required=True)

    return Telling


def _content_of(operation: Operation, status: str) -> dict[str, OpenAPIMediaType]:
    response = (operation.responses or {})[status]
    assert isinstance(response, OpenAPIResponse)
    assert response.content is not None, "a media type is declared"
    return response.content
