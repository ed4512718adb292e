"""A fenced code block while it streams: passed as it is, and kept from ending where only some renderers end it."""

import re
from dataclasses import dataclass


@dataclass(slots=True)
class CodeBlock:
    """A block whose fence is open, from the end of its opening line on."""

    marks: str
    width: int  # columns that the fence is indented by
    after_formula: bool  # whether the answer had a `$$` above
    limit: int  # characters that may wait
    closed: bool = False
    _in_line: bool = True
    _last: str = ""

    def read(self, view: str, held: str) -> tuple[int, str] | None:
        """How many characters are used up, and what is shown for them; None if what follows decides.

        `held` is what there is; `view` has a line break after it where the answer pauses there.
        """
        if self._in_line:
            return self._text(view)
        rest = view.lstrip(" \t")
        indent = view[: len(view) - len(rest)]
        columns = len(indent.expandtabs(4))
        closing = re.match(rf"{self.marks[0]}{{{len(self.marks)},}}[ \t]*(?=\n)", rest)
        if closing and columns <= self.width + 3:
            self.closed = True
            return len(indent) + closing.end(), " " * self.width + closing[0]
        if len(held) < self.limit and re.fullmatch(rf"[ \t]*{self.marks[0]}*[ \t]*", held):
            return None
        self._in_line = True
        # With less than the fence's indentation the list around it would end, and the fence with it.
        return len(indent), indent if columns >= self.width or rest[0] == "\n" else " " * self.width

    def _text(self, view: str) -> tuple[int, str]:
        text = re.match(r"[^\n$]+", view)
        shown = text[0] if text else view[0]
        # `$$` may end a formula that the renderer, unlike us, takes the fence to be part of.
        apart = " " * (self.after_formula and shown == self._last == "$")
        self._in_line, self._last = shown != "\n", shown[-1]
        return len(shown), apart + shown
