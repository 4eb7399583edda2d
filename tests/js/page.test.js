// The demonstration page in Chromium: made by its own script, searched, narrowed, and loaded again
// without a network.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { launch } from './chromium.js';
import { random, vector } from './points.js';
import { BINARY } from './server.js';
import { host } from './static_host.js';

const [COUNT, DIM] = [1500, 16];
const folder = mkdtempSync(join(tmpdir(), 'skerry-page-'));
const open = [];
let page;
let context;
let site;

/** An array of f32 in NumPy's format. */
function npy(rows) {
    const shape = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${DIM}), }`;
    const header = shape.padEnd(118 - 1) + '\n';
    const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]);
    return Buffer.concat([start, Buffer.from(header), Buffer.from(Float32Array.from(rows.flat()).buffer)]);
}

before(async () => {
    const chance = random(5);
    const rows = Array.from({ length: COUNT }, () => vector(chance, DIM));
    const packages = rows.map((_, at) => JSON.stringify({
        name: `package${at}`, section: at % 2 ? 'net' : 'math', installed_size: at,
        description: `The package number ${at}`,
    }));
    const [vectors, lines, out] = ['v.npy', 'p.jsonl', 'site'].map((name) => join(folder, name));
    writeFileSync(vectors, npy(rows));
    writeFileSync(lines, `${packages.join('\n')}\n`);
    const script = new URL('../../examples/browser/prepare', import.meta.url).pathname;
    const env = { ...process.env, SKERRY_BIN: BINARY };
    const done = spawnSync(script, [vectors, lines, out], { encoding: 'utf8', env });
    assert.equal(done.status, 0, done.stderr);
    site = await host([['/site/', out]]);
    open.push(() => site.close());
    const browser = await launch();
    open.push(() => browser.close());
    context = await browser.newContext();
    page = await context.newPage();
});
after(async () => {
    for (const close of open.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
});

const text = (id) => page.textContent(`#${id}`);

/** Loads the page and waits until it can be used. */
async function visit() {
    await page.goto(`${site.url}/site/index.html`);
    await page.waitForSelector('body[data-ready=yes]', { timeout: 30_000 });
    assert.equal(await text('t-points'), COUNT.toLocaleString('en'));
}

/** Types a name, and gives the names of what is like it. */
async function search(name) {
    await page.fill('#query', name);
    await page.press('#query', 'Enter');
    await page.waitForFunction((name) => document.querySelector('#chosen b')?.textContent === name, name);
    return page.locator('#results b').allTextContents();
}

test('packages are found by meaning and narrowed by facts', async () => {
    await visit();
    assert.match(await text('t-network'), /[1-9].* kB/);
    const all = await search('package7');
    assert.equal(all.length, 12);
    assert.ok(!all.includes('package7'));
    await page.selectOption('#section', 'math');
    await page.waitForFunction(() => document.querySelectorAll('#results .tag').length === 12
        && [...document.querySelectorAll('#results .tag')].every((tag) => tag.textContent === 'math'));
    assert.match(await text('t-search'), /ms$/);
    await page.fill('#query', 'no such package');
    await page.press('#query', 'Enter');
    await page.waitForFunction(() => document.querySelector('#message').textContent.includes('no package'));
});

test('a second load needs no network', async () => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    await visit();
    assert.equal(await text('t-network'), '0 kB');
    assert.equal(await text('t-online'), 'offline');
    assert.equal((await search('package8')).length, 12);
});
