"""An HLS media playlist (RFC 8216; blocking reload: draft-pantos-hls-rfc8216bis-18 §6.2.5.2). Pure."""

from collections.abc import Sequence
from typing import Final

TARGET_S: Final = 1  # the longest segment, rounded; it may never change (RFC 8216 §4.3.3.1)
_HEAD: Final = (
    "#EXTM3U",
    "#EXT-X-VERSION:7",  # fragmented MP4 without a video track (§7: EXT-X-MAP)
    f"#EXT-X-TARGETDURATION:{TARGET_S}",
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES",  # asked for what is not there yet, it waits
    "#EXT-X-MEDIA-SEQUENCE:0",
    "#EXT-X-PLAYLIST-TYPE:EVENT",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",  # players would begin near the newest sound
    '#EXT-X-MAP:URI="init.mp4"',
)


def playlist(durations_s: Sequence[float], *, is_whole: bool) -> str:
    """Of segments that are called seg0.m4s, seg1.m4s, …; `is_whole`: there will be no more."""
    segments = [f"#EXTINF:{length_s:.5f},\nseg{number}.m4s" for number, length_s in enumerate(durations_s)]
    return "\n".join([*_HEAD, *segments, *(["#EXT-X-ENDLIST"] if is_whole else []), ""])
