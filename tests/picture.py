"""Takes the picture in the README: GraphiQL over a real server, with an answer that the scripted Claude writes."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from services.model_export import prepared_model
from tests.browser import run_first_example
from tests.claude import Cite, End, Say, ScriptedClaude, Step, search_results
from tests.claude.script import Body
from tests.processes import ROOT, server

SAYS = {
    "A watchdog stops the robot when no new commands arrive.": "stops the robot when commands stay away",
    " It does not stop it on the spot: at 0.5 m/s with a timeout of 200 ms, "
    "the robot still covers 0.10 m before it begins to brake.": "With a speed of 0.5 m/s",
}


def writing(body: Body) -> list[Step]:
    """The answer, each sentence with the sentence of the book that it rests on."""
    return [*(Say(text, (found(body, words),)) for text, words in SAYS.items()), End()]


def found(body: Body, words: str) -> Cite:
    """Where these words were sent to Claude."""
    return next(place for text, place in blocks(body) if words in text)


def blocks(body: Body) -> Iterator[tuple[str, Cite]]:
    for source, result in enumerate(search_results(body)):
        for number, block in enumerate(result["content"]):
            yield block["text"], Cite(source, number)


async def take(picture: Path) -> None:
    """Write the picture. Raises where anything on the page went wrong."""
    models = await prepared_model(ROOT / ".footnote" / "models", None)
    with TemporaryDirectory() as data:
        (Path(data) / "models").symlink_to(models.parent)
        async with ScriptedClaude() as claude:
            claude.always(writing)
            given = {"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": claude.url, "BOOK_PATH": "examples/book"}
            async with server(DATA_DIR=data, **given) as running:
                seen = await run_first_example(running.url, picture)
    assert not seen.wrong, seen.wrong


def main(arguments: Sequence[str]) -> None:
    picture = Path(arguments[0])
    picture.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(picture))


if __name__ == "__main__":
    main(sys.argv[1:])
