// The npm package in node: the typed interface, the handler for clients, errors, aborts, stores.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { QdrantClient } from '@qdrant/js-client-rest';

import { SkerryError, open } from '../../wasm/build/index.js';
import { MemoryStore } from '../../wasm/build/stores/memory.js';
import { points, random, vector } from './points.js';

/** A memory store whose `put` can be made to fail, as a browser does it. */
class Limited extends MemoryStore {
    full = false;

    async put(...args) {
        if (this.full) throw new DOMException('no room', 'QuotaExceededError');
        return super.put(...args);
    }
}

describe('the package', () => {
    let db;
    before(async () => { db = await open({ store: 'memory' }); });
    after(() => db.close());

    test('writes, searches, filters and counts', async () => {
        const books = await db.createCollection('books', { vectors: { size: 8, distance: 'Cosine' } });
        const all = points(700);
        const seen = [];
        await books.upsert(all, { batch: 300, onProgress: (progress) => seen.push(progress.done) });
        assert.deepEqual(seen, [300, 600, 700]);
        const [first] = await books.search(new Float32Array(all[5].vector), { limit: 3 });
        assert.deepEqual([first.id, first.payload], [5, { even: false, n: 5 }]);
        const filter = { must: [{ key: 'even', match: { value: true } }] };
        const even = await books.search(all[5].vector, { limit: 9, filter });
        assert.equal(even.length, 9);
        assert.ok(even.every(({ id }) => id % 2 === 0));
        assert.equal(await books.count(filter), 350);
        await books.delete(filter);
        assert.equal(await books.count(), 350);
        await books.delete([5]);
        assert.deepEqual(await books.get([5, 7]), [{ id: 7, payload: { even: false, n: 7 } }]);
        assert.deepEqual(await db.collections(), ['books']);
    });

    test('carries a collection away and brings it back', async () => {
        const archive = await db.collection('books').snapshot();
        const other = await open({ store: 'memory' });
        await other.collection('again').restore(archive);
        assert.equal(await other.collection('again').count(), 349);
        const damaged = archive.slice();
        damaged[damaged.length >> 1] ^= 1;
        await assert.rejects(other.collection('again').restore(damaged));
        await assert.rejects(other.collection('again').restore(archive.slice(0, 900)));
        assert.equal(await other.collection('again').count(), 349, 'the old state is still there');
        await other.close();
    });

    test('gives ids and similarities by the shortest way', async () => {
        const near = await db.createCollection('near', { vectors: { size: 8, distance: 'Cosine' } });
        const all = points(300);
        await near.upsert(all);
        for (const at of [0, 7, 299]) {
            const hits = await near.search(all[at].vector, { limit: 5, withPayload: false });
            const { ids, scores } = await near.nearest(Float32Array.from(all[at].vector), { limit: 5 });
            assert.deepEqual(ids, hits.map(({ id }) => id));
            assert.ok(scores instanceof Float32Array);
            assert.deepEqual([...scores], hits.map(({ score }) => Math.fround(score)));
        }
        await assert.rejects(near.nearest([1]), { code: 'invalid' });
        await assert.rejects(near.nearest(Array(8).fill(NaN)), { code: 'invalid' });
        for (const wrong of [{ limit: 0 }, { limit: -1 }, { limit: 2.5 }, { limit: '3' }, { ef: 0 }]) {
            await assert.rejects(near.nearest(Array(8).fill(1), wrong), { code: 'invalid' });
        }
        for (const wrong of [null, 'abcdefgh', 8]) {
            await assert.rejects(near.nearest(wrong), { code: 'invalid' });
        }
        await assert.rejects(near.nearest(Array(8).fill(1), { using: 'x' }), { name: 'SkerryError' });
        await assert.rejects(db.collection('absent').nearest([1]), { code: 'not-found' });
        await db.deleteCollection('near');
    });

    test('searches for many vectors by one call', async () => {
        const many = await db.createCollection('many', {
            vectors: { a: { size: 8, distance: 'Cosine' }, b: { size: 4, distance: 'Euclid' } },
            sparse_vectors: { words: {} },
        });
        const all = points(300);
        await many.upsert(all.map((point, at) => {
            const { vector: a } = point;
            // Ids of both kinds, so that some answers have numbers only.
            const id = at % 50 === 0 ? `00000000-0000-0000-0000-${String(at).padStart(12, '0')}` : at;
            return { id, vector: { a, b: a.slice(0, 4) } };
        }));
        for (const [using, dim] of [['a', 8], ['b', 4]]) {
            const queries = [1, 50, 77, 299].map((at) => all[at].vector.slice(0, dim));
            const alone = [];
            for (const query of queries) alone.push(await many.nearest(query, { limit: 5, using }));
            assert.equal(alone[1].ids[0], '00000000-0000-0000-0000-000000000050');
            assert.equal(alone[2].ids[0], 77);
            const flat = queries.flat();
            assert.deepEqual(await many.nearestBatch(flat, { limit: 5, using }), alone);
            const same = await many.nearestBatch(Float32Array.from(flat), { limit: 5, using });
            assert.deepEqual(same, alone);
            assert.ok(same.every(({ scores }) => scores instanceof Float32Array));
        }
        assert.deepEqual(await many.nearestBatch([], { using: 'a' }), []);
        const eight = Array(8).fill(1);
        for (const wrong of [eight.slice(1), [...eight, 1], Array(8).fill(NaN), null, 'abcdefgh']) {
            await assert.rejects(many.nearestBatch(wrong, { using: 'a' }), { code: 'invalid' });
        }
        for (const wrong of [{ limit: 0 }, { ef: 2.5 }, { using: 'words' }, { using: 'x' }, { using: 7 }]) {
            await assert.rejects(many.nearestBatch(eight, { using: 'a', ...wrong }), { code: 'invalid' });
        }
        await assert.rejects(db.collection('absent').nearestBatch(eight), { code: 'not-found' });
        await db.deleteCollection('many');
        await assert.rejects(many.nearestBatch(eight, { using: 'a' }), { code: 'not-found' });
    });

    test('waits for the store where a search has to', async () => {
        const store = new MemoryStore();
        const before = await open({ store });
        const kept = await before.createCollection('kept', { vectors: { size: 8, distance: 'Dot' } });
        const all = points(50);
        await kept.upsert(all);
        const flat = [3, 4].flatMap((at) => all[at].vector);
        const expected = await kept.nearestBatch(flat);
        await before.close();
        await assert.rejects(kept.nearestBatch(flat), { code: 'closed' });
        const after = await open({ store });
        const [, batch] = await Promise.all([
            assert.rejects(after.collection('kept').nearest([1]), { code: 'invalid' }),
            after.collection('kept').nearestBatch(flat),
        ]);
        assert.deepEqual(batch, expected);
        await after.close();
        const last = await open({ store });
        const stop = new AbortController();
        const asked = last.collection('kept').nearestBatch(flat, { signal: stop.signal });
        stop.abort();
        await assert.rejects(asked, { name: 'AbortError' });
        await last.close();
    });

    test('answers a client library by its handler', async () => {
        const restore = db.intercept('http://skerry.invalid:6333');
        try {
            const client = new QdrantClient({
                url: 'http://skerry.invalid:6333', checkCompatibility: false,
            });
            await client.createCollection('c', { vectors: { size: 8, distance: 'Dot' } });
            await client.upsert('c', { points: points(40), wait: true });
            assert.equal((await client.count('c')).count, 40);
            const found = await client.query('c', { query: vector(random(3)), limit: 5 });
            assert.equal(found.points.length, 5);
            await assert.rejects(client.getCollection('absent'), { status: 404 });
        } finally {
            restore();
        }
    });

    test('says what is wrong, and with which code', async () => {
        await assert.rejects(db.collection('absent').info(), { name: 'SkerryError', code: 'not-found' });
        await assert.rejects(db.collection('books').search([1]), { code: 'invalid' });
        await assert.rejects(db.createCollection('books', { vectors: { size: 8, distance: 'Dot' } }), {
            code: 'conflict',
        });
        await assert.rejects(open({ store: 'opfs' }), { code: 'unsupported' });
        await assert.rejects(open({ store: 'tape' }), { code: 'invalid' });
        assert.ok(new SkerryError('invalid', 'x') instanceof Error);
    });

    test('listens to a signal', async () => {
        const controller = new AbortController();
        const all = points(2000);
        const onProgress = ({ done }) => { if (done >= 500) controller.abort(); };
        const many = await db.createCollection('many', { vectors: { size: 8, distance: 'Dot' } });
        await assert.rejects(
            many.upsert(all, { batch: 250, onProgress, signal: controller.signal }),
            { name: 'AbortError' });
        assert.equal(await many.count(), 500, 'what was written before stays');
        await assert.rejects(many.search([1, 2, 3, 4, 5, 6, 7, 8], { signal: AbortSignal.abort() }), {
            name: 'AbortError',
        });
    });

    test('builds its index on the spot and tells how far it is', async () => {
        const indexed = await db.createCollection('indexed', {
            vectors: { size: 8, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 1 },
        });
        const all = points(1500);
        await indexed.upsert(all);
        let last;
        const info = await indexed.ready({ onProgress: (progress) => { last = progress; } });
        assert.equal(info.status, 'green');
        assert.equal(last.total, 1500);
        const [first] = await indexed.search(all[1234].vector, { limit: 1 });
        assert.equal(first.id, 1234);
    });

    test('is closed once, and says so', async () => {
        const short = await open({ store: 'memory' });
        await short.close();
        await short.close();
        await assert.rejects(short.collections(), { code: 'closed' });
    });
});

