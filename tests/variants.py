"""Chapters in other forms, as front ends ask for them."""

from tests.client import Data, ask, event_stream

FIELDS = """
    id chapterId level language hardware direction content untranslated stale staleSections cached model createdAt
"""
PROBLEM = """
    ... on Problem { message } ... on ChapterNotFound { chapterId } ... on UnsupportedLanguage { supported }
    ... on InvalidInput { field } ... on BudgetExhausted { resetsAt } ... on Busy { retryAt }
    ... on QuotaExceeded { quota { kind limit used remaining resetsAt } }
"""
GIVEN = "($id: ID!, $level: Level, $language: String)"
ARGUMENTS = "(chapterId: $id, level: $level, language: $language)"
MAKE = f"""
    mutation {GIVEN} {{ makeChapterVariant{ARGUMENTS} {{ __typename ... on ChapterVariant {{ {FIELDS} }} {PROBLEM} }} }}
"""
WATCH = f"""
    subscription {GIVEN} {{
        chapterVariant{ARGUMENTS} {{
            __typename
            ... on VariantSection {{ index total heading content translated }}
            ... on VariantFinished {{ variant {{ {FIELDS} }} }}
            {PROBLEM}
        }}
    }}
"""
FIND = f"query {GIVEN} {{ chapterVariant{ARGUMENTS} {{ {FIELDS} }} }}"
FIND_ALL = f"query ($id: ID!) {{ chapterVariants(chapterId: $id) {{ {FIELDS} }} }}"
OF_CHAPTER = f"""
    query {GIVEN} {{
        chapter(id: $id) {{ variant(level: $level, language: $language) {{ {FIELDS} }} variants {{ id }} }}
    }}
"""
URDU = {"language": "ur"}
BEGINNER = {"level": "BEGINNER"}


async def make(url: str, id: str, /, token: str | None = None, **form: object) -> Data:
    """A variant, made where it is not there."""
    made: Data = (await ask(url, MAKE, token=token, id=id, **form))["makeChapterVariant"]
    return made


async def find(url: str, id: str, /, token: str | None = None, **form: object) -> Data | None:
    """A stored variant."""
    found: Data | None = (await ask(url, FIND, token=token, id=id, **form))["chapterVariant"]
    return found


async def watch(url: str, id: str, /, token: str | None = None, **form: object) -> list[Data]:
    """The events of a variant."""
    async with event_stream(url, WATCH, token=token, id=id, **form) as results:
        return [result["data"]["chapterVariant"] async for result in results]
