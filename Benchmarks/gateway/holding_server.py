"""A server that opens a session for whoever asks, and keeps every stream open without saying anything: `holding_server.py PORT`."""

import asyncio
import json
import re
import resource
import sys

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
OPENED = {
    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "holding", "version": "1"},
}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n")
                await reader.read()
                break
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            message = json.loads(await reader.readexactly(length))
            if "id" in message:
                body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": OPENED}).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: held\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body)
                )
            else:
                writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
