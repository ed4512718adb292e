"""How bytes become operations: HTTP, SSE and WebSocket, behind one ASGI application."""
