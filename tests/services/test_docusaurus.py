"""Folders of Docusaurus docs, read as Docusaurus reads them."""

import json
from pathlib import Path

import pytest

from services.docusaurus import BookNotFound, Page, read, translations
from services.manuscript import book as whole_book
from services.manuscript import sections

BOOK = Path(__file__).parents[1] / "books" / "torture"


def book(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


def only_page(folder: Path, text: str) -> Page:
    return read(book(folder, {"a.md": text})).pages[0]


def problems(folder: Path) -> list[tuple[str, int]]:
    return [(problem.file, problem.line) for problem in read(folder).problems]


def files(folder: Path) -> list[str]:
    return [page.file for page in read(folder).pages]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BookNotFound, match="is not a folder"):
        read(tmp_path / "none")


def test_a_folder_without_pages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BookNotFound, match=r"has no \.md or \.mdx pages: "):
        read(book(tmp_path, {"notes.txt": "a"}))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"# A\n\n\xff\n", 3),
        (b"# A\n\0", 2),
        (b"---\ntitle: a\nslug: : b\n---\n", 3),
        (b"---\ntitle: a\nsidebar_position: first\n---\n", 3),
        (b"---\n- a\n---\n", 1),
        (b"---toml\na = 1\n---\n", 1),
        (b"---\nid: a/b\n---\n", 1),
        (b"a" * (2 * 1024 * 1024 + 1), 1),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_and_the_rest_is_served(tmp_path: Path, data: bytes, line: int) -> None:
    (tmp_path / "bad.md").write_bytes(data)
    (tmp_path / "good.md").write_text("# Good")
    assert files(tmp_path) == ["good.md"]
    assert problems(tmp_path) == [("bad.md", line)]


def test_drafts_partials_and_hidden_files_are_no_pages(tmp_path: Path) -> None:
    hidden = dict.fromkeys(("_a.md", "_b/c.md", "__tests__/d.md", ".e.md", "f.MD", "g.test.js"), "# A")
    book(tmp_path, {**hidden, "draft.md": "---\ndraft: true\n---\n", "page.md": "# A"})
    assert files(tmp_path) == ["page.md"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = book(tmp_path / "outside", {"secret.md": "# Secret"})
    inside = book(tmp_path / "docs", {"a.md": "import S from './s.md'\n\n<S />\n"})
    for name, target in (
        ("s.md", outside / "secret.md"),
        ("folder", outside),
        ("up", inside),
        ("self", inside / "self"),
    ):
        (inside / name).symlink_to(target)
    assert files(inside) == ["a.md"]
    assert "Secret" not in read(inside).pages[0].content


def test_the_second_page_of_an_id_or_url_is_a_problem(tmp_path: Path) -> None:
    book(tmp_path, {"a.md": "# A", "b.md": "---\nid: a\n---\n", "c.md": "---\nslug: /a\n---\n"})
    assert files(tmp_path) == ["a.md"]
    assert problems(tmp_path) == [("b.md", 1), ("c.md", 1)]


def test_the_torture_book_has_the_urls_and_ids_that_docusaurus_built() -> None:
    built = json.loads((BOOK / "truth.json").read_text())["pages"]
    pages = read(BOOK / "docs").pages
    ours = {page.file: (f"/docs{page.path}", page.id, page.unlisted) for page in pages}
    assert ours == {page["file"]: (page["url"], page["id"], page["unlisted"]) for page in built}


def test_the_torture_book_has_no_problem() -> None:
    assert read(BOOK / "docs").problems == ()


def test_pages_are_in_the_order_of_the_sidebar(tmp_path: Path) -> None:
    book(
        tmp_path,
        {
            "b/_category_.yml": "position: 2",
            "b/z.md": "# Z",
            "b/index.md": "# B",
            "03-c.md": "# C",
            "a.md": "---\nsidebar_position: 1\n---\n",
            "x.md": "# X",
            "hidden.md": "---\nunlisted: true\nsidebar_position: 0\n---\n",
        },
    )
    assert files(tmp_path) == ["a.md", "b/index.md", "b/z.md", "03-c.md", "x.md", "hidden.md"]
    assert [page.position for page in read(tmp_path).pages] == [0, 1, 2, 3, 4, 5]


def test_a_category_file_can_name_the_page_of_its_folder(tmp_path: Path) -> None:
    link = {"link": {"type": "doc", "id": "start"}}
    book(tmp_path, {"a/_category_.json": json.dumps(link), "a/start.md": "# S", "a/index.md": "# I"})
    assert files(tmp_path) == ["a/start.md", "a/index.md"]


def test_a_broken_category_file_is_a_problem_and_ignored(tmp_path: Path) -> None:
    book(tmp_path, {"a/_category_.json": '{\n"position": [', "a/b.md": "# B"})
    assert problems(tmp_path) == [("a/_category_.json", 2)]
    assert files(tmp_path) == ["a/b.md"]


@pytest.mark.parametrize(
    "category", ['{\n\t"position": 1,\n}', '{"position": "1"}', '{"position":1.0}', "position: '1'"]
)
def test_a_category_file_is_read_as_yaml_with_numbers_in_quotes(tmp_path: Path, category: str) -> None:
    book(tmp_path, {"a/b.md": "# B", "b/_category_.json": category, "b/c.md": "# C"})
    assert files(tmp_path) == ["b/c.md", "a/b.md"]
    assert problems(tmp_path) == []


def test_a_category_with_a_position_that_is_no_number_is_a_problem(tmp_path: Path) -> None:
    book(tmp_path, {"a/_category_.yml": "label: A\nposition: first", "a/b.md": "# B"})
    assert problems(tmp_path) == [("a/_category_.yml", 2)]


@pytest.mark.parametrize(
    ("slug", "path"),
    [("/x/y", "/x/y"), ("x", "/in/x"), ("../x", "/x"), ("./x/", "/in/x/"), ("..", "/"), ("/", "/"), ("//x", "/x")],
)
def test_a_slug_counts_from_the_folder_unless_it_starts_with_a_slash(tmp_path: Path, slug: str, path: str) -> None:
    book(tmp_path, {"01-in/02-a.md": f"---\nslug: {slug}\n---\n"})
    assert read(tmp_path).pages[0].path == path


def test_content_has_no_front_matter_no_byte_order_mark_and_lf_line_ends(tmp_path: Path) -> None:
    page = only_page(tmp_path, "\ufeff---\r\ntitle: T\r\nreviewed: false\r\n---\r\n\r\nA\r\nb\r\n")
    assert (page.content, page.title, page.reviewed) == ("\nA\nb\n", "T", False)


def test_content_without_front_matter_is_the_file(tmp_path: Path) -> None:
    text = "# A\n\n{/* c */}\n\n```\n---\n```\n"
    assert only_page(tmp_path, text).content == text


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: 2026\n---\n# H", "2026"),
        ("---\ntitle: yes\n---\n", "yes"),
        ("# The *H* `x` {#i}\n\ntext", "The H x"),
        ("import A from 'a'\n\n# H", "H"),
        ("text\n\n# Below text", "a"),
        ("<h1>Raw</h1>\n\ntext", "a"),
    ],
)
def test_a_title_comes_from_front_matter_or_the_h1_on_top(tmp_path: Path, text: str, title: str) -> None:
    assert only_page(tmp_path, text).title == title


