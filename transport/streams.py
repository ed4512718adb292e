"""Server-sent events, in graphql-sse's distinct-connections mode."""

from strawberry.http.streaming import SSETransport


class EventStream(SSETransport):
    """Frames end in LF: urql does not know CRLF."""

    def encode_event(self, event: str, data: str | None = None) -> str:
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        return super().encode_comment(comment).replace("\r\n", "\n")
