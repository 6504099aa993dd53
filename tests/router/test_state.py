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
    """The oldest go first."""

    async def main() -> list[bytes | None]:
        store = LocalStore(ManualClock(), max_entries=2)
        for name in "abc":
            await store.put(name, name.encode(), ttl_s=10)
        return [await store.get(name) for name in "abc"]

    assert [None, b"b", b"c"] == run(main())
