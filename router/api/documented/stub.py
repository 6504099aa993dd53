"""What a declaration does should it ever be called."""

from typing import NoReturn

from router.errors import NotFound


def unreachable() -> NoReturn:
    """Raises NotFound: `router/entry.py` answers hot routes before Litestar is asked."""
    raise NotFound("There is no such path; GET /schema lists what there is.", code="unknown_route")
