"""Block rules for markdown-it that read a page the way MDX and remark-directive do, and keep source positions.

Every token that a reader can cite gets ``meta["spans"]``: the (start, end) positions of its lines in the parsed
source, without the prefixes of the containers around it. They are known only while the rule runs.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, fence, heading, hr, table
from markdown_it.token import Token
from mdit_py_plugins.dollarmath.index import math_block_dollar
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import footnote_def

from services import mdx

Rule = Callable[[StateBlock, int, int, bool], bool]

ADMONITIONS = ("secondary", "info", "success", "danger", "note", "tip", "warning", "important", "caution")

_EVERYWHERE = ["paragraph", "reference", "blockquote", "list"]
_DIRECTIVE = re.compile(
    rf"(?P<colons>:{{3,}})(?:(?:{'|'.join(ADMONITIONS)})[ ]+(?P<words>.*?)"
    r"|[A-Za-z](?:[\w-]*[A-Za-z0-9])?(?:\[(?P<label>.*)\])?(?P<attributes>\{[^{}]*\})?)[ \t]*",
    re.ASCII,
)
_TITLE = re.compile(r"\btitle\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_UNDERLINE = re.compile(r"(=+|-+)[ \t]*")


def use_mdx_blocks(md: MarkdownIt) -> None:
    """Replace the block rules of `md` by those of Docusaurus pages."""
    footnote_plugin(md, inline=False, move_to_end=False)
    md.disable(["code", "html_block", "lheading"])
    ruler = md.block.ruler
    ruler.at("footnote_def", footnote_def, {"alt": _EVERYWHERE})
    ruler.at("fence", _placed(fence), {"alt": _EVERYWHERE})
    ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    ruler.at("hr", _placed(hr), {"alt": _EVERYWHERE})
    ruler.at("heading", _placed(heading), {"alt": ["paragraph", "reference", "blockquote"]})
    ruler.at("paragraph", _paragraph)
    ruler.before("fence", "mdx_esm", _esm)
    ruler.before("fence", "mdx_flow", _flow, {"alt": _EVERYWHERE})
    ruler.before("fence", "directive", _directive, {"alt": _EVERYWHERE})
    math = _placed(math_block_dollar(allow_labels=False, allow_blank_lines=True))
    ruler.before("fence", "math_block", math, {"alt": _EVERYWHERE})


def _span(state: StateBlock, line: int) -> tuple[int, int]:
    return state.bMarks[line] + state.tShift[line], state.eMarks[line]


def _placed(rule: Rule) -> Rule:
    """The same rule, which also notes where its tokens stand, and leaves no token behind when only asked."""

    def placed(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
        before, line = len(state.tokens), state.line
        if not rule(state, start_line, end_line, silent):
            return False
        if silent:
            del state.tokens[before:]
            state.line = line
            return True
        for token in state.tokens[before:]:
            _note(state, token)
        return True

    return placed


def _note(state: StateBlock, token: Token) -> None:
    if token.map and token.nesting >= 0:
        first, last = token.map
        token.meta["spans"] = [_span(state, line) for line in range(first, last)]


def _table(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A table, which also notes where each cell stands, as ``meta["cell"]``."""
    before = len(state.tokens)
    if not _placed(table)(state, start_line, end_line, silent):
        return False
    cells: Iterator[tuple[int, int]] = iter(())
    for token in state.tokens[before:]:
        if token.type == "tr_open" and token.map:
            cells = iter(_cells(state, token.map[0]))
        elif token.type == "inline" and (cell := next(cells, None)):
            token.meta["cell"] = cell
    return True


def _cells(state: StateBlock, line: int) -> list[tuple[int, int]]:
    """The ranges between the bars of a row, blanks at their ends left out."""
    start, end = _span(state, line)
    row = state.src[start:end].rstrip()
    bars = [found.start() for found in re.finditer(r"(?<!\\)\|", row)]
    if not row.startswith("|"):
        bars.insert(0, -1)
    if bars[-1] < len(row) - 1:
        bars.append(len(row))
    inside = [re.compile(r"\s*(.*?)\s*").fullmatch(row, first + 1, last) for first, last in pairwise(bars)]
    return [(start + found.start(1), start + found.end(1)) for found in inside if found]


