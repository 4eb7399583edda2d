"""`kill -9` at random moments of an upload: what was acknowledged is there, once, and whole.

Two writers send batches while the server is killed and started again, over and over. One writes
new points, and each of its batches must be there as a whole or not at all. The other rewrites the
same points with an ascending number: after a restart they must all carry one number, not smaller
than the last one that was acknowledged.
"""

import os
import random
import threading
import time

import requests

from skerry_server import SOAK, Server

ROUNDS = int(os.environ.get("SKERRY_KILLS", "2000" if SOAK else "200"))
SEED = int(os.environ.get("SKERRY_KILL_SEED", "9"))
BATCH = 12
REWRITTEN = range(1, 9)
FIRST_NEW_ID = 1000
ROUNDS_PER_COLLECTION = 40
LIFE_SECONDS_MAX = 0.12


class Writer(threading.Thread):
    """Sends one batch after another until the server is gone."""

    def __init__(self, server, collection, batches, wait):
        super().__init__(daemon=True)
        self.address = f"{server.url}/collections/{collection}/points?wait={wait}"
        self.batches = batches
        self.sent, self.acknowledged = [], []
        self.refused = None

    def run(self):
        with requests.Session() as session:
            for number, points in self.batches:
                self.sent.append(number)
                try:
                    answer = session.put(self.address, json={"points": points}, timeout=30)
                except requests.RequestException:
                    return
                if answer.status_code != 200:
                    self.refused = answer.text
                    return
                self.acknowledged.append(number)


def point(number, batch):
    """A small point that tells its batch."""
    return {"id": number, "vector": [number % 7, 1, 2, 3], "payload": {"batch": batch}}


class Upload:
    """What the test knows of one collection across the kills."""

    def __init__(self, server, collection):
        self.server, self.collection = server, collection
        self.next_batch = 0
        self.kept = set()
        self.number_min = self.number_max = 0
        body = {"vectors": {"size": 4, "distance": "Dot"}}
        assert server.request("PUT", f"/collections/{collection}", json=body).status_code == 200

    def new_points(self):
        """Batches of ids that were never used."""
        while True:
            batch, self.next_batch = self.next_batch, self.next_batch + 1
            yield batch, [point(FIRST_NEW_ID + batch * BATCH + i, batch) for i in range(BATCH)]

    def rewrites(self):
        """The same ids again and again, with an ascending number."""
        while True:
            self.number_max += 1
            yield self.number_max, [point(number, self.number_max) for number in REWRITTEN]

    def run_until_killed(self, seconds, wait):
        """Writes for a while, then kills and starts the server, and looks at what is left."""
        first_batch = self.next_batch
        writers = [
            Writer(self.server, self.collection, batches, wait)
            for batches in (self.new_points(), self.rewrites())
        ]
        for writer in writers:
            writer.start()
        time.sleep(seconds)
        self.server.kill9()
        for writer in writers:
            writer.join()
            assert writer.refused is None, writer.refused
        self.server.start()
        self.check_new(first_batch, *writers)
        self.check_rewritten(writers[1])
        return sum(len(writer.acknowledged) for writer in writers)

    def points_from(self, first):
        """All points with this id or a larger one: id and batch, in order."""
        found, offset = [], first
        while offset is not None:
            body = {"offset": offset, "limit": 1000, "with_payload": True}
            page = self.post("scroll", body)
            found += [(p["id"], p["payload"]["batch"]) for p in page["points"]]
            offset = page["next_page_offset"]
        return found

    def post(self, what, body):
        """The result of a question about points."""
        answer = self.server.request(
            "POST", f"/collections/{self.collection}/points/{what}", json=body
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def check_new(self, first_batch, writer, _):
        """Every acknowledged batch is whole; every other is whole or absent; nothing is twice."""
        found = self.points_from(FIRST_NEW_ID + first_batch * BATCH)
        assert len({number for number, _ in found}) == len(found), "a point is there twice"
        batches = {}
        for number, batch in found:
            assert (number - FIRST_NEW_ID) // BATCH == batch
            batches[batch] = batches.get(batch, 0) + 1
        halves = {batch: points for batch, points in batches.items() if points != BATCH}
        assert not halves, f"batches that are half there: {halves}"
        lost = set(writer.acknowledged) - batches.keys()
        assert not lost, f"acknowledged batches that are gone: {sorted(lost)}"
        strange = batches.keys() - set(writer.sent)
        assert not strange, f"batches that were never sent: {sorted(strange)}"
        self.kept |= batches.keys()

    def check_rewritten(self, writer):
        """All rewritten points carry one number, which is recent enough."""
        found = self.post("scroll", {"limit": len(REWRITTEN), "with_payload": True})["points"]
        rewritten = [p for p in found if p["id"] in REWRITTEN]
        numbers = {p["payload"]["batch"] for p in rewritten}
        self.number_min = max([self.number_min, *writer.acknowledged])
        if self.number_min == 0 and not rewritten:
            return
        assert [p["id"] for p in rewritten] == list(REWRITTEN)
        assert len(numbers) == 1, f"a rewrite is half there: {numbers}"
        (number,) = numbers
        assert self.number_min <= number <= self.number_max
        self.number_min = number

    def check_everything(self):
        """Nothing that was once seen has gone since, and the count agrees."""
        found = self.points_from(0)
        batches = {batch for number, batch in found if number >= FIRST_NEW_ID}
        assert batches == self.kept
        rewritten = sum(number in REWRITTEN for number, _ in found)
        assert len(found) == len(self.kept) * BATCH + rewritten
        assert self.post("count", {"exact": True})["count"] == len(found)


def test_acknowledged_batches_survive_kill9():
    chance = random.Random(SEED)
    acknowledged = collections = 0
    upload = None
    with Server() as server:
        for number in range(ROUNDS):
            if number % ROUNDS_PER_COLLECTION == 0:
                if upload is not None:
                    upload.check_everything()
                collections += 1
                upload = Upload(server, f"upload-{collections}")
            wait = chance.choice(["true", "true", "false"])
            seconds = chance.uniform(0, LIFE_SECONDS_MAX)
            try:
                acknowledged += upload.run_until_killed(seconds, wait)
            except AssertionError as error:
                raise AssertionError(f"seed {SEED}, kill {number}: {error}") from error
            if number % 20 == 19:
                print(f"{number + 1} kills, {acknowledged} batches acknowledged", flush=True)
        upload.check_everything()
    # Were nothing ever acknowledged, nothing would have been tested.
    assert acknowledged > ROUNDS
