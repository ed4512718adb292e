"""An answer without a model: the sentences of the best passages that share most with the question."""

from dataclasses import dataclass

from services.citations import prove, sent_units
from services.claude import Cited
from services.retrieval import Retrieved
from services.words import words

PASSAGES = 3
UNITS = 3  # in a row, from each passage


@dataclass(frozen=True, slots=True)
class Quotation:
    """A piece of the answer's text and the claim about its source, to be proven like the model's."""

    text: str
    cited: Cited


def quotations(question: str, retrieved: Retrieved) -> list[Quotation]:
    """The quotations that make up the answer, best passage first."""
    asked = set(words(question))
    pieces: list[Quotation] = []
    for place, found in enumerate(retrieved.given[:PASSAGES]):
        units = sent_units(found, retrieved.book.edition)
        start = best_start([sum(map(retrieved.book.lexicon.rarity, asked & set(words(unit)))) for unit in units])
        quoted = units[start : start + UNITS]
        cited = Cited(place, start, start + len(quoted), "".join(quoted))
        citations = prove(cited, retrieved.given, retrieved.book.edition, offset=0)
        lines = "\n\n".join(citation.quote for citation in citations).splitlines()
        text = "\n".join([f"**{found.passage.title}**", "", *(f"> {line}".rstrip() for line in lines)])
        pieces.append(Quotation(f"\n\n{text}" if pieces else text, cited))
    return pieces


def best_start(scores: list[float]) -> int:
    """Where the run of units begins that shares most with the question; the earliest of equals."""
    return max(range(len(scores)), key=lambda start: (sum(scores[start : start + UNITS]), scores[start], -start))
