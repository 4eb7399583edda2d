// One collection on its way: written natively by a client, copied to the worker and searched there,
// opened by a browser from a plain host; then written through the worker and read natively.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { QdrantClient } from '@qdrant/js-client-rest';

import { launch } from './chromium.js';
import { platform } from './miniflare.js';
import { points } from './points.js';
import { serve, sync } from './server.js';
import { host } from './static_host.js';

const folder = mkdtempSync(join(tmpdir(), 'skerry-journey-'));
const [data, site, back] = ['data', 'site', 'back'].map((name) => join(folder, name));
const all = points(400);
const open = [];

after(async () => {
    for (const close of open.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
});

/** The nearest to some of the points: ids and scores. */
async function answers(search) {
    const found = [];
    for (const at of [0, 57, 399]) {
        const hits = await search(all[at].vector);
        assert.equal(hits[0].id, at);
        found.push(hits.map(({ id, score }) => [id, score]));
    }
    return found;
}

const clientOf = (url) => new QdrantClient({ url, checkCompatibility: false });
const over = (client) => async (query) => (await client.query('c', { query, limit: 5 })).points;

test('a collection travels from a server to the worker, to a browser and back', async () => {
    const server = await serve(data);
    const native = clientOf(server.url);
    await native.createCollection('c', { vectors: { size: 8, distance: 'Cosine' } });
    await native.upsert('c', { points: all, wait: true });
    const expected = await answers(over(native));
    await server.stop();

    const running = await platform(folder);
    open.push(() => running.dispose());
    const edge = `${(await running.ready).origin}/qdrant`;
    sync(data, edge);
    const worker = clientOf(edge);
    assert.deepEqual(await answers(over(worker)), expected);

    sync(edge, site);
    const files = await host([
        ['/skerry/', new URL('../../wasm/build', import.meta.url).pathname], ['/site/', site],
    ]);
    open.push(() => files.close());
    const browser = await launch();
    open.push(() => browser.close());
    const page = await browser.newPage();
    await page.goto(files.url);
    await page.evaluate(async () => {
        const { openRemote } = await import('/skerry/index.js');
        globalThis.db = await openRemote('/site');
    });
    const inTab = (vector) => page.evaluate(
        (vector) => db.collection('c').search(vector, { limit: 5 }), vector,
    );
    assert.deepEqual(await answers(inTab), expected);

    const added = { id: 1000, vector: all[7].vector, payload: { by: 'worker' } };
    await worker.upsert('c', { points: [added], wait: true });
    sync(edge, back);
    const reader = await serve(back);
    open.push(() => reader.stop());
    const [seen] = await clientOf(reader.url).retrieve('c', { ids: [1000] });
    assert.deepEqual(seen.payload, { by: 'worker' });
    assert.equal((await clientOf(reader.url).count('c')).count, all.length + 1);
});
