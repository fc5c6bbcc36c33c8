"""A real HTTP server that answers as a chat endpoint does, or misbehaves as they do."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(ThreadingHTTPServer):
    """answer: from the user's text to the reply's text, bytes to send as they are, a status, or None to hang.

    asked: every request's body. headers: those of the last one.
    """

    daemon_threads = True

    def __init__(self, answer):
        self.answer, self.asked, self.headers = answer, [], {}
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.headers = dict(self.headers)
        self.server.asked.append(body)
        found = self.server.answer(body["messages"][-1]["content"])
        if found is None:
            self.server.ended.wait(30)
            return
        self.send_response(found if isinstance(found, int) else 200)
        self.end_headers()
        if isinstance(found, str):
            found = json.dumps({"choices": [{"message": {"content": found}}]}).encode()
        self.wfile.write(found if isinstance(found, bytes) else b"trouble")

    def log_message(self, *_):
        pass


@contextmanager
def chat_server(answer):
    """A server that runs until the block ends."""
    server = ChatServer(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
