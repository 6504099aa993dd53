"""What is sent a second time, and to whom: the table of docs/design.md, line by line, counted at the upstreams."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from clients import Answer, Question, ask, chat, speech
from figures import BUSY_S
from machines import Machine, configuration, provider, start_machine
from processes import Process, start_router, wait_until
from trials import PATIENCE_S

pytest_plugins = ["process_logs"]

RESPONSES: Final = "/v1/responses"
RETRY_AFTER_S: Final = 2
FIRST_BACK_OFF_S: Final = 2.0  # stretched by up to a half
TRIAL_S: Final = 2.0  # of one that succeeds; ample for others to come meanwhile
NOISE_S: Final = 3.0
PAIRS: Final = 40  # of providers on the same two machines, a fresh one for each test: no circuit remembers


@dataclass(slots=True)
class Pair:
    """A preferred provider and another, and a router in front; `number` is in all of their names."""

    router: Process
    first: Machine
    second: Machine
    number: int

    @property
    def chat(self) -> Question:
        return chat(f"m{self.number}")

    def question(self, kind: str) -> Question:
        model = f"say{self.number}" if kind == "speech" else f"m{self.number}"
        return speech(model) if kind == "speech" else chat(model, stream=kind == "SSE")

    def responses(self, **more: Any) -> Question:
        return Question("responses", RESPONSES, {"model": f"m{self.number}", "input": "hello", **more})

    def ask(self, question: Question, *headers: str) -> Answer:
        return asyncio.run(ask(self.router.port, question, headers))

    def ask_together(self, question: Question, count: int) -> list[Answer]:
        async def together() -> list[Answer]:
            return await asyncio.gather(*(ask(self.router.port, question) for _ in range(count)))

        return asyncio.run(together())

    @property
    def is_up(self) -> bool:
        metrics = self.router.get("/metrics").text
        return all(
            f'router_provider_state{{provider="{name}{self.number}",state="up"}} 1.0' in metrics
            for name in ("first", "second")
        )

    @property
    def counts(self) -> tuple[int, int]:
        """Inferences that each machine got."""
        return len(self.first.seen()), len(self.second.seen())


@dataclass(slots=True)
class House:
    """A router with many pairs."""

    router: Process
    first: Machine
    second: Machine
    numbers: Iterator[int]

    @contextmanager
    def fresh(self) -> Iterator[Pair]:
        """One that nobody has used; its machines are well, and are so again afterwards."""
        pair = Pair(self.router, self.first, self.second, next(self.numbers))
        wait_until("both providers are up", lambda: pair.is_up)
        for machine in (self.first, self.second):
            machine.forget()
        try:
            yield pair
        finally:
            for machine in (self.first, self.second):
                machine.fault("none")


@contextmanager
def house_of(
    machines: tuple[Machine, Machine],
    folder: Path,
    pairs: int,
    *,
    first: str = "",
    more: str = "",
    patience_s: float = 1,
) -> Iterator[House]:
    """A router with so many pairs."""
    rows, models = [], "models:\n"
    for n in range(pairs):
        rows += [
            provider(f"first{n}", machines[0], 1, more=first, patience_s=patience_s),
            provider(f"second{n}", machines[1], 2, patience_s=PATIENCE_S),
        ]
        to_both = f"routes: [{{provider: first{n}, model: m}}, {{provider: second{n}, model: m}}]"
        models += f"  m{n}: {{{to_both}}}\n  say{n}: {{serves: speech, {to_both}}}\n"
    with start_router(configuration(rows, models + more), folder) as router:
        yield House(router, *machines, iter(range(pairs)))


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Machine]]:
    """Two of them, well."""
    folder = tmp_path_factory.mktemp("machines")
    with (
        start_machine(folder, "first", "127.0.0.2") as first,
        start_machine(folder, "second", "127.0.0.9") as second,
    ):
        yield first, second


@pytest.fixture(scope="module")
def free_house(machines: tuple[Machine, Machine], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Nobody pays here."""
    with house_of(machines, tmp_path_factory.mktemp("free"), PAIRS) as house:
        yield house


