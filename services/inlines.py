"""Inline rules of MDX and remark-directive for markdown-it, and the plain text of what they find."""

import re
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath.index import math_inline_dollar

from services import mdx
from services.anchors import explicit_id

_DIRECTIVE = re.compile(r":([A-Za-z](?:[\w-]*[A-Za-z0-9])?)(?![\w:-])", re.ASCII)
_LONGEST_URL = 200  # looked back at; without a bound a long text without blanks takes quadratic time
_URL = re.compile(r"(?:https?://|www\.)[^\s<]*\Z")
_LABEL = re.compile(r"\[((?:[^\[\]\\\n]|\\.|\[[^\[\]\n]*\])*)\]")
_ATTRIBUTES = re.compile(r"\{[^{}\n]*\}")
_LITERAL = re.compile(r"\s*(?:\"([^\"\\]*)\"|'([^'\\]*)'|`([^`\\$]*)`|(\d+(?:\.\d+)?))\s*")
_SEPARATING = re.compile("br|hr|p|div|li|[uod]l|d[td]|t[dhr]|table|section|summary|details|h[1-6]")


def use_mdx_inlines(md: MarkdownIt) -> None:
    """Add tags, expressions, comments, text directives and math to `md`, and take HTML out."""
    md.disable(["html_inline", "autolink"])
    md.enable("strikethrough")
    ruler = md.inline.ruler
    ruler.before("escape", "math_inline", _math())
    ruler.before("autolink", "mdx", _mdx)
    ruler.before("autolink", "directive", _directive)


def plain_text(tokens: Sequence[Token]) -> str:
    """What a reader sees: no markers, tags or link targets; blanks collapsed."""
    return " ".join("".join(_visible(token) for token in tokens).split())


def slug_text(tokens: Sequence[Token]) -> str:
    """What remark's toString gives, from which Docusaurus makes anchors: expressions are taken as written."""
    return "".join(_value(token) for token in tokens)


def slug_and_id(tokens: Sequence[Token]) -> tuple[str, str | None]:
    """The `slug_text` of a heading and the explicit id at its end, if it has one; it counts in a code span too."""
    slug = slug_text(tokens)
    return explicit_id(slug) if re.search(r"\{#.+\}$", slug) else (slug, None)


def _math() -> Callable[[StateInline, bool], bool]:
    inside = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)
    at_start = math_inline_dollar(allow_space=False, allow_digits=True, allow_double=True)

    def math(state: StateInline, silent: bool) -> bool:
        # The plugin wants no digit before the dollar; at the start of a text it takes the last character for that.
        if state.pos:
            return inside(state, silent)
        if not at_start(state, True):
            return False
        end, state.pos = state.pos, 0
        return not state.src[end : end + 1].isdigit() and at_start(state, silent)

    return math


def _mdx(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "<{":
        return False
    piece = mdx.piece_at(state.src, state.pos, state.posMax)
    if not piece:
        return False
    if not silent:
        state.push("mdx", "", 0).meta["piece"] = piece
    state.pos = piece.end
    return True


def _directive(state: StateInline, silent: bool) -> bool:
    """``:name[label]{attributes}``; without label and attributes Docusaurus shows it as it is written."""
    found = _DIRECTIVE.match(state.src, state.pos, state.posMax)
    if not found or state.src[state.pos - 1 : state.pos] == ":" or _is_in_url(state):
        return False
    label = _LABEL.match(state.src, found.end(), state.posMax)
    end = label.end() if label else found.end()
    attributes = _ATTRIBUTES.match(state.src, end, state.posMax)
    if not silent:
        token = state.push("directive", "", 0)
        token.content = "" if label or attributes else found[0]
        token.children = []
        token.markup = state.src[state.pos : attributes.end() if attributes else end]
        if label:
            state.md.inline.parse(label[1], state.md, state.env, token.children)
    state.pos = attributes.end() if attributes else end
    return True


def _is_in_url(state: StateInline) -> bool:
    return _URL.search(state.src, max(0, state.pos - _LONGEST_URL), state.pos) is not None


def _visible(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "directive":
        return token.content or "".join(map(_visible, token.children or ()))
    if token.type == "image":
        return "".join(map(_visible, token.children or ()))
    if token.type == "mdx":
        return _visible_piece(token.meta["piece"])
    return token.content


def _visible_piece(piece: mdx.Piece) -> str:
    if piece.sort is mdx.Sort.EXPRESSION:
        literal = _LITERAL.fullmatch(piece.value)
        return next(filter(None, literal.groups()), "") if literal else ""
    return " " if _SEPARATING.fullmatch(piece.name) else ""


def _value(token: Token) -> str:
    if token.type == "softbreak":
        return "\n"
    if token.type in ("directive", "image"):
        return slug_text(token.children or ())
    if token.type == "mdx":
        piece: mdx.Piece = token.meta["piece"]
        return piece.value if piece.sort is mdx.Sort.EXPRESSION else ""
    return token.content
