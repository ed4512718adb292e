"""The README stays true: what it tells readers to run is run here."""

import asyncio
import json
import re
from pathlib import Path

from tests.claude import ScriptedClaude
from tests.claude.translating import translating
from tests.conftest import MakeSettings
from tests.processes import NODE, ROOT, Server
from tests.readers import sign_up
from tests.serving import Served, serving

README = (ROOT / "README.md").read_text("utf-8")


def block(language: str, holding: str) -> str:
    """The one code block of the README in this language that holds these words."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [code for code in blocks if holding in code]
    return found


async def run(code: str, running: Server | Served, *program: str | Path, cwd: Path = ROOT) -> str:
    """What the code prints, when it is run against this server."""
    here = running.url.removeprefix("http://").removesuffix("/graphql")
    process = await asyncio.create_subprocess_exec(
        *program, cwd=cwd, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate(code.replace("localhost:8000", here).encode())
    assert process.returncode == 0
    return told.decode()


async def test_the_mutation_answers_with_quotations(sample_book: Server) -> None:
    told = await run(block("bash", "Answer { status text citations"), sample_book, "bash")
    answer = json.loads(told)["data"]["ask"]
    assert answer["status"] == "COMPLETE"
    assert "watchdog" in answer["citations"][0]["quote"]


async def test_the_subscription_streams(sample_book: Server) -> None:
    told = await run(block("bash", "AnswerDelta"), sample_book, "bash")
    kinds = re.findall(r'"__typename":"(\w+)"', told)
    assert (kinds[0], kinds[-1]) == ("AnswerStarted", "AnswerFinished")
    assert {"AnswerDelta", "AnswerCited"} <= set(kinds)


async def test_what_the_book_does_not_say_is_declined(sample_book: Server) -> None:
    told = await run(block("bash", "sourdough"), sample_book, "bash")
    assert json.loads(told)["data"]["ask"]["status"] == "DECLINED"


async def test_the_front_ends_program_prints_text_and_links(sample_book: Server) -> None:
    program = (NODE, "--input-type=module")
    told = await run(block("js", "AnswerCited"), sample_book, *program, cwd=ROOT / "tests" / "frontend")
    assert "stops the robot" in told
    assert "[1] http://localhost:3000/docs/learning/safety#watchdog" in told


async def test_who_signs_up_logs_in_and_asks_over_http_and_over_a_socket(sample_book: Server) -> None:
    signup = json.loads(await run(block("bash", "signup"), sample_book, "bash"))["data"]["signup"]
    assert signup["__typename"] == "Session"
    answered, known = map(json.loads, (await run(block("bash", "TOKEN="), sample_book, "bash")).splitlines())
    assert answered["data"]["ask"]["status"] == "COMPLETE"
    (conversation,) = known["data"]["myData"]["conversations"]
    assert conversation["answers"][0]["id"] == answered["data"]["ask"]["id"]
    program = (NODE, "--input-type=module")
    told = await run(block("js", "connectionParams"), sample_book, *program, cwd=ROOT / "tests" / "frontend")
    assert "stops the robot" in told


async def test_a_chapter_is_made_for_whoever_signed_in(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude
) -> None:
    claude.always(translating())
    settings = new_settings(database_url=database_url, anthropic_api_key="key", anthropic_base_url=claude.url)
    async with serving(settings) as served:
        reader = await sign_up(served.url)
        code = block("bash", "chapterVariant").replace("$TOKEN", reader.token).replace("learning/safety", "lamp")
        told = await run(code, served, "bash")
    assert re.findall(r'"__typename":"(\w+)"', told) == [*["VariantSection"] * 4, "VariantFinished"]
    assert '"direction":"RTL"' in told


async def test_the_question_that_serving_prints_can_be_run(sample_book: Server) -> None:
    (command,) = re.findall(r"^curl .*$", sample_book.told, re.MULTILINE)
    assert "AnswerFinished" in await run(command, sample_book, "bash")


def test_what_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
