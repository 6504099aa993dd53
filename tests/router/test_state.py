"""The local store."""

from fakes import ManualClock
from running import run

from router.state import LocalStore


def test_what_is_put_is_there_until_its_time_is_up() -> None:
    """Each entry has its own time."""

    async def main() -> list[bytes | None]:
        clock = ManualClock()
        store = LocalStore(clock)
        await store.put("a", b"1", ttl_s=10)
        await store.put("b", b"2", ttl_s=20)
        clock.advance(9.9)
        seen = [await store.get("a")]
        clock.advance(0.2)
        return [*seen, await store.get("a"), await store.get("b"), await store.get("c")]

    assert [b"1", None, b"2", None] == run(main())


def test_put_replaces_and_renews_and_delete_is_idempotent() -> None:
    """The last word counts."""

    async def main() -> list[bytes | None]:
        clock = ManualClock()
        store = LocalStore(clock)
        await store.put("a", b"1", ttl_s=10)
        clock.advance(9)
        await store.put("a", b"2", ttl_s=10)
        clock.advance(9)
        seen = [await store.get("a")]
        await store.delete("a")
        await store.delete("a")
        return [*seen, await store.get("a")]

    assert [b"2", None] == run(main())


def test_it_is_bounded() -> None:
    """The least recently used go first."""

    async def main() -> list[bytes | None]:
        store = LocalStore(ManualClock(), max_entries=2)
        await store.put("a", b"a", ttl_s=10)
        await store.put("b", b"b", ttl_s=10)
        assert await store.get("a") == b"a"
        await store.put("c", b"c", ttl_s=10)
        return [await store.get(name) for name in "abc"]

    assert [b"a", None, b"c"] == run(main())


def test_it_is_bounded_by_bytes_too() -> None:
    """Of keys and values, however few they are; what replaces another counts once."""

    async def main() -> list[bytes | None]:
        store = LocalStore(ManualClock(), max_bytes=40)
        for name in "abcd":
            await store.put(name, b"x" * 9, ttl_s=10)
        assert "<LocalStore 4 entries, 40 of 40 bytes>" == repr(store)
        await store.put("b", b"y" * 9, ttl_s=10)
        assert b"x" * 9 == await store.get("a")
        await store.put("ef", b"z" * 8, ttl_s=10)
        assert "<LocalStore 4 entries, 40 of 40 bytes>" == repr(store)
        return [await store.get(name) for name in ("a", "b", "c", "d", "ef")]

    assert [b"x" * 9, b"y" * 9, None, b"x" * 9, b"z" * 8] == run(main())


def test_what_is_too_large_is_not_kept() -> None:
    """Over a quarter of the bound. Nor is what it was to replace, which is outdated; the others stay."""

    async def main() -> list[bytes | None]:
        store = LocalStore(ManualClock(), max_bytes=40)
        await store.put("a", b"x" * 9, ttl_s=10)
        await store.put("b", b"x" * 9, ttl_s=10)
        await store.put("b", b"x" * 10, ttl_s=10)
        await store.put("ü", b"x" * 9, ttl_s=10)
        return [await store.get(name) for name in "abü"]

    assert [b"x" * 9, None, None] == run(main())


def test_what_has_ended_makes_room_first() -> None:
    """An entry whose time is up counts no more."""

    async def main() -> list[bytes | None]:
        clock = ManualClock()
        store = LocalStore(clock, max_bytes=40)
        for name, ttl_s in (("a", 20), ("b", 5), ("c", 20), ("d", 20)):
            await store.put(name, b"x" * 9, ttl_s=ttl_s)
        clock.advance(6)
        await store.put("e", b"x" * 9, ttl_s=20)
        return [await store.get(name) for name in "abcde"]

    assert [b"x" * 9, None, b"x" * 9, b"x" * 9, b"x" * 9] == run(main())
