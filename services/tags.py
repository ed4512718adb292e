"""The tags that stand in a segment for what a model may not change."""

import html
import re

TAG = re.compile(r"</?[xg]\d+\s*/?>")  # also as models misspell them: <x1>, <x1 />


def untagged(text: str) -> str:
    """The words of a segment: what an <x1/> stands for parts them, a pair <g1></g1> around some does not."""
    return TAG.sub(lambda tag: " " if "x" in tag[0] else "", text)


def escaped(text: str) -> str:
    """A segment as a piece of XML: its own tags stay, nothing else in it can be taken for one."""
    parts = re.split(f"({TAG.pattern})", text)
    return "".join(part if TAG.fullmatch(part) else html.escape(part, quote=False) for part in parts)
