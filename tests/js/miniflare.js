// The built worker in workerd, as wrangler.toml describes it.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { Miniflare } from 'miniflare';

export const BUILD = new URL('../../workers/build/', import.meta.url).pathname;

/** What the build has left, the entry first. */
function modules() {
    const names = readdirSync(BUILD, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
    const module = (name) => ({
        type: name.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule', path: join(BUILD, name),
    });
    return ['index.js', ...names.filter((name) => name !== 'index.js')].map(module);
}

/**
 * The worker on a bucket in `folder`, which outlives it. Of several instances each answers
 * requests, and all have the Durable Object of the first, as a platform has it.
 */
export async function platform(folder, { bindings = {}, instances = ['skerry'], ...options } = {}) {
    const worker = (name) => ({
        name,
        compatibilityDate: '2026-04-01',
        modules: modules(),
        modulesRoot: BUILD,
        r2Buckets: ['BUCKET'],
        durableObjects: {
            SHARD: {
                className: 'Shard',
                useSQLite: true,
                ...(name === instances[0] ? {} : { scriptName: instances[0] }),
            },
        },
        bindings,
    });
    const miniflare = new Miniflare({
        workers: instances.map(worker), r2Persist: join(folder, 'r2'), ...options,
    });
    await miniflare.ready;
    return miniflare;
}
