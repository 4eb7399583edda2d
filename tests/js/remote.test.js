// What `skerry sync` has pushed to a plain host, opened by its address: in node and in Chromium.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { QdrantClient } from '@qdrant/js-client-rest';

import { openRemote } from '../../wasm/build/index.js';
import { launch } from './chromium.js';
import { points } from './points.js';
import { serve, sync } from './server.js';
import { host } from './static_host.js';

const folder = mkdtempSync(join(tmpdir(), 'skerry-remote-'));
const [data, pushed] = [join(folder, 'data'), join(folder, 'pushed')];
const all = points(3000, 8);
let site;

before(async () => {
    const server = await serve(data);
    const client = new QdrantClient({ url: server.url, checkCompatibility: false });
    await client.createCollection('c', {
        vectors: { size: 8, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 1 },
    });
    await client.upsert('c', { points: all.slice(0, 2900), wait: true });
    let info;
    do {
        await new Promise((resolve) => { setTimeout(resolve, 100); });
        info = await client.getCollection('c');
    } while (info.status !== 'green');
    // A rest that is in the log alone.
    await client.upsert('c', { points: all.slice(2900), wait: true });
    await server.stop();
    sync(data, pushed);
    site = await host([
        ['/skerry/', new URL('../../wasm/build', import.meta.url).pathname],
        ['/pushed/', pushed],
    ]);
});
after(async () => {
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
});

describe('a database at an address', () => {
    test('answers, tells what it reads, and takes no writes', async () => {
        let seen;
        const db = await openRemote(`${site.url}/pushed`, { onProgress: (told) => { seen = told; } });
        assert.deepEqual(await db.collections(), ['c']);
        const c = db.collection('c');
        assert.equal(await c.count(), 3000);
        for (const at of [0, 1234, 2950]) {
            const [first] = await c.search(all[at].vector, { limit: 1 });
            assert.equal(first.id, at);
        }
        assert.equal((await c.info()).status, 'green');
        assert.ok(seen.received > 3000 * 8 * 4 && seen.requests > 0, JSON.stringify(seen));
        await assert.rejects(c.upsert(all.slice(0, 1)), /reading only/);
        await assert.rejects(db.createCollection('d', { vectors: { size: 8, distance: 'Dot' } }), /reading only/);
        await db.close();
    });

    test('says what is wrong with the address or the network', async () => {
        await assert.rejects(openRemote(`${site.url}/nowhere`), { code: 'not-found' });
        await assert.rejects(openRemote('http://127.0.0.1:9/'), { code: 'unavailable' });
        await assert.rejects(openRemote(`${site.url}/pushed`, { signal: AbortSignal.abort() }), {
            name: 'AbortError',
        });
        // The bucket disappears between the list and the rest.
        const db = await openRemote(`${site.url}/pushed`);
        site.fail = (path, response) => path.startsWith('/pushed/coll/') && response.writeHead(404).end();
        await assert.rejects(db.collection('c').count(), /answers 404/);
        site.fail = null;
        assert.equal(await db.collection('c').count(), 3000, 'it is there again');
        await db.close();
    });

    test('is read again where a host fails for a moment', async () => {
        // The first request for each object.
        const failed = new Set();
        site.fail = (path, response) => path.startsWith('/pushed/coll/') && !failed.has(path)
            && failed.add(path) && response.writeHead(503).end();
        const db = await openRemote(`${site.url}/pushed`);
        assert.equal(await db.collection('c').count(), 3000);
        assert.ok(failed.size > 2);
        site.fail = null;
        await db.close();
    });

    test('damaged bytes are found', async () => {
        const damaged = join(folder, 'damaged');
        cpSync(pushed, damaged, { recursive: true });
        const parts = readdirSync(damaged, { recursive: true }).filter((name) => name.includes('/seg/'));
        const broken = await host([['/damaged/', damaged]]);
        for (const part of parts) {
            const path = join(damaged, part);
            const bytes = readFileSync(path);
            const at = Math.floor(bytes.length / 2);
            bytes[at] ^= 1;
            writeFileSync(path, bytes);
            const db = await openRemote(`${broken.url}/damaged`);
            await assert.rejects(db.collection('c').count(), /damaged|corrupt/i, part);
            await db.close();
            bytes[at] ^= 1;
            writeFileSync(path, bytes.subarray(0, at));
            const cut = await openRemote(`${broken.url}/damaged`);
            await assert.rejects(cut.collection('c').count(), /list names|answers 416/, part);
            await cut.close();
            writeFileSync(path, bytes);
        }
        writeFileSync(join(damaged, 'objects.txt'), 'skerry objects 1\n12 catalog/log/1\n');
        await assert.rejects(openRemote(`${broken.url}/damaged`), { code: 'corrupt' });
        await broken.close();
    });
});

test('a second visit reads its cache, and needs no network', async () => {
    const browser = await launch();
    try {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(site.url);
        const visit = () => page.evaluate(async () => {
            const { openRemote } = await import('/skerry/index.js');
            let seen;
            const db = await openRemote('/pushed', { onProgress: (told) => { seen = told; } });
            const count = await db.collection('c').count();
            await db.close();
            return { count, ...seen };
        });
        const first = await visit();
        assert.equal(first.count, 3000);
        assert.ok(first.cached < first.received, 'what is read twice comes out of the cache then');
        const second = await visit();
        assert.deepEqual([second.count, second.received], [3000, 0]);
        assert.equal(second.cached, first.received + first.cached);
        await context.setOffline(true);
        assert.equal((await visit()).count, 3000);
    } finally {
        await browser.close();
    }
});
