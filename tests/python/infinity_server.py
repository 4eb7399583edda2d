"""A server with Infinity's interface, and requests to it."""

import requests

from skerry_server import Server


class InfinityServer(Server):
    """A server whose one port has every interface behind its name, with a directory for files."""

    def __init__(self, **options):
        super().__init__(one_port=True, **options)
        self.files = self.own_folder / "files"

    def command(self):
        return [*super().command(), f"--exchange-dir={self.files}"]

    @property
    def infinity_url(self):
        """Where the interface is."""
        return f"{self.url}/infinity"

    def ask(self, method, path, body=None, **options):
        """The answer, whose shape is checked."""
        url = self.infinity_url + path
        given = {"data": body} if isinstance(body, (bytes, str)) else {"json": body}
        answer = requests.request(method, url, timeout=60, **given, **options)
        return shaped(answer, f"{method} {path} {body}")


def shaped(answer, what):
    """The body of an answer that has the shape of every answer."""
    body = answer.json()
    code = body["error_code"]
    assert isinstance(code, int), what
    assert answer.status_code == (200 if code == 0 else 500), (what, body)
    if code:
        assert body["error_message"] == body["error_msg"] != "", (what, body)
        assert set(body) == {"error_code", "error_message", "error_msg"}, (what, body)
    assert code != 7011, (what, body)
    return body


def rows_of(answer):
    """The rows of a search, each as one object."""
    return [{k: v for cell in row for k, v in cell.items()} for row in answer.get("output", [])]


D = "/databases/default_db"
T = f"{D}/tables/t"

FIELDS = [
    {"name": "id", "type": "int"},
    {"name": "s", "type": "varchar", "default": "none"},
    {"name": "f", "type": "float", "default": 1.5},
    {"name": "v", "type": "vector,2,float"},
    {"name": "sp", "type": "sparse,100,float,int", "default": {"1": 1.0}},
    {"name": "t", "type": "tensor,2,float", "default": [[1.0, 0.0]]},
    {"name": "b", "type": "bool", "default": True},
]
ROWS = [
    {"id": at, "s": text, "f": at + 0.1, "v": [at, at + 0.25], "b": at % 2 == 0}
    for at, text in enumerate(["quick fox", 'a "b", c', "two\nlines", "fox", "x"])
]


def fill(server, name="t", rows=ROWS):
    """A table with rows."""
    path = f"{D}/tables/{name}"
    body = {"fields": FIELDS, "create_option": "replace_if_exists"}
    assert server.ask("POST", path, body)["error_code"] == 0
    if rows:
        assert server.ask("POST", f"{path}/docs", rows)["error_code"] == 0
    return path
