"""ElevenLabs' own voices: programs that were written for its API name them by id.

Where the house knows such an id, by its configuration or because ElevenLabs is one of its providers, that voice is
meant. Where it does not, a voice of OpenAI's names stands in for it, which every house has; the reply says so.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Premade(NamedTuple):
    """A voice that everybody has there, and who speaks for it here."""

    name: str
    stand_in: str


# Of the default voices of 2023 to 2026, those that are found in programs.
PREMADE: Final[Mapping[str, Premade]] = {
    "21m00Tcm4TlvDq8ikWAM": Premade("Rachel", "nova"),
    "AZnzlk1XvdvUeBnXmlld": Premade("Domi", "shimmer"),
    "EXAVITQu4vr4xnSDxMaL": Premade("Sarah", "coral"),
    "MF3mGyEYCl7XYWbV9V6O": Premade("Elli", "shimmer"),
    "9BWtsMINqrJLrRacOk9x": Premade("Aria", "sage"),
    "FGY2WhTYpPnrIDTdsKH5": Premade("Laura", "shimmer"),
    "XB0fDUnXU5powFXDhCwa": Premade("Charlotte", "sage"),
    "Xb7hH8MSUJpSbSDYk0k2": Premade("Alice", "marin"),
    "XrExE9yKIg1WjnnlVkGX": Premade("Matilda", "marin"),
    "cgSgspJ2msm6clMCkdW9": Premade("Jessica", "nova"),
    "pFZP5JQG7iQjIQuC4Bku": Premade("Lily", "sage"),
    "hpp4J3VqNfWAUOO0d1Us": Premade("Bella", "coral"),
    "ErXwobaYiN019PkySvjV": Premade("Antoni", "echo"),
    "TxGEqnHWrfWFTfGW9XjX": Premade("Josh", "onyx"),
    "VR6AewLTigWG4xSOukaG": Premade("Arnold", "onyx"),
    "pNInz6obpgDQGcFmaJgB": Premade("Adam", "onyx"),
    "yoZ06aMxZJJ28mfd3POQ": Premade("Sam", "ash"),
    "CwhRBWXzGAHq8TQ4Fs17": Premade("Roger", "ash"),
    "IKne3meq5aSn9XLyUdCD": Premade("Charlie", "verse"),
    "JBFqnCBsd6RMkjVDRZzb": Premade("George", "fable"),
    "N2lVS1w4EtoT3dr4eOWO": Premade("Callum", "ballad"),
    "TX3LPaxmHKxFdv7VOQHJ": Premade("Liam", "echo"),
    "bIHbv24MWmeRgasZH58o": Premade("Will", "verse"),
    "cjVigY5qzO86Huf0OWal": Premade("Eric", "cedar"),
    "iP95p4xoKVk53GoZ742B": Premade("Chris", "cedar"),
    "nPczCjzI2devNBz1zQrb": Premade("Brian", "onyx"),
    "onwK4e9ZLuTAKqWW03F9": Premade("Daniel", "fable"),
    "pqHfZKP75CvOlQylNhV4": Premade("Bill", "ballad"),
    "SAz9YHcvj6GT2YYXdXww": Premade("River", "alloy"),
}
