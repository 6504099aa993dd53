"""What the drill has spoken: short texts, and paragraphs long enough that a fault hits in their middle."""

from typing import Final

SEED: Final = 7  # one for every request, so that the same text always gives the same sound
STREAMED_WORDS: Final = 8  # of what a model writes to be spoken: two sentences, 3 s
WHOLE_WORDS: Final = 5  # the first of them, since more at once is more than the slower node can say in time
SHORT: Final = ("Yes.", "Hello.", "Thank you.")
_LIGHTHOUSE: Final = (
    "The old lighthouse stands at the end of the harbour wall.",
    "Every evening, just before dark, the keeper climbs its ninety steps.",
    "He carries a lamp, a flask of tea and a book.",
    "From the top he can see three islands and the mouth of the river.",
    "Fishing boats come home one after another, their engines quiet in the wind.",
    "Once a week a ferry passes and sounds its horn.",
    "The keeper waves, although nobody can see him from so far away.",
    "When the last boat has tied up, he writes its name in a long green ledger.",
    "Then he trims the wick, pulls up his chair and begins to read.",
)
_KITCHEN: Final = (
    "A kitchen at six in the morning is the best room of any house.",
    "The kettle hums while the window turns from black to blue.",
    "Somebody has left a bowl of apples on the table.",
    "The cat sits beside it and pretends not to look at the milk.",
    "Bread was set to rise the night before, and its smell fills the hall.",
    "Outside, a bicycle goes by with a rattling chain.",
    "Two letters fall through the door, and a dog barks twice next door.",
    "Upstairs a radio begins to talk about the weather.",
    "It will rain before noon, it says, and clear up again by four.",
    "Nobody in the kitchen minds.",
)
PARAGRAPHS: Final = (" ".join(_LIGHTHOUSE), " ".join(_KITCHEN))
QUICK_PARAGRAPHS: Final = (" ".join(_LIGHTHOUSE[:3]),)