test('a full store refuses, loses nothing, and takes writes again when there is room', async () => {
    const store = new Limited();
    const db = await open({ store });
    const c = await db.createCollection('c', { vectors: { size: 8, distance: 'Dot' } });
    await c.upsert(points(10));
    store.full = true;
    await assert.rejects(c.upsert(points(20).slice(10)), /quota|room/i);
    assert.equal(await c.count(), 10);
    store.full = false;
    await c.upsert(points(20).slice(10));
    assert.equal(await c.count(), 20);
    await db.close();
    const again = await open({ store });
    assert.equal(await again.collection('c').count(), 20);
    await again.close();
});

test('damaged objects are refused with a clear error, and the engine lives on', async () => {
    const store = new MemoryStore();
    const db = await open({ store });
    const c = await db.createCollection('c', { vectors: { size: 8, distance: 'Dot' } });
    await c.upsert(points(50));
    await db.close();
    for (const [key] of await store.list('catalog/log/')) {
        const { bytes } = await store.get(key, 0, -1);
        const damaged = bytes.slice();
        damaged[20] ^= 255;
        await store.put(key, [damaged], false);
    }
    const again = await open({ store });
    assert.deepEqual(await again.collections(), [], 'the last good state is the empty one');
    await assert.rejects(
        again.createCollection('d', { vectors: { size: 8, distance: 'Dot' } }), SkerryError);
    await again.close();
});
