// The built worker in workerd, with its bucket and its Durable Object, through Qdrant's own client.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { QdrantClient } from '@qdrant/js-client-rest';

import { platform as run } from './miniflare.js';
import { random, vector } from './points.js';

const KEY = 'a key of the worker';
const folder = mkdtempSync(join(tmpdir(), 'skerry-worker-'));
let platform;
let url;

/** The worker on a bucket that outlives it. */
async function start(bindings = {}) {
    platform = await run(folder, { bindings });
    url = `${(await platform.ready).origin}/qdrant`;
}

const client = (options = {}) => new QdrantClient({ url, checkCompatibility: false, ...options });

before(() => start());
after(async () => {
    await platform?.dispose();
    rmSync(folder, { recursive: true, force: true });
});

describe('the worker', () => {
    test('answers the routes of the server', async () => {
        const qdrant = client();
        await qdrant.createCollection('c', { vectors: { size: 8, distance: 'Cosine' } });
        const chance = random(1);
        const points = Array.from({ length: 300 }, (_, id) => ({
            id, vector: vector(chance), payload: { even: id % 2 === 0 },
        }));
        const written = await qdrant.upsert('c', { points, wait: true });
        assert.equal(written.status, 'completed');
        const query = points[7].vector;
        const found = await qdrant.query('c', { query, limit: 3, with_payload: true });
        assert.equal(found.points[0].id, 7);
        assert.deepEqual(found.points[0].payload, { even: false });
        const filter = { must: [{ key: 'even', match: { value: true } }] };
        const even = await qdrant.query('c', { query, limit: 20, filter });
        assert.ok(even.points.every(({ id }) => id % 2 === 0));
        assert.equal(even.points.length, 20);
        await qdrant.delete('c', { filter, wait: true });
        assert.equal((await qdrant.count('c')).count, 150);
    });

    test('refuses what the server refuses', async () => {
        const answer = await fetch(`${url}/collections/absent`);
        assert.equal(answer.status, 404);
        assert.match((await answer.json()).status.error, /Collection `absent` doesn't exist!/);
        const wrong = await fetch(`${url}/collections/c/points`, { method: 'PUT', body: '{"points"' });
        assert.equal(wrong.status, 400);
        assert.equal((await fetch(`${url}/nothing`)).status, 404);
    });

    test('has written all that it acknowledged when it is gone', async () => {
        await platform.dispose();
        await start();
        const qdrant = client();
        assert.equal((await qdrant.count('c')).count, 150);
        const [seven] = await qdrant.retrieve('c', { ids: [7], with_vector: true });
        assert.deepEqual(seven.payload, { even: false });
    });

    test('loses and doubles nothing under eight writers', async () => {
        const qdrant = client();
        await qdrant.createCollection('many', { vectors: { size: 4, distance: 'Dot' } });
        const write = async (writer) => {
            for (let round = 0; round < 10; round++) {
                const id = writer * 10 + round;
                const points = [{ id, vector: [writer, round, 1, 1] }];
                await client().upsert('many', { points, wait: true });
            }
        };
        await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
        const { points } = await qdrant.scroll('many', { limit: 200 });
        assert.deepEqual(points.map(({ id }) => id), Array.from({ length: 80 }, (_, id) => id));
    });

    test('serves every interface over the same points', async () => {
        const origin = url.slice(0, -'/qdrant'.length);
        const ask = async (method, path, body) => {
            const headers = { 'content-type': 'application/json' };
            const response = await fetch(origin + path, {
                method, headers, body: body && JSON.stringify(body),
            });
            const text = await response.text();
            assert.ok(response.ok, `${path}: ${response.status} ${text}`);
            return text && JSON.parse(text);
        };
        await ask('POST', '/milvus/collections', {
            collection_name: 'shared', dimension: 2, metric_type: 'L2',
        });
        await ask('POST', '/milvus/collections/shared/vectors', {
            ids: ['1', '2'], vectors: [[1, 0], [0, 2]],
        });
        const at = { database_name: 'default_db', collection_name: 'shared' };
        const { params } = await ask('POST', '/lynse/search', { ...at, vector: [0, 1], k: 1 });
        assert.deepEqual(params.items.ids, [2]);
        const { output } = await ask(
            'POST', '/infinity/databases/default_db/tables/shared/docs/search', {
                output: ['_row_id', '_distance'],
                search: [{
                    match_method: 'dense', fields: 'vector', query_vector: [1, 1],
                    element_type: 'float', metric_type: 'l2', topn: 1,
                }],
            },
        );
        assert.deepEqual(output, [[{ ROW_ID: 1 }, { DISTANCE: 1 }]]);
        await ask('DELETE', '/milvus/collections/shared');
    });

    test('is woken by the clock', async () => {
        const worker = await platform.getWorker();
        const result = await worker.scheduled({ cron: '*/15 * * * *' });
        assert.equal(result.outcome, 'ok');
    });

    test('asks for the key of its secret', async () => {
        await platform.dispose();
        await start({ SKERRY_API_KEY: KEY });
        assert.equal((await fetch(`${url}/collections`)).status, 401);
        const { collections } = await client({ apiKey: KEY }).getCollections();
        assert.deepEqual(collections.map(({ name }) => name).sort(), ['c', 'many']);
    });
});

test('eight clients through two instances lose and double nothing', async () => {
    const other = mkdtempSync(join(tmpdir(), 'skerry-instances-'));
    const pair = await run(other, { instances: ['one', 'two'] });
    try {
        const instances = await Promise.all(['one', 'two'].map((name) => pair.getWorker(name)));
        const ask = async (at, method, path, body) => {
            const response = await instances[at % 2].fetch(`http://skerry.invalid/qdrant${path}`, {
                method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
            });
            const answer = await response.json();
            assert.equal(response.status, 200, JSON.stringify(answer));
            return answer.result;
        };
        await ask(0, 'PUT', '/collections/c', { vectors: { size: 4, distance: 'Dot' } });
        await Promise.all(Array.from({ length: 8 }, async (_, client) => {
            for (let round = 0; round < 25; round++) {
                const id = client * 25 + round;
                // Each write is seen by the next read, whichever instance answers it.
                const points = [{ id, vector: [client, round, 1, 1] }];
                await ask(client, 'PUT', '/collections/c/points?wait=true', { points });
                const [found] = await ask(client + 1, 'POST', '/collections/c/points', { ids: [id] });
                assert.equal(found.id, id);
            }
        }));
        const { points } = await ask(1, 'POST', '/collections/c/points/scroll', { limit: 500 });
        assert.deepEqual(points.map(({ id }) => id), Array.from({ length: 200 }, (_, id) => id));
    } finally {
        await pair.dispose();
        rmSync(other, { recursive: true, force: true });
    }
});
