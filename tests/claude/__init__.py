"""A scripted Claude over real HTTP: it speaks the Messages API, single and in batches, and checks what it receives."""

from tests.claude.playing import Call
from tests.claude.script import (
    Cite,
    Cut,
    Drop,
    End,
    Malformed,
    More,
    Overload,
    Pace,
    Pause,
    Ping,
    Reset,
    Say,
    Stall,
    Start,
    Status,
    Step,
    Thinking,
    Tokens,
    answering,
    search_results,
)
from tests.claude.server import ScriptedClaude
from tests.claude.translating import Habits, translating

__all__ = [
    "Call",
    "Cite",
    "Cut",
    "Drop",
    "End",
    "Habits",
    "Malformed",
    "More",
    "Overload",
    "Pace",
    "Pause",
    "Ping",
    "Reset",
    "Say",
    "ScriptedClaude",
    "Stall",
    "Start",
    "Status",
    "Step",
    "Thinking",
    "Tokens",
    "answering",
    "search_results",
    "translating",
]
