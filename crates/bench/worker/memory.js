// `node memory.js FOLDER COLLECTION [SEARCHES]`: memory of an isolate of workerd that answers searches
// in what `skerry sync` has pushed to FOLDER. Points with the ids 0, 1, … are what is searched for.
// scripts/build-worker builds what this runs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import WebSocket from '../../../tests/js/node_modules/ws/wrapper.mjs';
import { platform } from '../../../tests/js/miniflare.js';

const [pushed, collection, count = '400'] = process.argv.slice(2);
if (!collection) throw new Error('node memory.js FOLDER COLLECTION [SEARCHES]');
const folder = mkdtempSync(join(tmpdir(), 'skerry-memory-'));
const MB = 1e6;

const list = readFileSync(join(pushed, 'objects.txt'), 'utf8').split('\n').slice(1, -2);
const filling = await platform(folder);
const bucket = await filling.getR2Bucket('BUCKET');
for (const key of list.map((line) => line.split(' ')[1])) {
    await bucket.put(key, new Uint8Array(readFileSync(join(pushed, key))).buffer);
}
await filling.dispose();

const running = await platform(folder, { inspectorPort: 9339 });
const { origin } = await running.ready;

/** What V8 has beside the memory of the module, garbage collected. */
async function heap() {
    const targets = await (await fetch('http://127.0.0.1:9339/json')).json();
    const urls = targets.map(({ webSocketDebuggerUrl: url }) => url);
    const webSocketDebuggerUrl = urls.find((url) => url.includes('core:user:'));
    const socket = new WebSocket(webSocketDebuggerUrl);
    await new Promise((resolve) => { socket.once('open', resolve); });
    const ask = (id, method) => new Promise((resolve) => {
        const heard = (data) => {
            const answer = JSON.parse(data);
            if (answer.id === id) resolve(answer.result);
        };
        socket.on('message', heard);
        socket.send(JSON.stringify({ id, method, params: {} }));
    });
    // It is done before the next is answered, and is not always answered itself.
    ask(1, 'HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize } = await ask(2, 'Runtime.getHeapUsage');
    socket.close();
    return usedSize + backingStorageSize;
}

async function tell(what) {
    const beside = await heap();
    // This is the Durable Object's, which opens the collection too, to tell of it: so it comes last.
    const response = await fetch(`${origin}/qdrant/telemetry?details_level=1`);
    const module = (await response.json()).result.memory.resident_bytes;
    const mb = (bytes) => (bytes / MB).toFixed(1);
    console.log(`${what}: module ${mb(module)} MB, beside it ${mb(beside)} MB, ${mb(module + beside)} MB`);
}

async function search(query) {
    const url = `${origin}/qdrant/collections/${collection}/points/query`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, limit: 10 }) });
    if (!response.ok) throw new Error(await response.text());
}

for (let id = 0; id < Number(count); id++) await search(id);
await tell(`after ${count} searches`);
await running.dispose();
rmSync(folder, { recursive: true, force: true });