def test_a_page_without_a_title_has_its_id_for_one(tmp_path: Path) -> None:
    assert only_page(tmp_path, "text").title == "a"


PARTIAL = "---\nx: 1\n---\nimport T from '@theme/T';\n\n## Shared\n\nText.\n"


@pytest.mark.parametrize("source", ["./in/_p.mdx", "@site/docs/in/_p.mdx"])
def test_a_partial_stands_in_place_of_its_tag(tmp_path: Path, source: str) -> None:
    page = f"import P from '{source}'\n\n## Shared\n\n- a\n\n  <P name='x' />\n\n```\n<P />\n```\n"
    book(tmp_path, {"a.mdx": page, "in/_p.mdx": PARTIAL})
    (found,) = read(tmp_path).pages
    assert "- a\n\n  ## Shared\n  \n  Text.\n\n```\n<P />\n```\n" in found.content
    assert [heading.anchor for heading in found.outline.headings] == ["shared", "shared"]


def test_a_partial_can_import_another(tmp_path: Path) -> None:
    nested = "import Q from './_q.md'\n\n## Before\n\n<Q />\n\n## Same\n"
    book(tmp_path, {"a.md": "import P from './_p.md'\n\n<P></P>\ntext\n", "_p.md": nested, "_q.md": "## Same"})
    (page,) = read(tmp_path).pages
    assert [heading.anchor for heading in page.outline.headings] == ["before", "same", "same"]
    assert page.content.endswith("## Before\n\n## Same\n\n## Same\n\ntext\n")


@pytest.mark.parametrize("source", ["@site/src/_s.mdx", "../src/_s.mdx"])
def test_a_partial_of_the_site_stands_in_place_of_its_tag(tmp_path: Path, source: str) -> None:
    shared = "import N from './_n.md'\n\n<N />\n\nShared.\n"
    book(tmp_path, {"docs/a.md": f"import P from '{source}'\n\n<P />\n", "src/_s.mdx": shared, "src/_n.md": "Nested."})
    (page,) = read(tmp_path / "docs").pages
    assert page.content.endswith("Nested.\n\nShared.\n")


def test_a_broken_partial_of_the_site_is_named_by_its_place(tmp_path: Path) -> None:
    book(tmp_path, {"docs/a.md": "import P from '../src/_p.md'\n\n<P />\n", "src/_p.md": "---\n- a\n---\n"})
    assert ("../src/_p.md", 1) in problems(tmp_path / "docs")


