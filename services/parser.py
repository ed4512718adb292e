"""The parser of the book's pages, and how it reads a heading."""

from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.utils import EnvType

from services.anchors import explicit_id
from services.blocks import use_mdx_blocks
from services.inlines import slug_and_id, use_mdx_inlines


@cache
def parser() -> MarkdownIt:
    """The one parser, which keeps nothing between two texts. Its tokens' `meta` says where in the source they stand."""
    return new_parser()


def new_parser() -> MarkdownIt:
    """Another one, for somebody who changes its rules."""
    md = MarkdownIt("commonmark", {"maxNesting": 60}).enable("table")
    use_mdx_blocks(md)
    use_mdx_inlines(md)
    return md


def read_heading(inline: Token, env: EnvType) -> tuple[list[Token], str | None, str]:
    """What a heading shows, its explicit id, and where it has none the text that its anchor is made of."""
    source, id = explicit_id(inline.content)
    if id:
        return parser().parseInline(source, env)[0].children or [], id, ""
    children = inline.children or []
    slug, id = slug_and_id(children)
    return children, id, slug
