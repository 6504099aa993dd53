"""A block that others may end."""

import asyncio

import pytest

from router.errors import ClientGone, HostLost
from router.interruptible import Interruptible


def test_interruption_ends_the_block_with_the_error() -> None:
    """Whatever the block waits for, it ends at once."""

    async def main() -> None:
        async with Interruptible() as block:
            asyncio.get_running_loop().call_soon(block.interrupt, ClientGone("bye"))
            await asyncio.Event().wait()

    with pytest.raises(ClientGone, match="bye"):
        asyncio.run(main())


def test_the_task_goes_on_after_it() -> None:
    """No cancellation is left behind."""

    async def main() -> str:
        try:
            async with Interruptible() as block:
                asyncio.get_running_loop().call_soon(block.interrupt, ClientGone("bye"))
                await asyncio.Event().wait()
        except ClientGone:
            await asyncio.sleep(0)
            return "went on"
        return "was not interrupted"

    assert asyncio.run(main()) == "went on"


def test_inner_and_outer_keep_their_errors_apart() -> None:
    """The client's leaving ends the outer block although the inner one is there."""

    async def main(which: str) -> str:
        try:
            async with Interruptible() as outer:
                try:
                    async with Interruptible() as inner:
                        target = outer if which == "outer" else inner
                        asyncio.get_running_loop().call_soon(target.interrupt, HostLost(which))
                        await asyncio.Event().wait()
                except HostLost:
                    return "inner"
        except HostLost:
            return "outer"
        return "neither"

    assert asyncio.run(main("inner")) == "inner"
    assert asyncio.run(main("outer")) == "outer"


def test_a_cancellation_from_outside_stays_one() -> None:
    """Only our own cancellation becomes an error."""

    async def main() -> None:
        async def work() -> None:
            async with Interruptible():
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_interrupting_a_block_that_ended_means_nothing() -> None:
    """A late notice finds nobody."""

    async def main() -> None:
        async with Interruptible() as block:
            pass
        block.interrupt(ClientGone("late"))
        await asyncio.sleep(0)

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_a_block_interrupted_in_its_own_last_step_ends_as_it_did(fails: bool) -> None:
    """The task goes on: no cancellation is left for whatever it waits for next."""

    async def main() -> str:
        said = "went on"
        try:
            async with Interruptible() as block:
                block.interrupt(ClientGone("bye"))
                if fails:
                    raise HostLost("lost")
        except HostLost:
            said = "went on after its error"
        await asyncio.sleep(0)
        return said

    assert ("went on after its error" if fails else "went on") == asyncio.run(main())


@pytest.mark.parametrize("is_later", [False, True])
def test_a_cancellation_from_outside_is_not_taken_for_ours(is_later: bool) -> None:
    """In the same step, or while ours is being absorbed."""

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        async with Interruptible() as block:
            block.interrupt(ClientGone("bye"))
            if is_later:
                asyncio.get_running_loop().call_soon(task.cancel)
            else:
                task.cancel()
        raise AssertionError("the block swallowed it")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())


def test_an_outer_block_that_is_interrupted_in_the_same_step_gets_its_error() -> None:
    """The inner one's goes nowhere, since it has ended."""

    async def main() -> None:
        async with Interruptible() as outer:
            async with Interruptible() as inner:
                inner.interrupt(HostLost("inner"))
                outer.interrupt(ClientGone("outer"))
            raise AssertionError("the inner block swallowed it")

    with pytest.raises(ClientGone, match="outer"):
        asyncio.run(main())