def _esm(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Imports and exports: from the start of a line to the first blank line that leaves no bracket open."""
    start, _ = _span(state, start_line)
    if silent or (start and state.src[start - 1] != "\n") or not mdx.is_esm(state.src, start):
        return False
    stop = mdx.esm_end(state.src, start, state.eMarks[end_line - 1])
    state.line = _line_after(state, start_line, end_line, stop)
    token = state.push("mdx_esm", "", 0)
    token.content, token.map = state.src[start:stop], [start_line, state.line]
    return True


def _flow(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Lines made of nothing but tags, expressions and comments."""
    position, _ = _span(state, start_line)
    limit = state.eMarks[end_line - 1]
    pieces: list[mdx.Piece] = []
    while position < limit and state.src[position] != "\n":
        if state.src[position] in " \t":
            position += 1
        elif piece := mdx.piece_at(state.src, position, limit):
            pieces.append(piece)
            position = piece.end
        else:
            return False
    if silent or not pieces:
        return bool(pieces)
    state.line = _line_after(state, start_line, end_line, position)
    for piece in pieces:
        token = state.push("mdx", "", 0)
        token.map, token.meta["piece"] = [start_line, state.line], piece
    return True


def _line_after(state: StateBlock, line: int, end_line: int, position: int) -> int:
    """The line below the one on which `position` is."""
    return next(number for number in range(line, end_line) if state.eMarks[number] >= position) + 1


def _directive(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """An admonition, or another container of remark-directive."""
    start, end = _span(state, start_line)
    opening = _DIRECTIVE.fullmatch(state.src, start, end)
    if not opening or not _closes_its_brackets(opening["words"] or opening["label"] or ""):
        return False
    if silent:
        return True
    last = _closing_line(state, start_line + 1, end_line, len(opening["colons"]))
    title = _push_title(state, opening)
    # Counts as a level: markdown-it bounds the depth of its recursion by them.
    container = state.push("directive_open", "", 1)
    container.info = state.src[start : title[0]] + state.src[title[1] : end]
    old_line_max = state.lineMax
    state.lineMax = last
    state.md.block.tokenize(state, start_line + 1, last)
    state.lineMax = old_line_max
    state.push("directive_close", "", -1)
    closed = last < end_line and _is_closing(state, last, len(opening["colons"]))
    state.line = last + 1 if closed else last
    container.map, container.meta["closed"] = [start_line, state.line], closed
    return True


def _closes_its_brackets(label: str) -> bool:
    depth = 0
    for found in re.finditer(r"\\.|[\[\]]", label):
        depth += (found[0] == "[") - (found[0] == "]")
        if depth < 0:
            return False
    return depth == 0


def _closing_line(state: StateBlock, line: int, end_line: int, colons: int) -> int:
    while line < end_line:
        outside = state.sCount[line] < state.blkIndent and not state.isEmpty(line)
        if outside or _is_closing(state, line, colons):
            return line
        line += 1
    return line


def _is_closing(state: StateBlock, line: int, colons: int) -> bool:
    start, end = _span(state, line)
    text = state.src[start:end].rstrip()
    return len(text) >= colons and not text.strip(":")


def _push_title(state: StateBlock, opening: re.Match[str]) -> tuple[int, int]:
    """The title as a token; the range of one that is Markdown, and not the value of an attribute."""
    for match, group in (
        (opening, "words"),
        (opening, "label"),
        (_TITLE.search(state.src, *opening.span("attributes")) if opening["attributes"] else None, 1),
    ):
        if match and match[group]:
            token = state.push("inline", "", 0)
            token.content, token.children = match[group], []
            token.meta["spans"] = [match.span(group)]
            if group != 1:
                token.meta["title"] = match.span(group)
                return match.span(group)
    return opening.end(), opening.end()


def _paragraph(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A paragraph or a setext heading: in MDX an indented line is no code, so it can interrupt them."""
    end_line = state.lineMax
    old_parent, state.parentType = state.parentType, "paragraph"
    line, markup = start_line + 1, ""
    while line < end_line and not state.isEmpty(line):
        markup = _underline(state, line)
        if markup or _interrupts(state, line, end_line):
            break
        line += 1
    state.parentType = old_parent
    _push_text(state, start_line, line, markup)
    return True


def _underline(state: StateBlock, line: int) -> str:
    if state.sCount[line] < state.blkIndent:
        return ""
    found = _UNDERLINE.fullmatch(state.src, *_span(state, line))
    return found[1][0] if found else ""


def _interrupts(state: StateBlock, line: int, end_line: int) -> bool:
    if state.sCount[line] < 0:  # a lazy line of a quote, which that rule has looked at
        return False
    return any(rule(state, line, end_line, True) for rule in state.md.block.ruler.getRules("paragraph"))


def _push_text(state: StateBlock, first: int, last: int, markup: str) -> None:
    name = "heading" if markup else "paragraph"
    tag = {"=": "h1", "-": "h2", "": "p"}[markup]
    spans = [_span(state, line) for line in range(first, last)]
    state.line = last + 1 if markup else last
    opening = state.push(f"{name}_open", tag, 1)
    opening.map = [first, state.line]
    opening.meta["spans"] = [*spans, _span(state, last)] if markup else spans
    text = state.push("inline", "", 0)
    text.content = "\n".join(state.src[start:end] for start, end in spans).strip()
    text.map, text.children = [first, last], []
    text.meta["spans"] = spans
    state.push(f"{name}_close", tag, -1)
