"""The ways to serve what a client asked for: the same few lines of every handler."""

from collections.abc import Sequence
from typing import NamedTuple

from router.api.admission import Client
from router.catalogue import Catalogue
from router.domain import Modality, Route
from router.ports import Record


class Ways(NamedTuple):
    """`max_wait_s`: how long a tier's first output may be predicted to take before the next tier serves."""

    routes: Sequence[Route]
    max_wait_s: float


def ways_to(catalogue: Catalogue, modality: Modality, name: str | None, client: Client, record: Record) -> Ways:
    """The routes behind a model's name, of which `record` keeps how good they could be. Raises NotFound,
    InvalidRequest."""
    routes = catalogue.resolve(modality, name, client.may_use)
    record.preferred_tier = min([route.tier for route in routes], default=0)
    return Ways(routes, catalogue.max_wait_s(modality, name))
