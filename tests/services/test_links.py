"""What authors are told about links, ids and empty pages: the file, the line, and nothing that is right."""

from pathlib import Path

import pytest

from services import docusaurus, links
from services.manuscript import book


def told(folder: Path, pages: dict[str, str], docs_path: str = "/docs") -> list[str]:
    for name, content in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    found = links.check([docusaurus.read(folder)], docs_path)
    return [f"{problem.file}:{problem.line}: {problem.message}" for problem in found]


@pytest.mark.parametrize(
    "target",
    [
        "b.md",
        "./b.md#two",
        "/b.md",
        "b.mdx.md",
        "@site/docs/b.md",
        "b",
        "b#two",
        "/docs/b#two",
        "/docs/b/",
        "/docs/b.md",
        "../blog",
        "/docs/category/in-depth",
        "category/named#any",
        "#here",
        "b.md#tag",
        "b.md#روبوٹ",
        "b.md#%D8%B1%D9%88%D8%A8%D9%88%D9%B9",
        "https://example.invalid/x.md",
        "mailto:a@b.c",
        "/blog/post",
        "/docs/file.pdf",
        "pathname:///x.md",
    ],
)
def test_a_link_that_leads_somewhere_is_not_told(tmp_path: Path, target: str) -> None:
    page = f"# A\n\n## Here\n\n[text]({target})\n"
    index = "link: {type: generated-index}"
    (tmp_path / "02-in").mkdir()
    (tmp_path / "02-in/_category_.yml").write_text(f"label: In Depth!\n{index}")
    (tmp_path / "named").mkdir()
    (tmp_path / "named/_category_.json").write_text('{"link": {"type": "generated-index", "slug": "/category/named"}}')
    other = "# B\n\n## Two\n\nText.\n\n## روبوٹ\n\n<span id='tag'>Text</span>\n"
    assert (
        told(tmp_path, {"a.md": page, **dict.fromkeys(("b.md", "b.mdx.md", "02-in/c.md", "named/c.md"), other)}) == []
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("c.md", "links to c.md, which is no page of the book"),
        ("/docs/c", "links to /docs/c, which is no page of the book"),
        ("./c", "links to ./c, which is no page of the book"),
        ("late.md", "links to late.md, which is no page of the book"),
        ("../b.md", "links to ../b.md, which is no page of the book"),
        ("/docs/category/sub", "links to /docs/category/sub, which is no page of the book"),
        ("#there", "links to #there, which is not in this page"),
        ("b.md#three", "links to b.md#three, but b.md has no #three"),
        ("/docs/b#three", "links to /docs/b#three, but b.md has no #three"),
    ],
)
def test_a_link_that_leads_nowhere_is_told_with_its_line(tmp_path: Path, target: str, message: str) -> None:
    page = f"---\ntitle: A\n---\n\nText.\nMore text with [a link]({target}).\n"
    assert told(tmp_path, {"a.md": page, "b.md": "# B\n\nText.\n", "sub/late.md": "# L\n\nText."}) == [
        f"a.md:6: {message}"
    ]


def test_a_relative_address_is_read_from_the_page_s_address(tmp_path: Path) -> None:
    page = "# A\n\n[up](../b) [out](../../blog) [gone](../blog)\n"
    assert told(tmp_path, {"sub/a.md": page, "b.md": "# B\n\nText.\n"}) == [
        "sub/a.md:3: links to ../blog, which is no page of the book"
    ]


def test_docs_at_the_root_share_it_with_the_rest_of_the_site(tmp_path: Path) -> None:
    page = "# A\n\n[blog](/blog/x) [picture](/img) [fine](/b)\n\n[gone](gone) [gone](/b#gone)\n"
    lines = told(tmp_path, {"a.md": page, "b.md": "# B\n\nText.\n"}, "")
    assert [line.split(",")[0] for line in lines] == ["a.md:5: links to /b#gone", "a.md:5: links to gone"]


