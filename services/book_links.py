"""Which links may stand in what readers are shown: those to the book's own pages."""

import re
from collections.abc import Callable
from urllib.parse import unquote


def book_links(site_docs_url: str) -> Callable[[str], bool]:
    """Whether a URL leads to the book's own pages: below `site_docs_url`, compared as written, or to an anchor."""
    base = site_docs_url.rstrip("/")

    def allowed(url: str) -> bool:
        if not url.isprintable() or " " in url or "\\" in url:
            return False
        if url.startswith("#"):
            return True
        path = re.split("[?#]", url[len(base) :], maxsplit=1)[0]
        if not url.startswith(base) or url[len(base) : len(base) + 1] not in ("", "/", "?", "#"):
            return False
        return not {".", ".."} & set(re.split(r"[/\\]", unquote(path)))

    return allowed
