"""What players are told of a broadcast."""

from router.speech.playlist import TARGET_S, playlist


def test_a_growing_playlist_has_no_end() -> None:
    """And says where to begin, and that it can be waited for (RFC 8216; rfc8216bis §6.2.5.2)."""
    lines = playlist([0.384, 1.152], is_whole=False).splitlines()
    assert "#EXTM3U" == lines[0]
    assert ["#EXTINF:0.38400,", "seg0.m4s", "#EXTINF:1.15200,", "seg1.m4s"] == lines[-4:]
    for tag in (
        '#EXT-X-MAP:URI="init.mp4"',
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES",
        "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",
    ):
        assert tag in lines


def test_only_a_whole_one_ends() -> None:
    """So a short text is never taken for all of it."""
    assert playlist([0.4], is_whole=True).endswith("seg0.m4s\n#EXT-X-ENDLIST\n")


def test_the_target_is_the_longest_segment_rounded() -> None:
    """RFC 8216 §4.3.3.1; three fragments are the longest there is."""
    assert TARGET_S == round(3 * 0.384)
