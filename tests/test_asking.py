"""The main job: a question goes in, an answer with proven citations streams out."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from markdown_it import MarkdownIt

from tests.claude import (
    Cite,
    Cut,
    Drop,
    End,
    Malformed,
    More,
    Overload,
    Pause,
    Reset,
    Say,
    ScriptedClaude,
    Stall,
    Start,
    Status,
    search_results,
)
from tests.client import ANSWER, ASK, ASK_AND_WAIT, FOLLOW, STOP, Data, ask, event_stream, events, replayed, socket
from tests.serving import Served

WICK = "How often is the wick trimmed?"
OFF_TOPIC = "Who won the football world cup?"
DECLINE = "I don't have this information in the book."
TRIM = "Trim the wick every four hours 🔥, because charred cotton smokes."


def deltas(told: list[Data]) -> str:
    return "".join(event["text"] for event in told if event["__typename"] == "AnswerDelta")


def utf16(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")


async def chapter_content(url: str, id: str) -> str:
    data = await ask(url, "query ($id: ID!) { chapter(id: $id) { content } }", id=id)
    content: str = data["chapter"]["content"]
    return content


async def next_text(results: AsyncIterator[Data]) -> str:
    async for result in results:
        if result["data"]["ask"]["__typename"] == "AnswerDelta":
            text: str = result["data"]["ask"]["text"]
            return text
    raise AssertionError("nothing was said")


# Refusals


@pytest.mark.parametrize("question", ["", "  \n", "x" * 2001, "a\0b", "a\ud800b"])
async def test_a_question_that_cannot_be_asked_is_invalid_input(served: Served, question: str) -> None:
    (event,) = await events(served.url, question)
    assert (event["__typename"], event["field"]) == ("InvalidInput", "question")
    assert (await ask(served.url, ASK_AND_WAIT, question=question))["ask"]["__typename"] == "InvalidInput"


async def test_an_off_topic_question_is_declined_with_nothing_sent_to_claude(
    served: Served, claude: ScriptedClaude
) -> None:
    waited = (await ask(served.url, ASK_AND_WAIT, question=OFF_TOPIC))["ask"]
    streamed = (await events(served.url, OFF_TOPIC))[-1]["answer"]
    for answer in (waited, streamed):
        assert (answer["status"], answer["declineReason"], answer["text"]) == ("DECLINED", "NOT_IN_BOOK", DECLINE)
        assert answer["source"] is None
        assert answer["passages"]
        assert answer["usage"] == {"inputTokens": 0, "outputTokens": 0, "costUsd": 0}
    assert claude.calls == []


async def test_what_claude_declines_is_declined_and_its_tokens_are_counted(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Say(DECLINE), End())
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert (answer["status"], answer["declineReason"], answer["text"]) == ("DECLINED", "NOT_IN_BOOK", DECLINE)
    assert answer["usage"]["inputTokens"] > 0


@pytest.mark.parametrize(
    "said",
    [
        DECLINE.replace("'", "’"),
        DECLINE.rstrip("."),
        f"**{DECLINE.upper()}**",
        f"{DECLINE} It only tells how the wick is trimmed.",
        f"I looked for it. {DECLINE}",
    ],
)
async def test_a_decline_in_other_letters_or_with_more_words_is_one_and_is_not_repeated(
    served: Served, claude: ScriptedClaude, said: str
) -> None:
    claude.script(Say(said), End())
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert (answer["status"], answer["declineReason"], answer["text"]) == ("DECLINED", "NOT_IN_BOOK", said)


async def test_a_decline_that_cites_is_no_answer(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say(DECLINE, (Cite(0, 0, 1),)), End())
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert (answer["status"], answer["declineReason"]) == ("DECLINED", "NOT_IN_BOOK")


async def test_a_proven_answer_may_end_with_what_the_book_does_not_say(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four hours. ", (Cite(0, 0, 1),)), Say(DECLINE), End())
    assert (await events(served.url, WICK))[-1]["answer"]["status"] == "COMPLETE"


async def test_an_answer_that_proves_nothing_is_taken_back(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every nine hours."), End())
    told = await events(served.url, WICK)
    answer = told[-1]["answer"]
    assert (answer["status"], answer["declineReason"]) == ("DECLINED", "UNVERIFIED")
    assert answer["text"] == deltas(told) == f"Every nine hours.\n\n{DECLINE}"


@pytest.mark.parametrize("begun", ["So:\n\n```py\ntrim(9)", "1. So:\n   ~~~~\n   nine", "So:\n\n$$\nx^9"])
async def test_what_takes_an_answer_back_is_no_part_of_its_code(
    served: Served, claude: ScriptedClaude, begun: str
) -> None:
    claude.script(Say(begun), End())
    told = await events(served.url, WICK)
    last = MarkdownIt("commonmark").parse(told[-1]["answer"]["text"].replace("$$", "~~~"))[-2]
    assert (last.type, last.content) == ("inline", DECLINE)


@pytest.mark.parametrize(
    "cite",
    [
        Cite(0, 0, 1, "Trim the wick every nine hours."),  # made up
        Cite(0, 1, 2, TRIM),  # shifted: the text of another block
        Cite(0, 0, 2, TRIM),  # more blocks than text
        Cite(0, 0, 1, TRIM[:20]),  # cut off
        Cite(0, 0, 1, TRIM.upper()),
        Cite(99, 0, 1, TRIM),
        Cite(0, 99, 100, TRIM),
        Cite(0, 1, 0, ""),
        Cite(0, -1, 0, ""),
        Cite(-1, 0, 1, TRIM),
    ],
)
async def test_a_quote_that_is_not_in_the_book_at_that_place_is_never_shown(
    served: Served, claude: ScriptedClaude, cite: Cite
) -> None:
    claude.script(Say("It is trimmed.", (cite,)), End())
    told = await events(served.url, WICK)
    assert not [event for event in told if event["__typename"] == "AnswerCited"]
    assert (told[-1]["answer"]["citations"], told[-1]["answer"]["declineReason"]) == ([], "UNVERIFIED")


async def test_a_quote_stitched_from_two_places_is_not_shown_as_one(served: Served, claude: ScriptedClaude) -> None:
    def stitched(body: Data) -> list[Say | End]:
        blocks = [block["text"] for block in search_results(body)[0]["content"]]
        return [Say("So it is.", (Cite(0, 0, len(blocks), blocks[0] + blocks[-1]),)), End()]

    claude.script(stitched)
    assert (await events(served.url, WICK))[-1]["answer"]["citations"] == []


# Answers


async def test_an_answer_shows_passages_then_text_then_proven_citations(served: Served) -> None:
    told = await events(served.url, WICK)
    kinds = [event["__typename"] for event in told]
    assert kinds[0] == "AnswerStarted"
    assert told[0]["passages"][0]["section"] == "Trimming the wick"
    assert kinds.index("AnswerDelta") < kinds.index("AnswerCited")
    assert kinds[-1] == "AnswerFinished"
    assert [event["seq"] for event in told] == list(range(len(told)))


async def test_the_deltas_joined_are_the_text(served: Served) -> None:
    told = await events(served.url, WICK)
    answer = told[-1]["answer"]
    assert deltas(told) == answer["text"]
    assert (answer["status"], answer["source"], answer["model"]) == ("COMPLETE", "MODEL", "claude-haiku-5-5")


async def test_a_citation_is_a_slice_of_the_chapter_at_the_linked_heading(served: Served) -> None:
    answer = (await events(served.url, WICK))[-1]["answer"]
    for cited in answer["citations"]:
        content = await chapter_content(served.url, cited["chapterId"])
        assert utf16(content, cited["start"], cited["end"]) == cited["quote"]
    first = answer["citations"][0]
    assert (first["quote"], first["number"]) == (TRIM, 1)
    assert first["url"] == "http://localhost:3000/docs/lamp#trimming-the-wick"
    assert utf16(answer["text"], 0, first["offset"]) == f"{TRIM} "


async def test_a_quotation_used_twice_keeps_its_number(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Once.", (Cite(0, 0, 1),)), Say("Two.", (Cite(1, 0, 1),)), Say("Again.", (Cite(0, 0, 1),)), End())
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert [cited["number"] for cited in answer["citations"]] == [1, 2, 1]
    assert [cited["offset"] for cited in answer["citations"]] == [5, 9, 15]


async def test_sentences_in_a_row_are_one_quotation_with_what_is_between_them(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Say("Why?", (Cite(0, 0, 2),)), End())
    (cited,) = (await events(served.url, WICK))[-1]["answer"]["citations"]
    assert cited["quote"] == f"{TRIM} A smoking lamp loses half of its light within a night."


async def test_citations_may_come_after_their_text_or_before_it(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four hours."), Cite(0, 0, 1), End())
    after = (await events(served.url, WICK))[-1]["answer"]["citations"]
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), End())
    assert (await events(served.url, WICK))[-1]["answer"]["citations"] == after


async def test_claude_is_sent_sentences_as_blocks_within_the_budget(served: Served, claude: ScriptedClaude) -> None:
    await events(served.url, WICK)
    results = search_results(claude.calls[0].body)
    assert results[0]["title"] == "The lamp › Trimming the wick"
    assert results[0]["content"][0]["text"] == TRIM
    tokens = served.house.stores.embedder.count_tokens
    sent = [text for result in results for text in (result["title"], *(block["text"] for block in result["content"]))]
    assert sum(map(tokens, sent)) <= 2200


async def test_usage_is_the_providers_own_count_and_price(served: Served, claude: ScriptedClaude) -> None:
    usage = (await events(served.url, WICK))[-1]["answer"]["usage"]
    billed = claude.billed
    assert (usage["inputTokens"], usage["outputTokens"]) == (billed.input, billed.output)
    assert usage["costUsd"] == pytest.approx(billed.input * 0.1e-6 + billed.output * 0.5e-6)


async def test_mutation_and_subscription_are_one_operation(served: Served) -> None:
    waited = (await ask(served.url, ASK_AND_WAIT, question=WICK))["ask"]
    streamed = (await events(served.url, WICK))[-1]["answer"]
    changing = ("id", "conversationId", "createdAt", "responseTime", "__typename")
    assert {k: v for k, v in waited.items() if k not in changing} == {
        k: v for k, v in streamed.items() if k not in changing
    }


# Every way a stream can end


@pytest.mark.parametrize(
    ("reason", "status", "declined"),
    [
        ("end_turn", "COMPLETE", None),
        ("stop_sequence", "COMPLETE", None),
        ("refusal", "DECLINED", "REFUSED"),
        ("max_tokens", "INTERRUPTED", None),
        ("tool_use", "INTERRUPTED", None),
        ("pause_turn", "INTERRUPTED", None),
        ("model_context_window_exceeded", "INTERRUPTED", None),
    ],
)
async def test_each_stop_reason_has_its_status(
    served: Served, claude: ScriptedClaude, reason: str, status: str, declined: str | None
) -> None:
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), End(reason))  # type: ignore[arg-type]  # from the table
    told = await events(served.url, WICK)
    answer = told[-1]["answer"]
    assert (answer["status"], answer["declineReason"]) == (status, declined)
    assert answer["text"] == deltas(told)


@pytest.mark.parametrize(
    "fault", [Cut(), Drop(), Reset(), Overload(), Malformed()], ids=lambda fault: type(fault).__name__
)
async def test_a_stream_that_breaks_leaves_what_was_said_interrupted(
    served: Served, claude: ScriptedClaude, fault: Cut
) -> None:
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), Say("And"), Pause(0.05), fault)
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert (answer["status"], answer["text"]) == ("INTERRUPTED", "Every four hours.And")
    assert len(answer["citations"]) == 1


@pytest.mark.parametrize(
    "fault", [Status(500), Status(529), Status(429, 3600), Status(401)], ids=lambda fault: fault.code
)
async def test_where_claude_fails_before_its_first_word_the_passages_answer(
    served: Served, claude: ScriptedClaude, fault: Status
) -> None:
    claude.always(fault)
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert (answer["status"], answer["source"], answer["degraded"]) == ("COMPLETE", "PASSAGES", ["PROVIDER"])
    assert "every four hours" in answer["citations"][0]["quote"]


async def test_a_claude_that_does_not_begin_is_given_up_after_four_seconds(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Start(), Stall())
    started = time.monotonic()
    answer = (await events(served.url, WICK))[-1]["answer"]
    assert (answer["source"], answer["status"]) == ("PASSAGES", "COMPLETE")
    assert 3.9 < time.monotonic() - started < 5


# Coming back


async def test_an_answer_is_replayed_from_every_cut(served: Served) -> None:
    told = await events(served.url, WICK)
    id = told[0]["answerId"]
    for after in range(-1, len(told)):
        assert await replayed(served.url, id, after) == told[after + 1 :]


async def test_a_running_answer_is_followed_from_any_place_by_several(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("One two three ", (Cite(0, 0, 1),)), Pause(0.3), More("four five."), End())
    async with socket(served.url) as first:
        results = first.results(await first.start(ASK, question=WICK))
        id = (await anext(results))["data"]["ask"]["answerId"]
        second = await replayed(served.url, id, 0)
        rest = [result["data"]["ask"] async for result in results]
    assert second == rest
    assert len(claude.calls) == 1


async def test_a_finished_answer_can_be_read(served: Served) -> None:
    finished = (await events(served.url, WICK))[-1]["answer"]
    assert (await ask(served.url, ANSWER, id=finished["id"]))["answer"] == finished


@pytest.mark.parametrize("id", ["no-uuid", "00000000-0000-4000-8000-000000000000", "a\0b"])
async def test_an_answer_nobody_gave_is_not_found(served: Served, id: str) -> None:
    assert (await ask(served.url, ANSWER, id=id))["answer"] is None
    assert (await replayed(served.url, id))[0]["__typename"] == "AnswerNotFound"
    assert (await ask(served.url, STOP, id=id))["stopAnswer"]["__typename"] == "AnswerNotFound"


# Leaving


async def test_complete_closes_claudes_stream_within_a_second(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four"), Stall())
    async with socket(served.url) as opened:
        id = await opened.start(ASK, question=WICK)
        await next_text(opened.results(id))
        await opened.complete(id)
        await closed_within(claude, 1)


async def test_stop_closes_claudes_stream_and_keeps_what_was_said(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four"), Stall())
    async with socket(served.url) as opened:
        results = opened.results(await opened.start(ASK, question=WICK))
        id = (await anext(results))["data"]["ask"]["answerId"]
        await next_text(results)
        stopped = (await ask(served.url, STOP, id=id))["stopAnswer"]
        await closed_within(claude, 1)
        last = [result["data"]["ask"] async for result in results][-1]
    assert stopped["status"] == "STOPPED"
    assert last["answer"]["text"] == stopped["text"] == "Every four"
    assert (await ask(served.url, STOP, id=id))["stopAnswer"] == stopped


async def test_what_was_said_before_a_stop_is_charged(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("word " * 300), Stall())
    async with socket(served.url) as opened:
        results = opened.results(await opened.start(ASK, question=WICK))
        id = (await anext(results))["data"]["ask"]["answerId"]
        while len((await ask(served.url, ANSWER, id=id))["answer"]["text"]) < 1500:
            await next_text(results)
        usage = (await ask(served.url, STOP, id=id.upper()))["stopAnswer"]["usage"]
    assert usage["outputTokens"] == 750  # 1,500 bytes: the provider never said


async def test_a_dead_socket_gets_the_grace_time(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four"), Stall())
    async with socket(served.url) as opened:
        await next_text(opened.results(await opened.start(ASK, question=WICK)))
        await opened.cut()
        await still_open_after(claude, 0.7)
        await closed_within(claude, 1)


async def test_who_comes_back_within_the_grace_time_keeps_the_answer_going(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Say("Every four ", (Cite(0, 0, 1),)), Pause(2), More("hours."), End())
    async with socket(served.url) as opened:
        results = opened.results(await opened.start(ASK, question=WICK))
        id = (await anext(results))["data"]["ask"]["answerId"]
        await next_text(results)
        await opened.cut()
    told = await replayed(served.url, id)
    assert (told[-1]["answer"]["status"], deltas(told)) == ("COMPLETE", "Every four hours.")


async def test_a_cut_event_stream_gets_the_grace_time_too(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four"), Stall())
    async with event_stream(served.url, ASK, question=WICK) as results:
        await next_text(results)
    await still_open_after(claude, 0.7)
    await closed_within(claude, 1)


async def test_a_cut_request_gets_the_grace_time_too(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four"), Stall())
    waiting = asyncio.create_task(ask(served.url, ASK_AND_WAIT, question=WICK))
    await claude.wait_call()
    waiting.cancel()
    await still_open_after(claude, 0.7)
    await closed_within(claude, 1)


async def test_an_answer_goes_on_while_anybody_listens(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four"), Stall())
    async with socket(served.url) as first, socket(served.url) as second:
        one = await first.start(ASK, question=WICK)
        results = first.results(one)
        id = (await anext(results))["data"]["ask"]["answerId"]
        other = await second.start(FOLLOW, id=id)
        await anext(second.results(other))
        await first.complete(one)
        await still_open_after(claude, 1.2)
        await second.complete(other)
        await closed_within(claude, 1)


async def closed_within(claude: ScriptedClaude, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        assert await claude.wait_closed(claude.calls[-1]) == "gone"


async def still_open_after(claude: ScriptedClaude, seconds: float) -> None:
    await asyncio.sleep(seconds)
    assert claude.open_streams == 1
