"""What providers charge, as it is counted: speech by character, chats by token."""

import pytest
from fakes import Step, chat_card, head, pcm, speech_card, whole
from forwarding import SSE, two
from relaying import TEXT, Stage
from running import run

from router.domain import Price, Utterance
from router.errors import NothingCanServe, Rejected

PRICE = Price(per_million_characters=100, per_million_tokens_in=1, per_million_tokens_out=5)
USAGE = b'"usage":{"prompt_tokens":1000,"completion_tokens":200}'
CHAT_COST = 0.002


@pytest.mark.parametrize(("told", "characters"), [(None, len(TEXT)), (3, 3), (0, 0)])
def test_a_segment_costs_what_it_was_charged_for(told: int | None, characters: int) -> None:
    """By the provider's own count, else by the text."""

    async def main() -> None:
        stage = Stage(speech_card("paid", is_billed=True, price=PRICE))
        stage.says("paid", Utterance(pcm(1.0), billed_characters=told))
        await stage.speak()
        assert [("paid", characters * 100 / 1e6, characters)] == stage.observer.charges
        assert characters * 100 / 1e6 == stage.record.cost

    run(main())


def test_who_charges_without_a_price_is_counted() -> None:
    """Characters are known, the price is not."""

    async def main() -> None:
        stage = Stage(speech_card("paid", is_billed=True))
        await stage.speak()
        assert [("paid", 0.0, len(TEXT))] == stage.observer.charges

    run(main())


def test_who_does_not_charge_is_not_counted() -> None:
    """The house's own voices are free."""

    async def main() -> None:
        stage = Stage("gpu")
        await stage.speak()
        assert ([], 0.0) == (stage.observer.charges, stage.record.cost)

    run(main())


def test_what_is_refused_costs_nothing_and_what_is_odd_costs_as_much() -> None:
    """Nothing came back; or something did, and nobody heard it."""

    async def main() -> None:
        stage = Stage(speech_card("paid", is_billed=True, price=PRICE))
        for outcome in (Rejected("no", upstream_status=500), Utterance(b"")):
            stage.says("paid", outcome)
            with pytest.raises(NothingCanServe):
                await stage.speak()
        assert 1 == len(stage.observer.charges)

    run(main())


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_chat_costs_its_tokens(is_streamed: bool) -> None:
    """As the answer tells them, at the price of who gave it."""
    answer = b"{" + USAGE + b"}"
    streamed: list[Step] = [head(200, SSE), b"data: " + answer + b"\n\n"]

    async def main() -> None:
        house = two(streamed if is_streamed else whole(answer), price=PRICE)
        await house.chat()
        ((provider, cost, characters),) = house.observer.charges
        assert ("one", 0) == (provider, characters)
        assert CHAT_COST == pytest.approx(cost)
        assert CHAT_COST == pytest.approx(house.observer.finished[0].cost)

    run(main())


def test_a_chat_that_fails_over_costs_what_its_answer_did() -> None:
    """The one that failed said nothing of tokens."""

    async def main() -> None:
        house = two(whole(b"{}", status=500), second=whole(b"{" + USAGE + b"}"), price=PRICE)
        await house.chat()
        assert [] == house.observer.charges  # `two` is free
        assert 0.0 == house.observer.finished[0].cost

    run(main())


def test_chats_that_are_free_are_not_counted() -> None:
    """Nor is there anything to add up."""

    async def main() -> None:
        house = two(whole(b"{" + USAGE + b"}"))
        await house.chat()
        assert [] == house.observer.charges
        assert chat_card("x").price.of_chat(10, 10) == 0

    run(main())
