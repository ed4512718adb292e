"""A whole variant is compared with its chapter once more."""

from db.variants import RenderingRow
from services.binding import bound
from services.book import Chapter
from services.forms import Form
from services.making import Order
from services.sections import take_apart

CONTENT = "# Lamps\n\nA lamp.\n\n## Oil\n\nOil burns.\n\n```python\ntrim()\n```\n\n## Wicks\n\nA wick smokes.\n"
CHAPTER = Chapter("lamp", "en", "Lamps", 0, "/lamp", CONTENT, (), reviewed=True)
ORDER = Order(CHAPTER, take_apart(CONTENT, ()), Form(None, "ur"), "reader")


def rows(*contents: str) -> list[RenderingRow]:
    return [
        RenderingRow(section.hash, content, untranslated=False, texts=2, model="claude")
        for section, content in zip(ORDER.sections, contents, strict=True)
    ]


LAMPS, OIL = "# لیمپ\n\nایک لیمپ۔\n\n", "## تیل {#oil}\n\nتیل جلتا ہے۔\n\n```python\ntrim()\n```\n\n"
WICKS = "## بتیاں {#wicks}\n\nبتی سے دھواں اٹھتا ہے۔\n"


def test_a_section_that_opens_what_the_next_ones_close_is_kept_as_it_was() -> None:
    variant = bound(ORDER, rows(LAMPS, OIL.replace("```\n\n", ""), WICKS))
    assert [part.untranslated for part in variant.sections] == [False, True, False]
    assert variant.content == LAMPS + CONTENT[ORDER.sections[1].start : ORDER.sections[1].end] + WICKS


def test_sections_that_change_words_alone_are_joined() -> None:
    variant = bound(ORDER, rows(LAMPS, OIL, WICKS))
    assert variant.content == LAMPS + OIL + WICKS
    assert [part.characters for part in variant.sections] == [len(LAMPS), len(OIL), len(WICKS)]
    assert not any(part.untranslated for part in variant.sections)
