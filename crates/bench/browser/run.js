// `node run.js [COUNT] [DIM]`: the npm package and its peers in one Chromium, one after the other,
// each in a page of its own. scripts/bench-browser installs what this needs.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { launch } from '../../../tests/js/chromium.js';
import { random, vector } from '../../../tests/js/points.js';
import { host } from '../../../tests/js/static_host.js';

const [count, dim] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 96)];
const QUERIES = 200;
/** Those of libraries that take no width are measured once. */
const WIDTHS = { skerry: [16, 32, 64, 128], edgevec: [64], 'hnswlib-wasm': [16, 32, 64, 128], 'voy-search': [0] };
const here = (path) => new URL(path, import.meta.url).pathname;
const data = mkdtempSync(join(tmpdir(), 'skerry-bench-'));

/** Clusters of unlike density, of unit length, as embeddings are. */
function make(rows, chance, centres) {
    const flat = new Float32Array(rows * dim);
    for (let row = 0; row < rows; row++) {
        const centre = centres[Math.floor(chance() * centres.length)];
        const noise = vector(chance, dim);
        const sum = centre.map((component, at) => component + 0.7 * noise[at]);
        const length = Math.hypot(...sum);
        flat.set(sum.map((component) => component / length), row * dim);
    }
    return flat;
}

const chance = random(5);
const centres = Array.from({ length: 200 }, () => vector(chance, dim));
writeFileSync(join(data, 'base.f32'), make(count, chance, centres));
writeFileSync(join(data, 'queries.f32'), make(QUERIES, chance, centres));
const site = await host([
    ['/skerry/', here('../../../wasm/build')],
    ['/node_modules/', here('node_modules')],
    ['/data/', data],
    ['/page.js', here('page.js')],
]);
const browser = await launch();
console.log(`${count} vectors of ${dim} components, ${QUERIES} queries, 10 nearest, cosine`);
console.log('library         build s     ef   recall   ms/query   queries/s');
for (const [name, widths] of Object.entries(WIDTHS)) {
    const page = await browser.newPage();
    await page.goto(site.url);
    const measured = await page.evaluate(async ([name, dim, widths]) => {
        const { measure } = await import('/page.js');
        return measure(name, dim, widths);
    }, [name, dim, widths]).catch((error) => error);
    await page.close();
    if (measured instanceof Error) {
        console.log(`${name.padEnd(14)} failed: ${measured.message.split('\n')[0]}`);
        continue;
    }
    for (const { ef, recall, meanMs } of measured.results) {
        console.log([
            name.padEnd(14), (measured.buildMs / 1000).toFixed(1).padStart(8), `${ef || '-'}`.padStart(6),
            recall.toFixed(3).padStart(8), meanMs.toFixed(3).padStart(10), (1000 / meanMs).toFixed(0).padStart(11),
        ].join(' '));
    }
}
await browser.close();
await site.close();
rmSync(data, { recursive: true, force: true });
