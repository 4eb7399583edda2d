// The built worker in workerd, with its bucket and its Durable Object, through Qdrant's own client.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { QdrantClient } from '@qdrant/js-client-rest';
import { Miniflare } from 'miniflare';

const BUILD = new URL('../../workers/build/', import.meta.url).pathname;
/** The platform takes 3 MiB of an account that pays nothing, and 10 MiB of others. */
const GZIP_BYTES_MAX = 3 * 2 ** 20;
const KEY = 'a key of the worker';
const folder = mkdtempSync(join(tmpdir(), 'skerry-worker-'));
let platform;
let url;

/** What the build has left, the entry first. */
function modules() {
    const names = readdirSync(BUILD, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
    const module = (name) => ({
        type: name.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule', path: join(BUILD, name),
    });
    return ['index.js', ...names.filter((name) => name !== 'index.js')].map(module);
}

/** The worker as wrangler.toml describes it, on a bucket that outlives it. */
async function start(bindings = {}) {
    platform = new Miniflare({
        name: 'skerry',
        compatibilityDate: '2026-04-01',
        modules: modules(),
        modulesRoot: BUILD,
        r2Buckets: ['BUCKET'],
        r2Persist: join(folder, 'r2'),
        durableObjects: { SHARD: { className: 'Shard', useSQLite: true } },
        bindings,
    });
    url = `${(await platform.ready).origin}/qdrant`;
}

const client = (options = {}) => new QdrantClient({ url, checkCompatibility: false, ...options });
const random = (seed) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;
const vector = (chance, dim = 8) => Array.from({ length: dim }, () => chance() - 0.5);

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

test('the module stays within its budget', () => {
    const packed = gzipSync(readFileSync(join(BUILD, 'skerry_worker_bg.wasm')));
    assert.ok(packed.length <= GZIP_BYTES_MAX, `${packed.length} bytes`);
});
