// A collection whose rows are read by pages: in the worker, beside its Durable Object, and at an
// address, in node and in Chromium. The answers are those of the native server, which holds them all.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { QdrantClient } from '@qdrant/js-client-rest';

import { openRemote } from '../../wasm/build/index.js';
import { launch } from './chromium.js';
import { platform } from './miniflare.js';
import { points, random, vector } from './points.js';
import { serve, sync } from './server.js';
import { host } from './static_host.js';

const [COUNT, DIM] = [14_000, 96];
const folder = mkdtempSync(join(tmpdir(), 'skerry-paged-'));
const [data, pushed] = [join(folder, 'data'), join(folder, 'pushed')];
const chance = random(5);
const queries = Array.from({ length: 12 }, () => vector(chance, DIM));
/** What the native server answers to each. */
let expected;
let objects;
let site;

const clientOf = (url) => new QdrantClient({ url, checkCompatibility: false });
const filter = { must: [{ key: 'n', range: { lt: 150 } }] };

/** Ids and scores: of a plain search, an exact one, one whose filter leaves few; a stored vector. */
async function answers(client) {
    const short = (found) => found.points.map(({ id, score }) => [id, score]);
    return Promise.all(queries.map(async (query, at) => [
        short(await client.query('c', { query, limit: 10 })),
        short(await client.query('c', { query, limit: 10, params: { exact: true } })),
        short(await client.query('c', { query, filter, limit: 3 })),
        await client.retrieve('c', { ids: [at * 1000], with_vector: true }),
    ]));
}

before(async () => {
    const server = await serve(data);
    const client = clientOf(server.url);
    await client.createCollection('c', {
        vectors: { size: DIM, distance: 'Dot' },
        optimizers_config: { indexing_threshold: 1000 },
        hnsw_config: { full_scan_threshold: 100 },
    });
    const all = points(COUNT, DIM);
    for (let from = 0; from < COUNT; from += 2000) {
        await client.upsert('c', { points: all.slice(from, from + 2000), wait: true });
    }
    let info;
    do {
        await new Promise((resolve) => { setTimeout(resolve, 200); });
        info = await client.getCollection('c');
    } while (info.status !== 'green' || info.indexed_vectors_count !== COUNT);
    expected = await answers(client);
    await server.stop();
    sync(data, pushed);
    const lines = readFileSync(join(pushed, 'objects.txt'), 'utf8').split('\n').slice(1, -2);
    objects = lines.map((line) => line.split(' ')[1]);
    site = await host([
        ['/skerry/', new URL('../../wasm/build', import.meta.url).pathname], ['/pushed/', pushed],
    ]);
});
after(async () => {
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
});

const bytes = () => objects.reduce((sum, key) => sum + statSync(join(pushed, key)).size, 0);

/** The worker on a bucket with the collection. */
async function worker(bindings = {}) {
    const running = await platform(mkdtempSync(join(folder, 'edge-')), { bindings });
    const bucket = await running.getR2Bucket('BUCKET');
    for (const key of objects) {
        await bucket.put(key, new Uint8Array(readFileSync(join(pushed, key))).buffer);
    }
    const url = `${(await running.ready).origin}/qdrant`;
    return { client: clientOf(url), url, bucket, stop: () => running.dispose() };
}

test('the worker answers where the request arrives, and as the native server does', async () => {
    const { client, url, stop } = await worker();
    try {
        assert.deepEqual(await answers(client), expected);
        const metrics = await (await fetch(`${url}/metrics`)).text();
        assert.doesNotMatch(metrics, /points\/query/, 'the Durable Object has searched nothing');
    } finally {
        await stop();
    }
});

