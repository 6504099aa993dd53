"""docs/benchmarks/mixed-chain.md."""

from collections.abc import Sequence
from typing import Final

from mixed.drill import Held
from mixed.vendor import PACES
from router.drill.report import fault_table, verdict_table
from router.drill.surroundings import Surroundings

_HEAD: Final = """\
# The drill on chains of mixed dialects

Written by `{command}`. One voice behind three dialects: a real tts-node, and fakes of ElevenLabs, Cartesia and the
ChatTTS server of document 003, made from their published contracts (`tests/vendors/`), each a process. The fakes
speak with the same espeak as the node, so a text sounds alike wherever it is spoken, and what was heard is
compared to the sample with what is heard without a fault, sentence by sentence, as in [the drill](drill.md), whose
words these are.

Every strike comes twice: in a *crowd* (a listener in the middle of a paragraph, two more who ask for short texts)
and in a *quiet* house (one short text after another). It holds for three seconds. {paces} The tts-node is
unplugged by {way}.

ElevenLabs and Cartesia charge (`billed: true`), and what may have been paid for is not asked for twice: after a
reset or an error the next is asked; an answer that does not come is waited for, one that is no sound is the end,
and nobody who charges is asked because somebody else is slow. Where that leaves nobody to ask (hung, stalled,
slow, garbage) the chain stands at a flat rate (`billed: false`). A vendor that refuses says itself when to come
back (429 here: 7 s), or is tried again after a back-off that doubles; so *return* has no bound there.
"""


def as_markdown(found: Sequence[Held], where: Surroundings, command: str) -> str:
    """The page."""
    way = found[0].ledger.way if found else "nobody"
    paces = "; ".join(f"{name} takes {pace}" for name, pace in PACES.items()) + "."
    parts = [_HEAD.format(command=command, paces=paces, way=way)]
    for held in found:
        parts += [f"## {held.title}\n", verdict_table(held.verdict), fault_table(held.ledger)]
    return "\n".join([*parts, where.as_line(), ""])
