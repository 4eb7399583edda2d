"""A skerry process under test: started on free ports, asked over HTTP, killed at will."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import requests

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 30.0
SOAK = os.environ.get("SKERRY_SOAK") == "1"
# Where the engine runs: `native`, or `worker` or `browser` behind the bridge of tests/js.
RUNTIME = os.environ.get("SKERRY_RUNTIME", "native")


def binary() -> Path:
    """The server to test: SKERRY_BIN, else the newest that cargo has built."""
    named = os.environ.get("SKERRY_BIN")
    if named:
        path = Path(named)
        assert path.exists(), f"SKERRY_BIN names {path}, which does not exist"
        return path
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = [p for p in (target / "debug/skerry", target / "release/skerry") if p.exists()]
    assert built, f"no skerry below {target}: run 'cargo build' first"
    return max(built, key=lambda path: path.stat().st_mtime)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server and its data directory. Leaves the directory alone between restarts."""

    def __init__(self, data=None, options=(), environment=None, one_port=False, **popen):
        self.own_folder = Path(tempfile.mkdtemp(prefix="skerry-test-"))
        self.data = data if data is not None else str(self.own_folder / "data")
        self.options = list(options)
        self.environment = dict(environment or {})
        self.one_port = one_port
        self.popen = popen
        self.log_path = self.own_folder / "log"
        self.process = None
        self.port = None

    # Life

    def command(self):
        """The command line, with a new port."""
        self.port = free_port()
        if RUNTIME != "native":
            assert not self.options, f"the {RUNTIME} takes no options"
            return ["node", str(REPOSITORY / "tests/js/bridge.js"), RUNTIME, str(self.port)]
        ports = ["--port", self.port] if self.one_port else ["--qdrant-port", self.port]
        given = " ".join(str(option) for option in self.options)
        others = (name for name in ("milvus", "infinity", "lynse") if f"--{name}-port" not in given)
        off = [f"--{name}-port=0" for name in others]
        if self.one_port:
            off.append("--qdrant-port=0")
        line = [binary(), "serve", "--data", self.data, "--listen", "127.0.0.1"]
        return [str(word) for word in [*line, *ports, *off, *self.options]]

    def launch(self):
        """Starts the process without waiting until it answers."""
        assert self.process is None, "already started"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited, **self.environment},
                **self.popen,
            )
        return self

    def start(self):
        """Starts the process and waits until it says that it is ready."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS_MAX
        path = "/qdrant/readyz" if self.one_port else "/readyz"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise AssertionError(f"the server ended with {code}:\n{self.log()}")
            try:
                if requests.get(self.url + path, timeout=5).status_code == 200:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.005)
        self.kill9()
        raise AssertionError(f"not ready after {START_SECONDS_MAX} s:\n{self.log()}")

    def kill9(self):
        """Ends the process without any chance to write, and reaps it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self, number=signal.SIGTERM):
        """Asks the process to stop and returns its exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"no stop after {STOP_SECONDS_MAX} s:\n{self.log()}") from None
        finally:
            self.process = None

    def restart(self):
        """A clean stop and a new start on the same data."""
        assert self.stop() == 0, self.log()
        return self.start()

    def close(self):
        """Ends the process and removes what it left behind."""
        if RUNTIME != "native" and self.process is not None:
            # It has processes of its own to end.
            self.stop()
        self.kill9()
        shutil.rmtree(self.own_folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # Talk

    @property
    def url(self):
        """Where the server listens, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        """The end of what the process printed."""
        return self.log_path.read_text(errors="replace")[-4000:] if self.log_path.exists() else ""

    def client(self, **options):
        """Qdrant's own client."""
        # Here, because suites of other clients run where it is not installed.
        from qdrant_client import QdrantClient

        with warnings.catch_warnings():
            # A key over plain HTTP is what these tests do on purpose.
            warnings.filterwarnings("ignore", message="Api key is used with an insecure")
            return QdrantClient(url=self.url, prefer_grpc=False, timeout=120, **options)

    def request(self, method, path, **options):
        """One HTTP exchange, without a client between."""
        return requests.request(method, self.url + path, timeout=120, **options)

    def resident_bytes(self):
        """Memory of the process that is resident, mapped files included.

        Without the pages of the program: a build for tests is several times as large as a release.
        """
        program, total = os.readlink(f"/proc/{self.process.pid}/exe"), 0
        file = ""
        for line in Path(f"/proc/{self.process.pid}/smaps").read_text().splitlines():
            words = line.split()
            if not words[0].endswith(":"):
                file = words[5] if len(words) > 5 else ""
            elif words[0] == "Rss:" and file != program:
                total += int(words[1]) * 1024
        assert total, "no page is resident"
        return total
