"""The generated schema is what editors see."""

import json
from pathlib import Path

from router.config import Settings, schema

SHIPPED = Path(__file__).parents[3] / "config" / "providers.schema.json"


def test_the_shipped_schema_is_the_generated_one() -> None:
    """`make schema` keeps it so."""
    assert schema() == SHIPPED.read_text(encoding="utf-8")


def test_every_section_is_in_the_schema_and_unknown_keys_are_not() -> None:
    """An editor underlines a typing error."""
    document = json.loads(schema())
    assert (set(Settings.model_fields), False) == (set(document["properties"]), document["additionalProperties"])


def test_a_number_may_be_a_variable() -> None:
    """An editor sees the file before substitution."""
    port = json.loads(schema())["$defs"]["ServerSettings"]["properties"]["port"]
    assert ["integer", "string"] == [option["type"] for option in port["anyOf"]]


def test_every_key_has_a_description() -> None:
    """The schema is documentation too."""
    document = json.loads(schema())
    undescribed = [
        f"{name}.{key}"
        for name, definition in document["$defs"].items()
        for key, entry in definition.get("properties", {}).items()
        if "description" not in entry and key != "kind"
    ]
    assert [] == undescribed