@pytest.fixture(scope="module")
def paid_house(machines: tuple[Machine, Machine], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Each preferred provider is billed."""
    with house_of(machines, tmp_path_factory.mktemp("paid"), PAIRS, first=", billed: true") as house:
        yield house


@pytest.fixture
def house(free_house: House) -> Iterator[Pair]:
    """A fresh pair of self-hosted providers."""
    with free_house.fresh() as pair:
        yield pair


@pytest.fixture
def paid(paid_house: House) -> Iterator[Pair]:
    """A fresh pair of which the preferred one is billed."""
    with paid_house.fresh() as pair:
        yield pair


def outcome(answer: Answer) -> tuple[int, str]:
    """Status, and the kind of provider that answered well."""
    return answer.status, answer.provider.rstrip("0123456789") if answer.status == 200 else ""


@pytest.mark.parametrize("kind", ["JSON", "SSE", "speech"])
@pytest.mark.parametrize(
    ("fault", "expected", "counts"),
    [
        ("refuse", (200, "second"), (0, 1)),  # nothing was sent
        ("reset", (200, "second"), (1, 1)),
        ("cut", (200, "second"), (1, 1)),
        ("status_401", (200, "second"), (1, 1)),
        ("status_429", (200, "second"), (1, 1)),
        ("status_500", (200, "second"), (1, 1)),
        ("hang_head", (503, ""), (1, 0)),  # it may have been done, and paid for
        ("hang_body", (503, ""), (1, 0)),
    ],
)
def test_what_is_paid_for_is_asked_once(
    paid: Pair, kind: str, fault: str, expected: tuple[int, str], counts: tuple[int, int]
) -> None:
    """A billed provider never gets a request twice; another gets it on a reset or an error, not on silence."""
    paid.first.fault(fault)
    answer = paid.ask(paid.question(kind))
    if fault == "cut" and kind == "SSE":  # its first event had gone to the client
        assert answer.is_honest_break
        assert paid.counts == (1, 0)
        return
    assert expected == outcome(answer)
    assert counts == paid.counts


@pytest.mark.parametrize("kind", ["JSON", "speech"])
def test_what_is_paid_for_is_asked_once_on_a_kept_connection_too(paid: Pair, kind: str) -> None:
    """A billed provider that closes a kept connection after it has read the request does not get it again."""
    question = paid.question(kind)
    assert outcome(paid.ask(question)) == (200, "first")
    paid.first.forget()
    paid.first.fault("reset")
    assert outcome(paid.ask(question)) == (200, "second")
    assert paid.counts == (1, 1)


def test_silent_machine_that_is_paid_is_not_replaced(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    """A billed provider whose machine falls silent may have done the work: nobody else gets the request."""
    with house_of(machines, tmp_path, 1, first=", billed: true") as house, house.fresh() as paid:
        paid.first.fault("none", delay_s=0.5)

        async def unplugged() -> Answer:
            task = asyncio.create_task(ask(paid.router.port, paid.chat))
            await asyncio.to_thread(wait_until, "it works on the request", lambda: paid.counts[0] == 1)
            await asyncio.to_thread(paid.first.fault, "black_hole")
            return await task

        assert asyncio.run(unplugged()).status == 503
        assert paid.counts == (1, 0)


@pytest.mark.parametrize("kind", ["JSON", "SSE", "speech"])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_clients_own_fault_is_returned_and_not_counted(house: Pair, kind: str, status: int) -> None:
    """400, 413 and 422 come back with the upstream's words, go to nobody else, and open no circuit."""
    house.first.fault(f"status_{status}")
    for _ in range(5):
        answer = house.ask(house.question(kind))
        assert answer.status == status
        assert "first fails" in json.loads(answer.body)["error"]["message"]
    assert house.counts == (5, 0)
    house.first.fault("none")
    assert outcome(house.ask(house.question(kind))) == (200, "first")


def test_clients_own_fault_does_not_forgive_the_provider(house: Pair) -> None:
    """A 400 between failures is no good answer: three failures still open the circuit."""
    for fault in ("status_500", "status_500", "status_400", "status_500"):
        house.first.fault(fault)
        house.ask(house.chat)
    house.first.forget()
    assert outcome(house.ask(house.chat)) == (200, "second")
    assert house.counts[0] == 0


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(house: Pair, status: int) -> None:
    """For as long as the provider asked, nobody goes there; then one does, and then all."""
    house.first.fault(f"status_{status}", retry_after=RETRY_AFTER_S)
    assert outcome(house.ask(house.chat)) == (200, "second")
    house.first.fault("none")
    wait_until("the provider serves again", lambda: outcome(house.ask(house.chat)) == (200, "first"))
    told_s, began_s = (seen["began_s"] for seen in house.first.seen())
    assert RETRY_AFTER_S <= began_s - told_s <= RETRY_AFTER_S + NOISE_S + BUSY_S


def test_three_failures_open_the_circuit_and_one_trial_closes_it(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    """Three in a row, then nobody until the back-off has elapsed, then one alone; its success lets all in."""
    with house_of(machines, tmp_path, 1, patience_s=PATIENCE_S) as patient, patient.fresh() as house:
        house.first.fault("status_500")
        answers = [house.ask(house.chat) for _ in range(3)]
        opened_s = time.monotonic()
        assert house.counts[0] == 3
        house.first.fault("none", delay_s=TRIAL_S)
        answers += house.ask_together(house.chat, 5)
        assert [outcome(answer) for answer in answers] == [(200, "second")] * 8
        assert house.counts[0] == 3
        house.first.forget()
        time.sleep(max(0.0, opened_s + FIRST_BACK_OFF_S * 1.5 - time.monotonic()))  # the contract: nobody before
        assert sorted({outcome(answer) for answer in house.ask_together(house.chat, 6)}) == [
            (200, "first"),
            (200, "second"),
        ]
        assert house.counts[0] == 1
        house.first.fault("none")
        assert [outcome(answer) for answer in house.ask_together(house.chat, 6)] == [(200, "first")] * 6


def test_late_failures_do_not_lengthen_the_back_off(house: Pair) -> None:
    """32 requests that fail in the same moment are one opening of the circuit: the provider is tried in 3 s."""
    house.first.fault("hang_head")
    assert {outcome(answer) for answer in house.ask_together(house.chat, 32)} == {(200, "second")}
    healed_s = house.first.fault("none")
    wait_until("the provider serves again", lambda: outcome(house.ask(house.chat)) == (200, "first"), 90.0)
    assert time.monotonic() - healed_s <= FIRST_BACK_OFF_S * 1.5 + NOISE_S + BUSY_S


CLIENTS: Final = f"""\
clients:
  anna: {{key_sha256: {sha256(b"anna").hexdigest()}}}
  ben: {{key_sha256: {sha256(b"ben").hexdigest()}}}
"""
ANNA, BEN = "Authorization: Bearer anna", "Authorization: Bearer ben"


def test_conversation_stays_with_who_remembers_it(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    """previous_response_id goes to the provider that minted it, for the client it was minted for, else 400."""
    with house_of(machines, tmp_path, 1, more=CLIENTS) as keyed, keyed.fresh() as house:
        house.first.fault("status_500")
        minted = house.ask(house.responses(), ANNA)
        assert outcome(minted) == (200, "second")
        known = json.loads(minted.body)["id"]
        house.first.fault("none")
        assert outcome(house.ask(house.responses(), ANNA)) == (200, "first")
        assert outcome(house.ask(house.responses(previous_response_id=known), ANNA)) == (200, "second")
        for question, key in (
            (house.responses(previous_response_id=known), BEN),
            (house.responses(previous_response_id="resp_x"), ANNA),
        ):
            refused = house.ask(question, key)
            assert refused.status == 400
            assert json.loads(refused.body)["error"]["param"] == "previous_response_id"
        house.second.forget()
        house.first.forget()
        house.second.fault("reset")
        assert house.ask(house.responses(previous_response_id=known), ANNA).status == 503
        assert house.counts == (0, 1)


@pytest.mark.parametrize(
    ("more", "counts"),
    [({}, (1, 1)), ({"store": False}, (1, 1)), ({"store": True}, (1, 0)), ({"background": True}, (1, 0))],
    ids=["plain", "store false", "store", "background"],
)
def test_response_that_is_kept_is_not_repeated(
    house: Pair, more: dict[str, bool], counts: tuple[int, int]
) -> None:
    """What a provider was asked to remember or to do in the background goes nowhere else once sent."""
    house.first.fault("reset")
    expected = (200, "second") if counts[1] else (503, "")
    assert expected == outcome(house.ask(house.responses(**more)))
    assert counts == house.counts


def test_kept_response_goes_on_when_nothing_was_sent(house: Pair) -> None:
    """A refused dial sent nothing, so even `store: true` may go elsewhere."""
    house.first.fault("refuse")
    assert outcome(house.ask(house.responses(store=True))) == (200, "second")
