"""Whether a chapter in another form still is its source, by readers that have no part in making it."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from services.book import Chapter
from services.forms import Form
from services.structure import differences
from tests.mdx import Compiled, Fingerprint, Refused, compiled, kept

FENCE = re.compile(r"^(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*(?:`{3,}|~{3,})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Made:
    """A chapter in a form. `work` counts what it was made of, and what the model was asked."""

    chapter: Chapter
    form: Form
    content: str
    work: Counter[str]

    def __str__(self) -> str:
        """Which one it is, as a file name."""
        return f"{self.chapter.id} as {self.form}.mdx"


@dataclass(slots=True)
class Compared:
    """How much of each kind the sources of some variants hold, each counted for each of its variants, and how much the
    variants do; what is not the same; and the sources that do not compile themselves, with the reason."""

    source: Counter[str] = field(default_factory=Counter)
    variant: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


async def compare(variants: Sequence[Made]) -> Compared:
    """Compare variants with the chapters of a book that they were made of.

    A book that sets off no formula has none: its site does not read the dollar signs of two prices as one, either.
    """
    texts = {source_name(made): made.chapter.content for made in variants}
    formulas = any("$$" in source for source in texts.values())
    pages = await compiled({**texts, **{str(made): made.content for made in variants}}, formulas=formulas)
    found = Compared()
    for made in variants:
        add(found, made, pages)
    return found


def add(found: Compared, made: Made, pages: Mapping[str, Compiled]) -> None:
    """Compare one of the variants."""
    source, variant = pages[source_name(made)], pages[str(made)]
    if isinstance(source, Refused):
        found.refused[made.chapter.id] = source.refused
        told = list(differences(made.chapter.content, made.content))
    else:
        found.source += counts(made.chapter.content, source)
        found.variant += Counter() if isinstance(variant, Refused) else counts(made.content, variant)
        told = [*changes(made, source, variant), *differences(made.chapter.content, made.content)]
    found.differences += [f"{made}: {difference}" for difference in told]


def source_name(made: Made) -> str:
    """The file name of what a variant was made of."""
    return f"{made.chapter.id}.mdx"


def counts(text: str, page: Fingerprint) -> Counter[str]:
    """How much of each kind a page holds. Fences are counted in its text: lines that open or close a block of code."""
    return Counter(
        {
            "code blocks": len(page.code),
            "fences": len(FENCE.findall(text)),
            "inline code": len(page.inline_code),
            "formulas": len(page.math),
            "links": len(page.links),
            "images": len(page.images),
            "anchors": sum(bool(anchor) for _, anchor in kept(page).headings),
        }
    )


def changes(made: Made, source: Fingerprint, variant: Compiled) -> Iterator[str]:
    """What the compiled variant holds otherwise than the compiled source."""
    if isinstance(variant, Refused):
        yield f"it does not compile: {variant.refused}"
        return
    fences = [len(FENCE.findall(text)) for text in (made.chapter.content, made.content)]
    if fences[0] != fences[1]:
        yield f"fences: {fences[0]} in the source, {fences[1]} in it"
    first, second = kept(source), kept(variant)
    for kind in (one.name for one in fields(Fingerprint)):
        was, now = getattr(first, kind), getattr(second, kind)
        if was != now:
            yield f"{kind}: {change(was, now)}"


def change(source: Sequence[object] | bool, variant: Sequence[object] | bool) -> str:
    """How two values of a fingerprint differ."""
    if isinstance(source, bool) or isinstance(variant, bool):
        return f"{source} became {variant}"
    lost, new = (list(Counter(a) - Counter(b)) for a, b in ((source, variant), (variant, source)))
    return f"lost {lost}, new {new}" if lost or new else "in another order"