test('the worker sees every write that was acknowledged, or so many milliseconds late', async () => {
    const prompt = await worker();
    try {
        const { client } = prompt;
        for (let id = COUNT; id < COUNT + 5; id++) {
            await client.upsert('c', { points: [{ id, vector: queries[0] }], wait: true });
            assert.equal((await client.count('c')).count, id + 1);
            await client.setPayload('c', { payload: { late: id }, points: [id - 5000], wait: true });
            const [changed] = await client.retrieve('c', { ids: [id - 5000], with_vector: true });
            assert.equal(changed.payload.late, id);
            assert.equal(changed.vector.length, DIM);
        }
        await client.createCollection('d', { vectors: { size: 2, distance: 'Dot' } });
        assert.equal((await client.count('d')).count, 0);
        await client.deleteCollection('d');
        await assert.rejects(client.count('d'), { status: 404 });
    } finally {
        await prompt.stop();
    }
    const late = await worker({ SKERRY_READ_MAX_AGE_MS: '600000' });
    try {
        const { client } = late;
        assert.equal((await client.count('c')).count, COUNT);
        await client.upsert('c', { points: [{ id: COUNT, vector: queries[0] }], wait: true });
        assert.equal((await client.count('c')).count, COUNT, 'ten minutes have not passed');
    } finally {
        await late.stop();
    }
});

test('the worker says what is damaged or gone, and answers what it still can', async () => {
    const { client, bucket, stop } = await worker();
    try {
        const key = objects.map((key) => [statSync(join(pushed, key)).size, key])
            .sort(([a], [b]) => b - a)[0][1];
        await client.retrieve('c', { ids: [0], with_vector: true });
        const whole = new Uint8Array(readFileSync(join(pushed, key)));
        await bucket.put(key, whole.map((byte) => byte ^ 1).buffer);
        const damaged = client.retrieve('c', { ids: [COUNT - 1], with_vector: true });
        await assert.rejects(damaged, (error) => /damaged|corrupt/.test(JSON.stringify(error.data)));
        await bucket.delete(key);
        const gone = client.retrieve('c', { ids: [COUNT / 2], with_vector: true });
        await assert.rejects(gone, (error) => error.status >= 500);
        const [kept] = await client.retrieve('c', { ids: [0], with_vector: true });
        assert.equal(kept.vector.length, DIM, 'it is in memory');
        await bucket.put(key, whole.buffer);
        assert.deepEqual(await answers(client), expected);
    } finally {
        await stop();
    }
});

test('at an address, only what searches compare is read', async () => {
    let seen;
    const onProgress = (told) => { seen = told; };
    const paged = await openRemote(`${site.url}/pushed`, { onProgress });
    const client = clientOf('http://paged.invalid:6333');
    const undo = paged.intercept('http://paged.invalid:6333');
    const [first] = await paged.collection('c').search(queries[0], { limit: 1 });
    assert.equal(first.id, expected[0][0][0][0]);
    assert.ok(seen.received < bytes() * 0.7, `${seen.received} of ${bytes()} bytes`);
    assert.deepEqual(await answers(client), expected);
    undo();
    await paged.close();
    const whole = await openRemote(`${site.url}/pushed`, { onProgress, paged: false });
    assert.equal(await whole.collection('c').count(), COUNT);
    assert.ok(seen.received >= bytes() * 0.9, `${seen.received} of ${bytes()} bytes`);
    await assert.rejects(whole.download(), { code: 'unsupported' }, 'node has no cache');
    await whole.close();
});

test('what was downloaded needs no network', async () => {
    const browser = await launch();
    try {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(site.url);
        await page.evaluate(async () => {
            const { openRemote } = await import('/skerry/index.js');
            globalThis.open = async () => {
                globalThis.db = await openRemote('/pushed', { onProgress: (told) => { globalThis.seen = told; } });
            };
            await open();
        });
        const ask = (query) => page.evaluate(async (query) => {
            const found = await db.collection('c').search(query, { limit: 10 });
            return found.map(({ id, score }) => [id, score]);
        }, query);
        assert.deepEqual(await ask(queries[0]), expected[0][0]);
        const before = await page.evaluate(() => seen.received);
        const aborted = page.evaluate(() => db.download({ signal: AbortSignal.abort() })
            .catch(({ name }) => name));
        assert.equal(await aborted, 'AbortError');
        await page.evaluate(() => db.download());
        assert.ok(await page.evaluate(() => seen.received) > before + 1e6);
        await context.setOffline(true);
        await page.evaluate(() => db.close().then(open));
        for (const [at, query] of queries.entries()) {
            assert.deepEqual(await ask(query), expected[at][0]);
        }
        assert.equal(await page.evaluate(() => seen.received), 0);
    } finally {
        await browser.close();
    }
});
