"""What an inline text holds besides words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from markdown_it.token import Token

from services import mdx
from services.places import addresses

_TEXTS = ("text", "text_special")


def facts(tokens: Sequence[Token]) -> Counter[str]:
    """Each code, formula, link, image, tag, footnote's number and line break of an inline text, in words.

    Two texts hold the same when these are equal, whatever their words and the order of those.
    """
    return Counter(_facts(tokens))


def _facts(tokens: Sequence[Token]) -> Iterator[str]:
    for is_plain, group in groupby(tokens, key=lambda token: token.type in _TEXTS):
        run = list(group)
        if is_plain:
            text = "".join(token.content for token in run)
            yield from (f"the address {text[start:end]}" for start, end in addresses(text))
        else:
            yield from filter(None, map(_fact, run))
            for token in run:
                yield from _facts(token.children or ())
    yield from (f"the lone tag {piece.source}" for piece in _lone(tokens))


def _fact(token: Token) -> str | None:
    if token.type == "code_inline":
        return f"the code `{token.content}`"
    if token.type.startswith("math_inline"):
        return f"the formula {token.markup}{_line(token.content)}{token.markup}"
    if token.type == "link_open":
        return f"the link to {_target(token, 'href')}"
    if token.type == "image":
        return f"the image {_target(token, 'src')}"
    if token.type == "mdx":
        return f"the tag {_line(token.meta['piece'].source)}"
    if token.type == "footnote_ref":
        return f"the footnote [^{token.meta['label']}]"
    if token.type == "directive" and not token.content:
        return f"the directive {token.markup}"
    return "a line break" if token.type == "hardbreak" else None


def _target(token: Token, name: str) -> str:
    title = token.attrGet("title")
    return f'{token.attrGet(name)} "{title}"' if title else f"{token.attrGet(name)}"


def _line(source: str) -> str:
    """On one line: lines in a paragraph begin where its container has them."""
    return " ".join(source.split())


def _lone(tokens: Sequence[Token]) -> list[mdx.Piece]:
    """Tags whose partners stand elsewhere: the right tags in a wrong order have some too."""
    pieces: list[mdx.Piece] = [token.meta["piece"] for token in tokens if token.type == "mdx"]
    partners = mdx.partners_of(pieces)
    halves = (mdx.Sort.OPEN, mdx.Sort.CLOSE)
    return [piece for piece, partner in zip(pieces, partners, strict=True) if partner is None and piece.sort in halves]
