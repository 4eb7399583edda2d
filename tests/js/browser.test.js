// The npm package in headless Chromium: stores that last, two tabs, clients, service worker.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch } from './chromium.js';
import { host } from './static_host.js';

const folder = (path) => new URL(`../../${path}`, import.meta.url).pathname;
const LIBRARY = 'tests/js/node_modules/@qdrant/js-client-rest/dist/browser';
let browser;
let site;

before(async () => {
    site = await host([
        ['/skerry/', folder('wasm/build')],
        ['/qdrant/', folder(LIBRARY)],
        ['/tests/', folder('tests/js')],
        // A service worker rules what lies below it.
        ['/service-worker.js', folder('wasm/build/service-worker.js')],
    ]);
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await site?.close();
});

/** Pages of one visitor, whose storage nobody else sees. */
async function visitor() {
    const context = await browser.newContext();
    return {
        async tab() {
            const page = await context.newPage();
            page.on('pageerror', (error) => console.error('page:', error.message));
            await page.goto(site.url);
            return page;
        },
        close: () => context.close(),
    };
}

/** Opens a store in the page as `db`. */
function open(page, options) {
    return page.evaluate(async (options) => {
        const { open } = await import('/skerry/index.js');
        globalThis.db = await open(options).catch((error) => error);
        return db.code ?? 'open';
    }, options);
}

function fill(page, from, to) {
    return page.evaluate(async ([from, to]) => {
        const { points } = await import('/tests/points.js');
        const names = await db.collections();
        if (!names.includes('c')) {
            await db.createCollection('c', { vectors: { size: 8, distance: 'Cosine' } });
        }
        await db.collection('c').upsert(points(to).slice(from));
    }, [from, to]);
}

const count = (page) => page.evaluate(() => db.collection('c').count());

for (const store of ['opfs', 'indexeddb']) {
    describe(`a database in ${store}`, () => {
        let one;
        before(async () => { one = await visitor(); });
        after(() => one.close());

        test('is there after a reload, closed or not', async () => {
            const page = await one.tab();
            assert.equal(await open(page, { store }), 'open');
            await fill(page, 0, 300);
            // Gone without a word.
            await page.reload();
            assert.equal(await open(page, { store }), 'open');
            assert.equal(await count(page), 300);
            await fill(page, 300, 320);
            await page.evaluate(() => db.close());
            await page.reload();
            assert.equal(await open(page, { store }), 'open');
            assert.equal(await count(page), 320);
            const found = await page.evaluate(async () => {
                const { points } = await import('/tests/points.js');
                return db.collection('c').search(points(320)[310].vector, { limit: 1 });
            });
            assert.equal(found[0].id, 310);
            await page.close();
        });

        test('has one owner', async () => {
            const [first, second] = [await one.tab(), await one.tab()];
            assert.equal(await open(first, { store }), 'open');
            assert.equal(await open(second, { store }), 'locked');
            assert.match(await second.evaluate(() => db.message), /open in another tab/);
            await fill(first, 320, 321);
            assert.equal(await open(second, { store, name: 'other' }), 'open');
            await first.evaluate(() => db.close());
            assert.equal(await open(second, { store }), 'open');
            assert.equal(await count(second), 321);
            await Promise.all([first.close(), second.close()]);
        });

        test('works in a web worker', async () => {
            const page = await one.tab();
            const counted = await page.evaluate(async (store) => {
                const source = `
                    import { open } from '${location.origin}/skerry/index.js';
                    try {
                        const db = await open({ store: '${store}' });
                        const count = await db.collection('c').count();
                        await db.close();
                        postMessage(count);
                    } catch (error) {
                        postMessage(String(error));
                    }`;
                const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
                const worker = new Worker(url, { type: 'module' });
                return new Promise((resolve) => {
                    worker.onmessage = ({ data }) => resolve(data);
                    worker.onerror = (error) => resolve(error.message);
                });
            }, store);
            assert.equal(counted, 321);
            await page.close();
        });

        test('is removed when asked', async () => {
            const page = await one.tab();
            const names = await page.evaluate(async (store) => {
                const { destroy, open } = await import('/skerry/index.js');
                await destroy({ store });
                const db = await open({ store });
                const names = await db.collections();
                await db.close();
                return names;
            }, store);
            assert.deepEqual(names, []);
            await page.close();
        });
    });
}

test('a quota that is used up is told, and nothing is lost', async () => {
    const one = await visitor();
    const page = await one.tab();
    const session = await page.context().newCDPSession(page);
    await open(page, { store: 'opfs' });
    await fill(page, 0, 100);
    await session.send('Storage.overrideQuotaForOrigin', { origin: site.url, quotaSize: 1 });
    const refused = await page.evaluate(async () => {
        const { points } = await import('/tests/points.js');
        return db.collection('c').upsert(points(5000)).catch((error) => error.message);
    });
    assert.match(refused, /quota/);
    assert.equal(await count(page), 100);
    await session.send('Storage.overrideQuotaForOrigin', { origin: site.url });
    await fill(page, 100, 200);
    await page.reload();
    await open(page, { store: 'opfs' });
    assert.equal(await count(page), 200);
    await one.close();
});

test('Qdrant\'s client talks to the database of its own tab', async () => {
    const one = await visitor();
    const page = await one.tab();
    await open(page, { store: 'memory' });
    const seen = await page.evaluate(async () => {
        const { QdrantClient } = await import('/qdrant/index.js');
        const { points } = await import('/tests/points.js');
        db.intercept('http://skerry.invalid:6333');
        const client = new QdrantClient({ url: 'http://skerry.invalid:6333', checkCompatibility: false });
        await client.createCollection('c', { vectors: { size: 8, distance: 'Cosine' } });
        await client.upsert('c', { points: points(50), wait: true });
        const found = await client.query('c', { query: points(50)[7].vector, limit: 1 });
        return [(await client.count('c')).count, found.points[0].id];
    });
    assert.deepEqual(seen, [50, 7]);
    await one.close();
});

test('a service worker passes requests of any tab to the one with the database', async () => {
    const one = await visitor();
    const [owner, other] = [await one.tab(), await one.tab()];
    await open(owner, { store: 'memory' });
    await fill(owner, 0, 30);
    await owner.evaluate(async () => {
        db.serve('/here');
        await navigator.serviceWorker.register('/service-worker.js?prefix=/here');
        await navigator.serviceWorker.ready;
    });
    await other.reload();
    const seen = await other.evaluate(async () => {
        const { QdrantClient } = await import('/qdrant/index.js');
        const client = new QdrantClient({
            url: location.origin, prefix: '/here', checkCompatibility: false,
        });
        return (await client.count('c')).count;
    });
    assert.equal(seen, 30);
    await owner.close();
    const refused = await other.evaluate(async () => (await fetch('/here/collections')).status);
    assert.equal(refused, 503);
    await one.close();
});
