"""What players fetch of a broadcast: the playlist, the initialization section and the segments. Litestar's."""

from typing import Any, Protocol

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from router.api.broadcast import PLAYLIST
from router.api.broadcasts import Broadcasts
from router.api.dialects import dialect_of
from router.api.documented.errors import errors, model_errors
from router.api.hls import HLS_PATH
from router.api.speech_socket import SPEECH_SOCKET_PATH
from router.errors import InvalidRequest, UpgradeRequired


class HlsView(Protocol):
    """What these routes read. The house is one."""

    @property
    def broadcasts(self) -> Broadcasts: ...


_View = NamedDependency[SkipValidation[HlsView]]


@get(
    f"{HLS_PATH}/{{broadcast_id:str}}/{PLAYLIST}",
    media_type="application/vnd.apple.mpegurl",
    responses=model_errors(410),
)
async def hls_playlist(
    view: _View, request: Request[Any, Any, Any], broadcast_id: FromPath[str]
) -> Response[bytes]:
    """An HLS playlist, which grows while the text is spoken (RFC 8216). It is held until there is a segment; asked
    with `?_HLS_msn=N`, until there is segment N. After a fault: 410, and no end tag before."""
    broadcast = view.broadcasts.find(broadcast_id)
    text = await broadcast.playlist(_number(request.query_params.get("_HLS_msn")))
    return Response(
        text.encode(), media_type="application/vnd.apple.mpegurl", headers={"Cache-Control": "no-store"}
    )


@get(f"{HLS_PATH}/{{broadcast_id:str}}/{{name:str}}", media_type="audio/mp4", sync_to_thread=False)
def hls_file(view: _View, broadcast_id: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """`init.mp4`, or a segment: `seg0.m4s` and so on. Fragmented MP4 with AAC, 24 kHz mono."""
    data = view.broadcasts.find(broadcast_id).file(name)
    return Response(data, media_type="audio/mp4", headers={"Cache-Control": "private, max-age=600, immutable"})


@get(SPEECH_SOCKET_PATH, status_code=426, responses=errors(426), sync_to_thread=False)
def speech_socket(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A WebSocket: text in, speech out, as it is spoken. docs/guides/streaming.md tells its messages. A request
    that does not ask for one as RFC 6455 has it gets 426."""
    error = UpgradeRequired("This is a WebSocket: ask with `Upgrade: websocket` (RFC 6455).")
    headers = {"Upgrade": error.upgrade, "Connection": "Upgrade", "X-Router-Error": error.reason}
    body = dialect_of(request.scope["path"]).error_body(error)
    return Response(body, status_code=error.status, media_type="application/json", headers=headers)


def _number(given: str | None) -> int | None:
    """Raises InvalidRequest."""
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 8):
        raise InvalidRequest("_HLS_msn must be a segment's number.", param="_HLS_msn", code="wrong_type")
    return int(given)


handlers = [hls_playlist, hls_file, speech_socket]
