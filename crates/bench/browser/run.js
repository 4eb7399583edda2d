// `node run.js [COUNT] [DIM] [LIBRARY…]`: a native process with the kernels of WebAssembly, then the
// npm package and its peers (or those named) in one Chromium, one after the other, each in a page of
// its own. Like is compared with like: an index alone here and there, and a database here and there.
// scripts/bench-browser installs what this needs.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { launch } from '../../../tests/js/chromium.js';
import { random, vector } from '../../../tests/js/points.js';
import { host } from '../../../tests/js/static_host.js';

const [count, dim] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 96)];
/** As many as the native benchmark takes of a file: the first tenth of it. */
const QUERIES = Math.min(2000, Math.floor(Math.round(count * 10 / 9) / 10));
/** Those of libraries that take no width are measured once. */
const EFS = [16, 32, 64, 128];
const WIDTHS = {
    'skerry index': EFS, skerry: EFS, 'skerry batch': EFS,
    edgevec: [64], 'hnswlib-wasm': EFS, 'voy-search': [0],
};
/** What each of ours is held against, if there is something. */
const AGAINST = {
    'skerry index': 'native index', skerry: 'native database', 'skerry batch': 'native database',
};
const wanted = process.argv.slice(4);
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

/** The queries and then the rows, each behind its number of components. */
function fvecs(...parts) {
    const rows = parts.flatMap((flat) => Array.from({ length: flat.length / dim }, (_, at) => [
        Buffer.from(Int32Array.of(dim).buffer),
        Buffer.from(flat.buffer, 4 * at * dim, 4 * dim),
    ]));
    return Buffer.concat(rows.flat());
}

/** The same vectors in a native process, with the kernels that WebAssembly has. */
function native() {
    const report = join(data, 'native.json');
    const run = spawnSync(here('../../../target/release/skerry-bench'), [
        'index', '--data', join(data, 'all.fvecs'), '--level', 'portable', '--cache', data,
        '--m', '16', '--ef-construct', '100', '--efs', EFS.join(), '--database', '--json', report,
    ]);
    if (run.status !== 0) throw new Error(`${run.error ?? run.stderr}`);
    const [{ engines }] = JSON.parse(readFileSync(report, 'utf8'));
    const measured = ({ build_s, points }) => ({
        buildMs: 1000 * build_s,
        results: points.map(({ ef, recall, qps }) => ({ ef, recall, meanMs: 1000 / qps })),
    });
    const [index, database] = engines.map(measured);
    return { 'native index': index, 'native database': database };
}

function print(name, measured) {
    for (const { ef, recall, meanMs } of measured.results) {
        console.log([
            name.padEnd(15), (measured.buildMs / 1000).toFixed(1).padStart(8), `${ef || '-'}`.padStart(6),
            recall.toFixed(3).padStart(8), meanMs.toFixed(3).padStart(10), (1000 / meanMs).toFixed(0).padStart(11),
        ].join(' '));
    }
}

const chance = random(5);
const centres = Array.from({ length: 200 }, () => vector(chance, dim));
const [base, queries] = [make(count, chance, centres), make(QUERIES, chance, centres)];
writeFileSync(join(data, 'base.f32'), base);
writeFileSync(join(data, 'queries.f32'), queries);
writeFileSync(join(data, 'all.fvecs'), fvecs(queries, base));
const site = await host([
    ['/skerry/', here('../../../wasm/build')],
    ['/node_modules/', here('node_modules')],
    ['/data/', data],
    ['/page.js', here('page.js')],
    ['/guest.wasm', process.env.SKERRY_GUEST],
]);
const browser = await launch();
console.log(`${count} vectors of ${dim} components, ${QUERIES} queries, 10 nearest, cosine`);
console.log('library          build s     ef   recall   ms/query   queries/s');
const all = native();
for (const [name, measured] of Object.entries(all)) print(name, measured);
for (const [name, widths] of Object.entries(WIDTHS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const page = await browser.newPage();
    await page.goto(site.url);
    const measured = await page.evaluate(async ([name, dim, widths]) => {
        const { measure } = await import('/page.js');
        return measure(name, dim, widths);
    }, [name, dim, widths]).catch((error) => error);
    await page.close();
    if (measured instanceof Error) {
        console.log(`${name.padEnd(15)} failed: ${measured.message.split('\n')[0]}`);
        continue;
    }
    print(name, measured);
    all[name] = measured;
}
for (const [name, other] of Object.entries(AGAINST)) {
    const shares = all[name]?.results.map(({ ef, meanMs }, at) => (
        `${(100 * all[other].results[at].meanMs / meanMs).toFixed(0)} % at ${ef}`
    ));
    if (shares) console.log(`${name}: of the speed of ${other} ${shares.join(', ')}`);
}
await browser.close();
await site.close();
rmSync(data, { recursive: true, force: true });
