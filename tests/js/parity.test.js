// One snapshot and 10,000 queries: the same ids and the same bits of scores on the native server,
// in workerd and in Chromium. Scores are printed with as many digits as tell every f32 from its
// neighbours, so equal text is equal bits.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch } from './chromium.js';
import { platform } from './miniflare.js';
import { random, vector } from './points.js';
import { serve } from './server.js';
import { host } from './static_host.js';

const [COUNT, DIM, QUERIES, BATCH] = [4000, 24, 10_000, 500];
const folder = mkdtempSync(join(tmpdir(), 'skerry-parity-'));
const open = [];

after(async () => {
    for (const close of open.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
});

/** Points around a few centres, with something to filter by. */
function clustered() {
    const chance = random(11);
    const centres = Array.from({ length: 40 }, () => vector(chance, DIM));
    return Array.from({ length: COUNT }, (_, id) => {
        const centre = centres[Math.floor(chance() * centres.length)];
        const spread = vector(chance, DIM);
        return {
            id,
            vector: centre.map((component, at) => component + 0.4 * spread[at]),
            payload: { group: id % 7, price: Math.round(chance() * 1000) / 10 },
        };
    });
}

/** Bodies of batches of queries: plain, filtered, exact, with another `ef`, by a point. */
function batches() {
    const chance = random(12);
    const searches = Array.from({ length: QUERIES }, (_, at) => {
        // Some of the first ten points are deleted.
        const query = at % 5 === 4 ? 10 + Math.floor(chance() * (COUNT - 10)) : vector(chance, DIM);
        return {
            query,
            limit: 1 + at % 10,
            filter: at % 3 === 1 ? { must: [{ key: 'group', match: { value: at % 7 } }] }
                : at % 11 === 2 ? { must: [{ key: 'price', range: { lt: 20 } }] } : undefined,
            params: at % 13 === 5 ? { exact: true } : at % 4 === 3 ? { hnsw_ef: 32 } : undefined,
        };
    });
    const count = QUERIES / BATCH;
    return Array.from({ length: count }, (_, at) => JSON.stringify({
        searches: searches.slice(at * BATCH, (at + 1) * BATCH),
    }));
}

/** What a runtime answers to every batch, without the times. */
async function answers(ask) {
    const hash = createHash('sha256');
    const texts = [];
    for (const body of batches()) {
        const { result, status } = JSON.parse(await ask('POST', '/collections/c/points/query/batch', body));
        assert.equal(status, 'ok');
        const text = JSON.stringify(result.map(({ points }) => points.map(({ id, score }) => [id, score])));
        hash.update(text);
        texts.push(text);
    }
    return { texts, hash: hash.digest('hex') };
}

const overHttp = (url) => async (method, path, body) => {
    // A connection that is kept may be closed while a batch is computed.
    const headers = { 'content-type': 'application/json', connection: 'close' };
    return (await fetch(url + path, { method, headers, body })).text();
};

let archive;
let native;

before(async () => {
    const server = await serve();
    open.push(() => server.stop());
    const ask = overHttp(server.url);
    await ask('PUT', '/collections/c', JSON.stringify({
        vectors: { size: DIM, distance: 'Cosine' },
        optimizers_config: { indexing_threshold: 1, default_segment_number: 1 },
    }));
    await ask('PUT', '/collections/c/index?wait=true',
        JSON.stringify({ field_name: 'group', field_schema: 'integer' }));
    const all = clustered();
    for (let at = 0; at < COUNT; at += 500) {
        const points = all.slice(at, at + 500);
        await ask('PUT', '/collections/c/points?wait=true', JSON.stringify({ points }));
    }
    await ask('POST', '/collections/c/points/delete?wait=true', JSON.stringify({ points: [3, 5, 8] }));
    let info;
    do {
        await new Promise((resolve) => { setTimeout(resolve, 100); });
        info = JSON.parse(await ask('GET', '/collections/c'));
    } while (info.result.status !== 'green' || info.result.indexed_vectors_count === 0);
    native = await answers(ask);
    const made = JSON.parse(await ask('POST', '/collections/c/snapshots?wait=true'));
    const response = await fetch(`${server.url}/collections/c/snapshots/${made.result.name}`);
    archive = new Uint8Array(await response.arrayBuffer());
});

/** Asserts that nothing differs, and names the first batch where something does. */
function same(found) {
    found.texts.forEach((text, at) => assert.equal(text, native.texts[at], `batch ${at}`));
    assert.equal(found.hash, native.hash);
}

test('workerd answers as the native server', async () => {
    const running = await platform(folder);
    open.push(() => running.dispose());
    const url = `${(await running.ready).origin}/qdrant`;
    const form = new FormData();
    form.append('snapshot', new Blob([archive]), 'c.snapshot');
    const path = '/collections/c/snapshots/upload?priority=snapshot&wait=true';
    const response = await fetch(url + path, { method: 'POST', body: form });
    assert.equal(response.status, 200, await response.text());
    same(await answers(overHttp(url)));
});

test('Chromium answers as the native server', async () => {
    const site = await host([['/skerry/', new URL('../../wasm/build', import.meta.url).pathname]]);
    open.push(() => site.close());
    const browser = await launch();
    open.push(() => browser.close());
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.evaluate(async (archive) => {
        const { open } = await import('/skerry/index.js');
        globalThis.db = await open({ store: 'opfs' });
        await db.collection('c').restore(Uint8Array.from(atob(archive), (letter) => letter.charCodeAt(0)));
    }, Buffer.from(archive).toString('base64'));
    same(await answers((method, path, body) => page.evaluate(async ([method, path, body]) => {
        const headers = { 'content-type': 'application/json' };
        return (await db.fetch(`/qdrant${path}`, { method, headers, body })).text();
    }, [method, path, body])));
});
