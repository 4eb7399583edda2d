// Qdrant's own JavaScript client against a running server: each kind of call once, answers checked.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { QdrantClient } from '@qdrant/js-client-rest';

const START_MS_MAX = 30_000;
const UUID = '550e8400-e29b-41d4-a716-446655440000';
const folder = mkdtempSync(join(tmpdir(), 'skerry-js-'));
let process_;
let client;
let url;

/** A port nobody listens on at this moment. */
async function freePort() {
    const probe = createServer();
    await new Promise((done) => probe.listen(0, '127.0.0.1', done));
    const { port } = probe.address();
    await new Promise((done) => probe.close(done));
    return port;
}

/** Starts the server that SKERRY_BIN names and waits until it is ready. */
async function start() {
    const binary = process.env.SKERRY_BIN;
    assert.ok(binary, 'SKERRY_BIN names the server under test');
    const port = await freePort();
    const off = ['milvus', 'infinity', 'lynse'].map((name) => `--${name}-port=0`);
    const options = ['--data', folder, '--listen', '127.0.0.1', '--qdrant-port', `${port}`, ...off];
    process_ = spawn(binary, ['serve', ...options], { stdio: 'ignore' });
    url = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + START_MS_MAX;
    for (;;) {
        const ready = await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false);
        if (ready) break;
        assert.ok(Date.now() < deadline, 'the server is not ready');
        await new Promise((done) => setTimeout(done, 20));
    }
    client = new QdrantClient({ url });
}

const ids = (points) => points.map((point) => point.id);
const match = (key, value) => ({ must: [{ key, match: { value } }] });

before(start);
after(() => {
    process_?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
});

describe('collections', () => {
    test('are created, described, changed and dropped', async () => {
        const vectors = { size: 4, distance: 'Cosine' };
        assert.equal(await client.createCollection('made', { vectors }), true);
        assert.deepEqual(await client.collectionExists('made'), { exists: true });
        const info = await client.getCollection('made');
        assert.equal(info.status, 'green');
        assert.equal(info.config.params.vectors.size, 4);
        await client.updateCollection('made', { optimizers_config: { indexing_threshold: 5 } });
        const changed = await client.getCollection('made');
        assert.equal(changed.config.optimizer_config.indexing_threshold, 5);
        const names = (await client.getCollections()).collections.map(({ name }) => name);
        assert.ok(names.includes('made'));
        assert.equal(await client.deleteCollection('made'), true);
        assert.deepEqual(await client.collectionExists('made'), { exists: false });
    });

    test('have aliases', async () => {
        await client.createCollection('real', { vectors: { size: 1, distance: 'Dot' } });
        const create = { create_alias: { collection_name: 'real', alias_name: 'other' } };
        assert.equal(await client.updateCollectionAliases({ actions: [create] }), true);
        const wanted = { aliases: [{ alias_name: 'other', collection_name: 'real' }] };
        assert.deepEqual(await client.getCollectionAliases('real'), wanted);
        assert.deepEqual(await client.getAliases(), wanted);
        assert.equal((await client.count('other')).count, 0);
        await client.deleteCollection('real');
        assert.deepEqual(await client.getAliases(), { aliases: [] });
    });

    test('gain and lose vectors while they live', async () => {
        await client.createCollection('live', { vectors: { a: { size: 1, distance: 'Dot' } } });
        const dense = { size: 2, distance: 'Dot' };
        await client.createVectorName('live', 'b', { dense }, { wait: true });
        const { params } = (await client.getCollection('live')).config;
        assert.equal(params.vectors.b.size, 2);
        await client.deleteVectorName('live', 'b', { wait: true });
        assert.equal((await client.getCollection('live')).config.params.vectors.b, undefined);
    });
});

