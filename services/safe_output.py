"""What a model writes, made harmless while it streams: links only to allowed places, no images, no HTML.

Whatever renderers of CommonMark, GFM and remark-math disagree on is written so that all of them read it alike: a
backtick that closes nothing on its line is escaped, `](` is kept only for links that are allowed, a fence in a list
is kept inside of it. Code is passed unchanged, because nothing in it is a link.
"""

import html
import re
from collections.abc import Callable

from services import markup
from services.code_block import CodeBlock

HELD = 500  # characters that may wait for what follows them
_ESCAPED = "\0"  # stands for the last character, if that was escaped


class SafeOutput:
    """The filter of one answer. Text goes in as it comes, at any cut; what may be shown comes out.

    The text that comes out does not depend on the cuts, flushes aside. `allowed` says which destinations of links
    may stay. At most 500 characters wait, and only those that can still become markup.
    """

    def __init__(self, allowed: Callable[[str], bool]) -> None:
        self._allowed = allowed
        self._held = ""
        self._shown = 0  # characters of the held text that were shown by a flush
        self._last = ""  # the last character shown
        self._written = ""  # what was shown since the last line that surely stands in no list
        self._new_line = True
        self._math = ""  # the `$` that seem to be open: decides how a thing is made harmless, never whether
        self._dollars = self._display = False  # a `$` in this paragraph; a `$$` anywhere
        self._table = self._after_blank = False
        self._pipes = self._pipes_above = False  # code with a `|` in this line, or the one above
        self._block: CodeBlock | None = None
        self._must_break = False

    def feed(self, text: str) -> str:
        """Take in a delta; what may be shown now, possibly nothing."""
        self._held += markup.CONTROL.sub("", text)
        return self._drain(flushed=False)

    def flush(self) -> str:
        """What still waits, made harmless. At the end, or anywhere before: the state stays right for what follows."""
        return self._drain(flushed=True)

    def closing(self) -> str:
        """What ends the code block or formula that is open after a flush, so that text after it is read as text."""
        if self._block:
            return f"\n{' ' * self._block.width}{self._block.marks}"
        return "\n$$" if self._math == "$$" else ""

    def _drain(self, *, flushed: bool) -> str:
        pieces: list[str] = []
        while len(self._held) > self._shown:
            ends = flushed or len(self._held) >= HELD
            # A line break in place of what is not known yet: whatever is incomplete counts as ended by it.
            piece = self._step(self._held[:HELD] + "\n" * ends, ends)
            if piece is None:
                break
            pieces.append(piece)
        return "".join(pieces)

    def _step(self, view: str, ends: bool) -> str | None:
        if self._must_break and view[0] != "\n":
            return self._break()
        if self._block:
            return self._code_block(self._block, view, ends)
        if self._new_line:
            return self._line(view, ends)
        if self._last + view[0] in ("](", "]:", "[^"):
            return self._take(1, f" {view[0]}" if self._math or view[0] == "^" else f"\\{view[0]}")
        if run := markup.PLAIN.match(view):
            return self._take(run.end())
        return self._special(view, ends)

    def _special(self, view: str, ends: bool) -> str | None:
        match view[0]:
            case "\n" | "]":
                return self._break(1) if view[0] == "\n" else self._take(1)
            case "\\":
                return self._escape(view, ends)
            case "`":
                return self._code(view)
            case "[" | "!":
                return self._bracket(view, ends)
            case "<":
                return self._angle(view, ends)
            case "&":
                return self._entity(view, ends)
            case "@":
                return self._mail(view, ends)
            case "$" | "~":
                return self._run(view)
            case _:
                return self._url(view, ends)

    def _take(self, count: int, instead: str | None = None) -> str:
        """Use up held characters; they are shown as they are, less what was shown before, or as something else."""
        piece = self._held[self._shown : count] if instead is None else instead
        self._last = (self._held[:count] if instead is None else instead)[-1:] or self._last
        self._held, self._shown = self._held[count:], max(self._shown - count, 0)
        self._written += piece
        return piece

    def _stick(self) -> str:
        """Show what is held, and go on holding it: what follows may make it part of something."""
        piece, self._shown = self._held[self._shown :], len(self._held)
        self._written += piece
        return piece

    def _break(self, count: int = 0) -> str:
        self._pipes_above, self._pipes = self._pipes, False
        self._math = self._math if self._math == "$$" else ""
        self._new_line, self._must_break = True, False
        return self._take(count, "\n")

    def _as_code(self, count: int) -> str:
        # Backticks side by side would be one mark, and one after a backslash would be none.
        apart = " " if self._last in ("`", "\\") else ""
        code = self._held[self._shown : count]
        return self._take(count, f"{apart}`{code}`" if code else " ")

    # The beginning of a line

    def _line(self, view: str, ends: bool) -> str | None:
        held = view[:-1] if ends else view
        if row := markup.ROW.match(view):
            return self._table_row(row)
        if definition := markup.DEFINITION.match(view):
            return self._take(min(definition.end() + 1, len(held)), "")
        fence = markup.FENCE.match(view)
        if fence and fence.end() < len(held) and self._opens(fence):
            return self._take(fence.end())
        if not ends and markup.LINE_BEGUN.fullmatch(held):
            return None
        sticks = ends and len(held) < 100 and markup.MARKER_BEGUN.fullmatch(held)
        return self._stick() if sticks else self._content(held)

    def _content(self, held: str) -> str:
        lead = markup.LEAD.match(held)
        end = lead.end() if lead else 0
        blank = held[end : end + 1] == "\n"
        if blank:
            self._dollars = self._table = self._pipes = False
            self._math = ""
        elif self._after_blank and held[0].isalpha():
            self._written = ""
        self._new_line, self._after_blank = False, blank
        return self._take(end)

    def _table_row(self, row: re.Match[str]) -> str:
        """A line of dashes and pipes makes a table of the line above: not where a cell would end within code."""
        self._new_line = self._after_blank = False
        if not self._pipes_above:
            self._table = True
            return self._take(row.end())
        start = max(row.end(1), self._shown)
        return self._take(row.end(), self._held[self._shown : start] + "\\" + self._held[start : row.end()])

    def _opens(self, fence: re.Match[str]) -> bool:
        lead, marks = fence[1], fence[2]
        above = self._written[: len(self._written) - self._shown]
        if "\t" in lead or ((lead.strip() or len(lead) > 3) and not markup.opens_fence(above, lead + marks)):
            return False
        self._block = CodeBlock(marks, len(lead), self._display, HELD)
        self._new_line = self._table = self._pipes = self._after_blank = False
        return True

    def _code_block(self, block: CodeBlock, view: str, ends: bool) -> str | None:
        read = block.read(view, view[:-1] if ends else view)
        if read and block.closed:
            self._block, self._must_break = None, ends
        return self._take(*read) if read else None

    # Within a line

    def _escape(self, view: str, ends: bool) -> str | None:
        if len(view) == 1 or (ends and len(view) == 2):
            return self._stick() if ends else None
        if not markup.ESCAPABLE.match(view[1]):
            return self._take(1)
        # Renderers look for bare addresses in the text without its backslashes: this one is to be read as such.
        before = self._written[: len(self._written) - self._shown][-8:]
        if markup.URL_ESCAPED.search(before + view[1]):
            return self._take(1, "\\" * (2 - self._shown))
        self._dollars |= view[1] == "$"
        piece = self._take(2)
        self._last = _ESCAPED
        return piece

    def _code(self, view: str) -> str | None:
        marks = view[: len(view) - len(view.lstrip("`"))]
        code = re.match(rf"{marks}(?!`)[^\n]*?(?<!`){marks}(?!`)", view)
        if code and code.end() < len(view) and not (self._dollars and "$" in code[0]):
            return self._show_code(code[0])
        if (code is None and "\n" not in view) or (code and code.end() == len(view)):
            return None
        piece = self._take(len(marks), "\\`" * len(marks))
        self._last = _ESCAPED
        return piece

    def _show_code(self, code: str) -> str:
        self._pipes |= "|" in code
        # In a table a pipe ends the cell, in code too, unless it is escaped.
        shown = re.sub(r"(?<!\\)((?:\\\\)*)\|", r"\1\\|", code) if self._table else code
        return self._take(len(code), " " * (self._last == "`") + shown)

    def _bracket(self, view: str, ends: bool) -> str | None:
        if self._math:
            return self._take(1)
        if ends and view == "!\n":
            return self._stick()
        link = markup.LINK.match(view)
        if not link:
            return None if view == "!" or markup.LINK_BEGUN.fullmatch(view) else self._take(1)
        target = markup.TARGET.fullmatch(link[3] or "")
        if not target or not link[2] or (link[3] is None and not link[1]):
            return self._take(1)
        url = target[1] or target[2] or ""
        kept = not link[1] and self._last != "!" and self._keeps(url)
        return self._keep(link, url) if kept else self._unwrap(link)

    def _unwrap(self, link: re.Match[str]) -> str:
        """Only the text of a link or image remains, and is read anew: unless it would join with what is around it."""
        apart = not self._shown and self._last in ("", "\n", *" \t([*_\"',;>|—“‘«،")
        begins = link[2][0].isalnum() or link[2][0] in "*_`\"'(“‘«"
        if not begins or not (apart or link[1]):
            return self._take(1)
        rest = self._held[link.end() :]
        piece = self._take(link.end(), "" if apart else " ")
        self._held = link[2] + rest
        return piece

    def _keep(self, link: re.Match[str], url: str) -> str:
        opened, rest = self._take(1), self._held[link.end() - 1 :]
        self._held = link[2]
        text, closed = self._drain(flushed=True), f"]({url})"
        self._held, self._shown = closed + rest, 0
        return opened + text + self._take(len(closed))

    def _keeps(self, url: str) -> bool:
        return markup.is_plain(url) and self._allowed(url)

    def _angle(self, view: str, ends: bool) -> str | None:
        if link := markup.AUTOLINK.match(view):
            if self._keeps(link[1]):
                return self._take(link.end())
            self._held = link[1] + self._held[link.end() :]
            return self._as_code(len(link[1]))
        if not ends and markup.AUTOLINK_BEGUN.fullmatch(view):
            return None
        if re.match(r"<[\s\d=-]", view) and not (ends and len(view) == 2):
            return self._take(1)
        if self._math and not markup.TAG_IN_MATH.match(view):
            return self._take(1)
        return self._take(1, "< " if self._math else "&lt;")

    def _entity(self, view: str, ends: bool) -> str | None:
        if entity := markup.ENTITY.match(view):
            decoded = html.unescape(entity[0])
            spelled = decoded.isascii() and decoded not in "<>&\"'"  # a way to spell an address unseen
            return self._take(entity.end(), f"&amp;{entity[0][1:]}" if spelled else None)
        if not markup.ENTITY_BEGUN.fullmatch(view[:-1] if ends else view):
            return self._take(1)
        return self._take(1, "&amp;") if ends else None

    def _mail(self, view: str, ends: bool) -> str | None:
        if not self._last.strip(" \t\n(["):
            return self._take(1)
        if mail := markup.MAIL.match(view):
            return self._as_code(len(mail[0].rstrip("."))) if mail.end() < len(view) else None
        if not markup.MAIL_BEGUN.fullmatch(view[:-1] if ends else view):
            return self._take(1)
        return self._stick() if ends else None

    def _run(self, view: str) -> str | None:
        run = view[: len(view) - len(view.lstrip(view[0]))]
        if len(run) == len(view):
            return None
        if run[0] == "~":
            # Three in a row, however they come together, would open a fence.
            return self._take(len(run), "\\~" * len(run) if len(run) > 2 or self._last == "~" else None)
        self._dollars, self._display = True, self._display or len(run) > 1 or self._last == "$"
        self._math = "" if self._math == run else self._math or run
        return self._take(len(run))

    def _url(self, view: str, ends: bool) -> str | None:
        url = markup.URL.match(view)
        held = view[:-1] if ends else view
        if not url:
            begins = any(start.startswith(held.lower()) for start in markup.URL_STARTS)
            return self._take(1) if not begins else self._stick() if ends else None
        if url.end() == len(view):
            return None
        if url[1] == "//" and (self._last == ":" or view[2].isspace() or view[2] in "/<`"):
            return self._stick() if ends and held == "//" else self._take(1)
        text = url[0][: max(len(url[1]), len(url[0].rstrip("?!.,:;*_~'\")]}>")))]
        # Kept only where all renderers see it end at the same place, and no flush can make it longer.
        alone = re.match(r"[?!.,:*_~'\")]*[ \t\n]", held[len(text) :])
        kept = alone and self._keeps(text if text[:4].lower() != "www." else f"http://{text}")
        return self._take(len(text)) if kept else self._as_code(len(text))