@pytest.mark.parametrize("source", ["@site/../_s.md", "../../_s.md", "@site/link/_s.md", "../link/_s.md", "/_s.md"])
def test_a_partial_out_of_the_site_is_a_problem(tmp_path: Path, source: str) -> None:
    book(tmp_path, {"_s.md": "Secret", "site/docs/a.md": f"import P from '{source}'\n\n<P />\n"})
    (tmp_path / "site/link").symlink_to(tmp_path)
    assert problems(tmp_path / "site/docs") == [("a.md", 1)]
    assert "Secret" not in read(tmp_path / "site/docs").pages[0].content


def test_a_title_in_a_partial_is_not_the_title_of_the_page(tmp_path: Path) -> None:
    book(tmp_path, {"a.md": "import P from './_p.md'\n\n<P />\n\nText.\n", "_p.md": "# Partial\n\n***\n"})
    (page,) = read(tmp_path).pages
    assert page.title == "a"
    assert [heading for heading, _, _ in sections(page)] == ["a", "Partial"]


CURRENT = "i18n/ur/docusaurus-plugin-content-docs/current"


@pytest.mark.parametrize("source", ["@site/docs/_u.mdx", f"@site/{CURRENT}/_u.mdx", "@site/src/_u.mdx"])
def test_a_translation_imports_from_its_site(tmp_path: Path, source: str) -> None:
    page = f"import P from '{source}'\n\n<P />\n"
    folder, _, name = source.removeprefix("@site/").rpartition("/")
    book(tmp_path, {"docs/a.md": "# A", f"{CURRENT}/a.md": page, f"{folder}/{name}": "Shared."})
    (translation,) = translations(tmp_path / "docs", "en")
    assert translation.pages[0].content.endswith("Shared.\n")


def test_a_translation_names_its_broken_partial_by_the_site(tmp_path: Path) -> None:
    page = "import P from '@site/src/_p.md'\n\n<P />\n"
    book(tmp_path, {"docs/a.md": "# A", f"{CURRENT}/a.md": page, "src/_p.md": "---\n- a\n---\n"})
    (translation,) = translations(tmp_path / "docs", "en")
    assert "src/_p.md" in {problem.file for problem in translation.problems}


def test_each_docs_folder_of_a_site_has_its_own_translations(tmp_path: Path) -> None:
    community = CURRENT.replace("-docs/", "-docs-community/")
    book(tmp_path, {"docs/a.md": "# A", "community/b.md": "# B", "other/a.md": "# O", f"{CURRENT}/a.md": "# Main"})
    assert [list(translations(tmp_path / name, "en")) for name in ("community", "other")] == [[], []]
    book(tmp_path, {f"{community}/b.md": "# Own"})
    for name, title in (("docs", "Main"), ("community", "Own")):
        (translation,) = translations(tmp_path / name, "en")
        assert [page.title for page in translation.pages] == [title]


def test_docs_in_a_folder_of_another_name_have_the_translations_of_their_pages(tmp_path: Path) -> None:
    book(tmp_path, {"content/a.md": "# A", f"{CURRENT}/a.md": "# Main"})
    assert len(list(translations(tmp_path / "content", "en"))) == 1


def test_a_translation_into_the_language_of_the_book_is_none(tmp_path: Path) -> None:
    english = CURRENT.replace("/ur/", "/en/")
    book(tmp_path, {"docs/a.md": "# A", f"{english}/a.md": "# A", f"{CURRENT}/a.md": "# A"})
    assert [page.id for page in whole_book(tmp_path / "docs", "/docs").pages] == ["a", "ur/a"]


def test_a_partial_that_imports_itself_is_a_problem(tmp_path: Path) -> None:
    loop = "\nimport P from './_p.md'\n\n<P />\n"
    book(tmp_path, {"a.md": loop, "_p.md": loop})
    assert problems(tmp_path) == [("_p.md", 2)]
    assert files(tmp_path) == ["a.md"]


@pytest.mark.parametrize("source", ["./_none.md", "../outside.md", "@site/src/_p.md"])
def test_a_partial_that_is_not_in_the_folder_is_a_problem_and_stays_a_tag(tmp_path: Path, source: str) -> None:
    text = f"---\ntitle: A\n---\nimport P from '{source}'\n\n<P />\n"
    assert "<P />" in only_page(tmp_path, text).content
    assert problems(tmp_path) == [("a.md", 4)]


def test_partials_that_multiply_are_refused(tmp_path: Path) -> None:
    levels = {f"_{n}.md": f"import P from './_{n + 1}.md'\n\n" + "<P />\n\n" * 10 for n in range(6)}
    book(tmp_path, {**levels, "_6.md": "long text " * 10, "a.md": "import P from './_0.md'\n\n<P />\n"})
    assert files(tmp_path) == []
    assert problems(tmp_path) == [("_1.md", 1)]