def test_a_link_in_a_table_a_heading_or_a_tag_is_looked_at_too(tmp_path: Path) -> None:
    page = "# A\n\n## A [b](x.md)\n\n| a |\n|---|\n| [b](y.md) |\n\n<a href='z.md'>b</a>\n"
    assert [line.split(":")[1] for line in told(tmp_path, {"a.md": page})] == ["3", "7", "9"]


def test_what_only_looks_like_a_link_is_not_told(tmp_path: Path) -> None:
    assert told(tmp_path, {"a.md": "# A\n\n`[b](x.md)`\n\n```\n[b](x.md)\n```\n"}) == []


def test_an_id_that_stands_twice_is_told_once(tmp_path: Path) -> None:
    page = "# A\n\n## One {#same}\n\nText.\n\n## Two {#same}\n\n## Three {#same}\n"
    assert told(tmp_path, {"a.md": page}) == ["a.md:3: the id same stands twice in this page; change one of them"]


def test_a_page_without_text_is_told(tmp_path: Path) -> None:
    assert told(tmp_path, {"a.md": "# A\n"}) == ["a.md:1: has no text: write some, or mark it as a draft"]


def test_lines_are_those_of_the_file_also_after_a_partial(tmp_path: Path) -> None:
    page = "import B from './_b.mdx'\n\n# A\n\n<B />\n\n[x](x.md)\n"
    partial = "Long.\n\nPartial.\n\n[fine where it stands](../elsewhere.md)\n"
    assert told(tmp_path, {"a.mdx": page, "_b.mdx": partial}) == [
        "a.mdx:7: links to x.md, which is no page of the book"
    ]


@pytest.mark.parametrize(
    ("target", "is_told"),
    [
        ("sub/b.md", False),
        ("/sub/b.md", False),
        ("@site/docs/sub/b.md", False),
        ("/docs/sub/b", False),
        ("sub/b#two", False),
        ("/docs/category/sub", False),
        ("./late.md", True),
        ("./sub/b.md", True),  # Docusaurus looks for it beside the translation only
        ("sub/b.md#three", True),
        ("/docs/late", True),
        ("/docs/a", True),
    ],
)
def test_a_translation_falls_back_to_the_book(tmp_path: Path, target: str, is_told: bool) -> None:
    write = {
        "docs/a.md": "# A\n\nText.\n",
        "docs/sub/b.md": "# B\n\n## Two\n\nText.\n",
        "docs/sub/_category_.yml": "link: {type: generated-index}",
        "i18n/ur/docusaurus-plugin-content-docs/current/a.md": f"---\nslug: /moved\n---\n\n[x]({target})\n",
    }
    for name, content in write.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    assert [problem.line for problem in book(tmp_path / "docs", "/docs").problems] == [5] * is_told


def test_a_translation_is_looked_at_on_its_own(tmp_path: Path) -> None:
    current = tmp_path / "i18n/ur/docusaurus-plugin-content-docs/current"
    for folder in (tmp_path / "docs", current):
        folder.mkdir(parents=True)
        (folder / "a.md").write_text("# A\n\n[b](b.md) [c](c.md) [d](d.md)\n", "utf-8")
    (tmp_path / "docs/b.md").write_text("# B\n\nText.\n", "utf-8")
    (current / "c.md").write_text("# C\n\nمتن۔\n", "utf-8")
    read = book(tmp_path / "docs", "/docs")
    assert [(problem.file, problem.message.split(",")[0]) for problem in read.problems] == [
        ("a.md", "links to c.md"),
        ("a.md", "links to d.md"),
        ("i18n/ur/docusaurus-plugin-content-docs/current/a.md", "links to d.md"),
    ]
    assert [(page.id, page.language) for page in read.pages] == [
        ("a", None),
        ("b", None),
        ("ur/a", "ur"),
        ("ur/c", "ur"),
    ]
