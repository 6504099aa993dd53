"""Headers by name."""

from router.api.fields import fields_of


def test_the_first_value_counts_and_via_is_one_list() -> None:
    """A second Authorization is nobody's; every Via is a router that was passed."""
    headers = [(b"authorization", b"1"), (b"via", b"1.1 a"), (b"authorization", b"2"), (b"via", b"1.1 b, 1.0 c")]
    assert {b"authorization": b"1", b"via": b"1.1 a, 1.1 b, 1.0 c"} == fields_of(headers)