describe('points', () => {
    const name = 'points';

    before(async () => {
        await client.createCollection(name, { vectors: { size: 2, distance: 'Dot' } });
        await client.createPayloadIndex(name, { field_name: 'n', field_schema: 'integer', wait: true });
        await client.createPayloadIndex(name, { field_name: 'city', field_schema: 'keyword', wait: true });
        const done = await client.upsert(name, {
            wait: true,
            points: [
                { id: 1, vector: [1, 0], payload: { city: 'Berlin', n: 3 } },
                { id: 2, vector: [0, 1], payload: { city: 'London', n: 2 } },
                { id: 3, vector: [1, 1], payload: { city: 'Berlin', n: 1 } },
                { id: UUID, vector: [-1, 0] },
            ],
        });
        assert.equal(done.status, 'completed');
    });

    test('are read by id, page by page, in order', async () => {
        const records = await client.retrieve(name, { ids: [1, UUID], with_vector: true });
        assert.deepEqual(new Set(ids(records)), new Set([1, UUID]));
        assert.deepEqual(records.find(({ id }) => id === 1).vector, [1, 0]);
        const first = await client.scroll(name, { limit: 2 });
        assert.deepEqual([ids(first.points), first.next_page_offset], [[1, 2], 3]);
        const rest = await client.scroll(name, { limit: 2, offset: first.next_page_offset });
        assert.deepEqual([ids(rest.points), rest.next_page_offset], [[3, UUID], null]);
        const ordered = await client.scroll(name, { order_by: { key: 'n', direction: 'asc' } });
        assert.deepEqual(ids(ordered.points), [3, 2, 1]);
    });

    test('are counted and filtered', async () => {
        assert.equal((await client.count(name)).count, 4);
        assert.equal((await client.count(name, { filter: match('city', 'Berlin') })).count, 2);
        const filter = { must_not: [{ key: 'n', range: { gte: 2 } }] };
        assert.deepEqual(ids((await client.scroll(name, { filter })).points), [3, UUID]);
    });

    test('are ranked', async () => {
        const near = await client.query(name, { query: [2, 1], limit: 2, with_payload: true });
        assert.deepEqual(near.points.map(({ id, score }) => [id, score]), [[3, 3], [1, 2]]);
        assert.equal(near.points[0].payload.city, 'Berlin');
        const recommend = { positive: [1], negative: [UUID] };
        const liked = await client.query(name, { query: { recommend }, limit: 1 });
        assert.deepEqual(ids(liked.points), [3]);
        const prefetch = [{ query: [1, 0], limit: 2 }, { query: [0, 1], limit: 2 }];
        const fused = await client.query(name, { prefetch, query: { fusion: 'rrf' }, limit: 1 });
        assert.deepEqual(ids(fused.points), [3]);
        const formula = { mult: ['$score', 'n'] };
        const scored = await client.query(name, {
            prefetch: [{ query: [1, 0], filter: match('city', 'Berlin') }],
            query: { formula },
        });
        assert.deepEqual(scored.points.map(({ id, score }) => [id, score]), [[1, 3], [3, 1]]);
        const batch = await client.queryBatch(name, { searches: [{ query: 1, limit: 1 }, {}] });
        assert.deepEqual([ids(batch[0].points), batch[1].points.length], [[3], 4]);
    });

    test('are grouped and summed up', async () => {
        const { groups } = await client.queryGroups(name, {
            query: [1, 0], group_by: 'city', limit: 2, group_size: 1,
        });
        assert.deepEqual(groups.map(({ id, hits }) => [id, hits.length]), [['Berlin', 1], ['London', 1]]);
        const { hits } = await client.facet(name, { key: 'city' });
        assert.deepEqual(hits, [{ value: 'Berlin', count: 2 }, { value: 'London', count: 1 }]);
        const { pairs } = await client.searchMatrixPairs(name, { sample: 4, limit: 1 });
        assert.equal(pairs.length, 4);
        const offsets = await client.searchMatrixOffsets(name, { sample: 4, limit: 1 });
        assert.equal(offsets.scores.length, 4);
    });

    test('are changed', async () => {
        const changed = 'changed';
        await client.createCollection(changed, { vectors: { v: { size: 1, distance: 'Dot' } } });
        const points = [{ id: 1, vector: { v: [1] }, payload: { a: 1 } }, { id: 2, vector: {} }];
        await client.upsert(changed, { wait: true, points });
        await client.setPayload(changed, { payload: { b: 2 }, points: [1], wait: true });
        await client.overwritePayload(changed, { payload: { c: 3 }, points: [2], wait: true });
        await client.deletePayload(changed, { keys: ['a'], points: [1], wait: true });
        await client.updateVectors(changed, { points: [{ id: 2, vector: { v: [5] } }], wait: true });
        await client.deleteVectors(changed, { points: [1], vector: ['v'], wait: true });
        const records = await client.retrieve(changed, { ids: [1, 2], with_vector: true });
        const byId = Object.fromEntries(records.map((record) => [record.id, record]));
        assert.deepEqual([byId[1].payload, byId[1].vector], [{ b: 2 }, {}]);
        assert.deepEqual([byId[2].payload, byId[2].vector], [{ c: 3 }, { v: [5] }]);
        await client.clearPayload(changed, { points: [1], wait: true });
        const operations = [{ delete: { points: [2] } }, { set_payload: { payload: { d: 4 }, points: [1] } }];
        assert.equal((await client.batchUpdate(changed, { operations, wait: true })).length, 2);
        const left = await client.scroll(changed);
        assert.deepEqual(left.points.map(({ id, payload }) => [id, payload]), [[1, { d: 4 }]]);
        await client.delete(changed, { filter: { must: [{ has_id: [1] }] }, wait: true });
        assert.equal((await client.count(changed)).count, 0);
    });

    test('have sparse and several vectors', async () => {
        await client.createCollection('kinds', {
            vectors: { many: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } } },
            sparse_vectors: { words: { modifier: 'idf' } },
        });
        const vector = { many: [[1, 0], [0, 1]], words: { indices: [1, 3], values: [1, 2] } };
        await client.upsert('kinds', { wait: true, points: [{ id: 1, vector }] });
        const [record] = await client.retrieve('kinds', { ids: [1], with_vector: true });
        assert.deepEqual(record.vector, vector);
        const words = await client.query('kinds', { query: { indices: [3], values: [1] }, using: 'words' });
        assert.deepEqual(ids(words.points), [1]);
        const many = await client.query('kinds', { query: [[2, 0], [0, 2]], using: 'many' });
        assert.equal(many.points[0].score, 4);
    });

    test('come back from a snapshot', async () => {
        const made = await client.createSnapshot(name);
        const listed = await client.listSnapshots(name);
        assert.deepEqual(listed.map((snapshot) => snapshot.name), [made.name]);
        const archive = await fetch(`${url}/collections/${name}/snapshots/${made.name}`);
        const form = new FormData();
        form.append('snapshot', await archive.blob());
        const put = `${url}/collections/restored/snapshots/upload?wait=true`;
        assert.equal((await fetch(put, { method: 'POST', body: form })).status, 200);
        assert.equal((await client.count('restored')).count, 4);
        assert.equal(await client.deleteSnapshot(name, made.name), true);
        assert.deepEqual(await client.listFullSnapshots(), []);
    });
});

describe('the server', () => {
    test('tells its version and its state', async () => {
        assert.match((await client.versionInfo()).title, /qdrant/);
        assert.equal(typeof (await client.getQuotas()), 'object');
        assert.equal(typeof (await client.clusterTelemetry()), 'object');
    });

    test('reports errors as the client expects them', async () => {
        await assert.rejects(client.getCollection('none'), (error) => {
            assert.equal(error.status, 404);
            assert.match(error.data.status.error, /Collection `none` doesn't exist!/);
            return true;
        });
        await assert.rejects(client.query('points', { query: [1] }), { status: 400 });
    });
});
