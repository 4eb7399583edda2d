// `node run.js [COUNT] [DIM]`: processor time of workerd from its start to the first answer of a
// search, over a collection that a worker before it has written and indexed. Its parts are what an
// empty worker takes, what the module takes (a route that needs no collection), and the rest. The
// bucket is simulated in the same process: what a worker of a few lines takes to read the same parts
// is told too, because on the platform it is not the worker's.
// scripts/build-worker builds what this runs.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Miniflare } from '../../../tests/js/node_modules/miniflare/dist/src/index.js';
import { platform } from '../../../tests/js/miniflare.js';
import { random, vector } from '../../../tests/js/points.js';

const [count, dim] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 384)];
const RUNS = 7;
const TICK_MS = 10;
const folder = mkdtempSync(join(tmpdir(), 'skerry-cold-'));

/** Milliseconds of processor time that all workerd processes of this one have used. */
function used() {
    let sum = 0;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
            const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
            const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
            const mine = Number(fields[1]) === process.pid && stat.includes('(workerd)');
            if (mine) sum += (Number(fields[11]) + Number(fields[12])) * TICK_MS;
        } catch {
            // It ended meanwhile.
        }
    }
    return sum;
}

async function ask(origin, method, path, body) {
    // An idle connection is closed while the worker builds its index.
    const headers = { 'content-type': 'application/json', connection: 'close' };
    const response = await fetch(`${origin}/qdrant${path}`, {
        method, headers, body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer.result;
}

async function fill() {
    const running = await platform(folder);
    const { origin } = await running.ready;
    await ask(origin, 'PUT', '/collections/c', {
        vectors: { size: dim, distance: 'Cosine' }, optimizers_config: { indexing_threshold: 1 },
    });
    const chance = random(3);
    for (let at = 0; at < count; at += 500) {
        const points = Array.from({ length: Math.min(500, count - at) }, (_, i) => ({
            id: at + i, vector: vector(chance, dim), payload: { group: (at + i) % 7 },
        }));
        await ask(origin, 'PUT', '/collections/c/points?wait=true', { points });
    }
    let info;
    do {
        await new Promise((resolve) => { setTimeout(resolve, 500); });
        info = await ask(origin, 'GET', '/collections/c');
    } while (info.status !== 'green' || info.indexed_vectors_count < count * 0.9);
    // The checkpoint follows.
    await new Promise((resolve) => { setTimeout(resolve, 3000); });
    await running.dispose();
}

/** Processor time of a fresh workerd up to the end of `first`. */
async function cold(start, first) {
    const running = await start();
    const { origin } = await running.ready;
    await first(origin);
    const ms = used();
    await running.dispose();
    return ms;
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measured(start, first) {
    const times = [];
    for (let run = 0; run < RUNS; run++) times.push(await cold(start, first));
    return median(times);
}

await fill();
const empty = () => new Miniflare({
    modules: true, compatibilityDate: '2026-04-01',
    script: 'export default { fetch() { return new Response("{}"); } }',
});
/** Reads the parts of the bucket, and does nothing with them. */
const reader = () => new Miniflare({
    modules: true, compatibilityDate: '2026-04-01', r2Buckets: ['BUCKET'], r2Persist: join(folder, 'r2'),
    durableObjects: { SHARD: { className: 'Shard', useSQLite: true } },
    script: `export class Shard {
        constructor(state, env) { this.bucket = env.BUCKET; }
        async fetch() {
            let bytes = 0;
            for (const { key } of (await this.bucket.list()).objects) {
                if (!key.includes('/seg/') && !key.includes('/ckpt/')) continue;
                bytes += (await (await this.bucket.get(key)).arrayBuffer()).byteLength;
            }
            return new Response(bytes);
        }
    }
    export default { fetch: (request, env) => env.SHARD.getByName('main').fetch(request) };`,
});
const query = vector(random(9), dim);
const nothing = await measured(empty, (origin) => fetch(origin));
const read = await measured(reader, async (origin) => {
    const bytes = Number(await (await fetch(origin)).text());
    if (!(bytes > 4 * count * dim)) throw new Error(`the bucket has ${bytes} bytes of parts only`);
});
const module = await measured(() => platform(folder), (origin) => ask(origin, 'GET', '/collections'));
const search = await measured(() => platform(folder), (origin) => (
    ask(origin, 'POST', '/collections/c/points/query', { query, limit: 10 })
));
console.log(`${count} vectors of ${dim} components; medians of ${RUNS} starts, ms of processor time`);
console.log(`an empty worker ${nothing}, with the module and its catalog ${module}, first search ${search}`);
console.log(`from the start to the first answer, less an empty worker: ${search - nothing} ms`);
console.log(`of these the simulated bucket takes ${read - nothing} ms to give the same parts to a worker`);
rmSync(folder, { recursive: true, force: true });
