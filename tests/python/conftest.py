"""Fixtures that every suite shares: a running server and a client of it."""

import uuid

import pytest

from skerry_server import Server


@pytest.fixture(scope="module")
def server():
    """A server with an empty data directory, shared by the tests of one file."""
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    """Qdrant's client, connected to the shared server."""
    return server.client()


@pytest.fixture
def collection(client):
    """A name that no other test uses; the collection is dropped afterwards."""
    name = f"c-{uuid.uuid4().hex[:12]}"
    yield name
    client.delete_collection(name)


@pytest.fixture
def fresh_server():
    """A server of this test alone, for tests that kill or damage it."""
    with Server() as running:
        yield running
