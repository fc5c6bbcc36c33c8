"""A hub of one repository on 127.0.0.1: as much of its file API as `huggingface_hub` uses for a snapshot.

It serves a folder as owner/name under two revisions: `main` is the folder, `old` its subfolder `.old`.
`requests` lists what came, so that a test can count downloads.
"""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REPOSITORY = "owner/name"
COMMITS = {"main": "a" * 40, "old": "b" * 40}


class HubServer(ThreadingHTTPServer):
    """`requests`: (method, path) in order."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folders = {COMMITS["main"]: folder, COMMITS["old"]: folder / ".old"}
        self.requests = []

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def downloads(self):
        """Names of the files that were sent, sorted."""
        sent = [path for method, path in self.requests if method == "GET" and "/resolve/" in path]
        return sorted(path.split("/", 5)[-1] for path in sent)

    def files(self, commit):
        folder = self.folders[commit]
        return {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and ".old" not in path.relative_to(folder).parts
        }


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._serve(send_content=False)

    def do_GET(self):
        self._serve(send_content=True)

    def _serve(self, send_content):
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path))
        answers = {f"/api/models/{REPOSITORY}": self._api, f"/{REPOSITORY}/resolve/": self._file}
        for prefix, answer in answers.items():
            if path.startswith(prefix):
                return answer(path.removeprefix(prefix).strip("/"), send_content)
        return self._missing("RepoNotFound", "Repository not found")

    def _api(self, rest, send_content):
        """'', 'revision/main': facts about it; 'tree/<commit>': its files."""
        kind, _, revision = rest.partition("/")
        commit = COMMITS.get(revision or "main", revision)
        if commit not in self.server.folders:
            return self._missing("RevisionNotFound", "Invalid rev id")
        files = self.server.files(commit)
        if kind == "tree":
            listing = [
                {"type": "file", "path": name, "size": path.stat().st_size, "oid": _etag(path)}
                for name, path in files.items()
            ]
        else:
            siblings = [{"rfilename": name} for name in files]
            listing = {"id": REPOSITORY, "modelId": REPOSITORY, "sha": commit, "siblings": siblings}
        return self._send(json.dumps(listing).encode(), {"Content-Type": "application/json"}, send_content)

    def _file(self, rest, send_content):
        revision, _, name = rest.partition("/")
        commit = COMMITS.get(revision, revision)
        path = self.server.files(commit).get(name) if commit in self.server.folders else None
        if path is None:
            return self._missing("EntryNotFound", "Entry not found")
        headers = {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        return self._send(path.read_bytes(), headers, send_content)

    def _missing(self, code, message):
        self._send(b"", {"X-Error-Code": code, "X-Error-Message": message}, False, status=404)

    def _send(self, content, headers, send_content, status=200):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if send_content:
            self.wfile.write(content)


def _etag(path):
    """The hub's name of a content: git's blob hash."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def serving(folder):
    """A running `HubServer` of `folder`, closed at the end."""
    server = HubServer(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
