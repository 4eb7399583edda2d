// What `skerry sync` has pushed to any static host, read by ranges and never written.
//
// The host cannot list, so the push ends with a list of objects. What is not in it does not exist
// here, which saves the requests that find nothing, and makes every reader see one state however
// long it reads. Blocks are kept in the browser's cache, so a second visit needs no network.

import { SkerryError } from '../errors.js';
import { resolve } from './bytes.js';

const LIST = 'objects.txt';
const BLOCK_BYTES = 256 * 1024;
/** What is not longer is pages of rows, whose neighbours are of no use: it comes alone. */
const PAGES_BYTES = 64 * 1024;
/** Blocks that are asked for in one request. */
const RUN_BLOCKS = 16;
const REQUESTS_AT_ONCE = 6;
const CACHE = 'skerry-blocks';

export class HttpStore {
    #base;
    #objects;
    #version;
    #cache;
    #fetch;
    #signal;
    #onProgress;
    #running = 0;
    #waiting = [];
    #progress = { received: 0, cached: 0, requests: 0 };

    /** The objects below `url`, as its list names them. */
    static async open(url, { signal, onProgress, cache = true, fetch = globalThis.fetch } = {}) {
        const store = new HttpStore();
        store.#base = new URL(`${url}`.endsWith('/') ? url : `${url}/`, globalThis.location?.href);
        store.#signal = signal;
        store.#onProgress = onProgress;
        store.#fetch = (...args) => fetch(...args);
        store.#cache = cache ? await globalThis.caches?.open(CACHE) ?? null : null;
        const text = await store.#list();
        store.#objects = parse(text, store.#base);
        store.#version = await digest(text);
        return store;
    }

    /** Bytes that came over the network and out of the cache, and the number of requests. */
    get progress() {
        return { ...this.#progress };
    }

    async put() {
        throw readOnly();
    }

    async delete() {
        throw readOnly();
    }

    async get(key, offset, length) {
        const size = this.#objects.get(key);
        if (size === undefined) return null;
        const place = resolve(size, offset, length);
        if (place === null) return { bytes: null, size };
        const [start, end] = place;
        if (end - start <= PAGES_BYTES && size > BLOCK_BYTES) {
            return { bytes: await this.#pages(key, start, end, size), size };
        }
        const bytes = new Uint8Array(end - start);
        const first = Math.floor(start / BLOCK_BYTES);
        const last = Math.ceil(end / BLOCK_BYTES);
        const missing = [];
        const take = (block, from) => {
            const at = block * BLOCK_BYTES;
            const [cutStart, cutEnd] = [Math.max(start, at), Math.min(end, at + from.length)];
            bytes.set(from.subarray(cutStart - at, cutEnd - at), cutStart - start);
        };
        await Promise.all(Array.from({ length: last - first }, async (_, index) => {
            const block = first + index;
            const kept = await this.#keptBlock(key, block, size);
            if (kept === null) missing.push(block);
            else take(block, kept);
        }));
        missing.sort((a, b) => a - b);
        await Promise.all(runs(missing).map(([from, count]) => this.#turn(async () => {
            const at = from * BLOCK_BYTES;
            const run = await this.#range(key, at, Math.min(size, at + count * BLOCK_BYTES), size);
            for (let index = 0; index < count; index++) {
                const block = run.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
                take(from + index, block);
                await keepIn(this.#cache, this.#name(key, from + index), block);
            }
        })));
        return { bytes, size };
    }

    /** Bytes that are wanted without those around them. */
    async #pages(key, start, end, size) {
        const name = this.#name(key, `${start}-${end}`);
        const kept = await this.#kept(name, end - start);
        if (kept !== null) return kept;
        // What a download has left; the range may lie across two blocks.
        const first = Math.floor(start / BLOCK_BYTES);
        const blocks = await Promise.all(Array.from(
            { length: Math.ceil(end / BLOCK_BYTES) - first },
            (_, index) => this.#keptBlock(key, first + index, size),
        ));
        if (blocks.every((block) => block !== null)) {
            const bytes = new Uint8Array(end - start);
            for (const [index, block] of blocks.entries()) {
                const at = (first + index) * BLOCK_BYTES - start;
                bytes.set(block.subarray(Math.max(0, -at), bytes.length - at), Math.max(0, at));
            }
            return bytes;
        }
        return this.#turn(async () => {
            const bytes = await this.#range(key, start, end, size);
            await keepIn(this.#cache, name, bytes);
            return bytes;
        });
    }

    /** What the cache has of these bytes is damaged. */
    async forget(key, offset, length) {
        const size = this.#objects.get(key);
        const place = size === undefined ? null : resolve(size, offset, length);
        if (place === null || !this.#cache) return;
        const [start, end] = place;
        const names = [this.#name(key, `${start}-${end}`)];
        for (let block = Math.floor(start / BLOCK_BYTES); block * BLOCK_BYTES < end; block++) {
            names.push(this.#name(key, block));
        }
        await Promise.all(names.map((name) => this.#cache.delete(name)));
    }

    /** Reads all that is not in the cache. */
    async download(signal) {
        if (!this.#cache) throw new SkerryError('unsupported', 'there is no cache to download to');
        for (const [key, size] of this.#objects) {
            for (let start = 0; start < size; start += RUN_BLOCKS * BLOCK_BYTES) {
                signal?.throwIfAborted();
                await this.get(key, start, Math.min(RUN_BLOCKS * BLOCK_BYTES, size - start));
            }
        }
    }

    async size(key) {
        return this.#objects.get(key) ?? null;
    }

    async list(prefix) {
        return [...this.#objects].filter(([key]) => key.startsWith(prefix));
    }

    async close() {}

    /** The list, as the network has it now, or as it was when there is no network. */
    async #list() {
        const url = new URL(LIST, this.#base);
        let response;
        try {
            response = await this.#fetch(url, { signal: this.#signal, cache: 'no-cache' });
        } catch (error) {
            this.#signal?.throwIfAborted();
            const kept = await this.#cache?.match(url);
            if (kept) return kept.text();
            throw new SkerryError('unavailable', `${url} cannot be reached: ${error.message}`, {
                cause: error,
            });
        }
        if (!response.ok) {
            throw new SkerryError(
                response.status === 404 ? 'not-found' : 'unavailable',
                `${url} answers ${response.status}; was it pushed by \`skerry sync\`?`,
            );
        }
        const text = await response.text();
        await keepIn(this.#cache, url, text);
        return text;
    }

    /** Bytes of an object from `start` to `end`, over the network. */
    async #range(key, start, end, size) {
        const url = new URL(key, this.#base);
        const headers = { range: `bytes=${start}-${end - 1}` };
        let failure;
        for (let attempt = 0; attempt < 3; attempt++) {
            this.#signal?.throwIfAborted();
            try {
                const response = await this.#fetch(url, { headers, signal: this.#signal });
                this.#progress.requests++;
                if (response.status !== 206 && response.status !== 200) {
                    failure = new SkerryError('unavailable', `${url} answers ${response.status}`);
                    if (response.status < 500) throw failure;
                    continue;
                }
                const all = new Uint8Array(await response.arrayBuffer());
                // A host that knows no ranges sends everything.
                const bytes = response.status === 200 && all.length === size
                    ? all.subarray(start, end) : all;
                const total = response.headers.get('content-range')?.split('/')[1];
                const other = total !== undefined && total !== '*' && Number(total) !== size;
                if (bytes.length !== end - start || other) {
                    throw new SkerryError('corrupt', `${url} is not the object of ${size} bytes that the list names`);
                }
                this.#progress.received += all.length;
                this.#tell();
                return bytes;
            } catch (error) {
                this.#signal?.throwIfAborted();
                if (error instanceof SkerryError) throw error;
                failure = new SkerryError('unavailable', `${url} cannot be read: ${error.message}`, {
                    cause: error,
                });
            }
        }
        throw failure;
    }

    /** Parts have names that are used once; a log's numbers begin anew in another database. */
    #name(key, block) {
        const version = key.includes('/seg/') ? '' : `&list=${this.#version}`;
        return new URL(`${key}?block=${block}${version}`, this.#base);
    }

    #keptBlock(key, block, size) {
        return this.#kept(this.#name(key, block), Math.min(BLOCK_BYTES, size - block * BLOCK_BYTES));
    }

    async #kept(name, length) {
        const kept = await this.#cache?.match(name);
        if (!kept) return null;
        const bytes = new Uint8Array(await kept.arrayBuffer());
        if (bytes.length !== length) return null;
        this.#progress.cached += bytes.length;
        this.#tell();
        return bytes;
    }

    #tell() {
        this.#onProgress?.(this.progress);
    }

    /** Waits for its turn: a browser opens few connections to a host anyway. */
    async #turn(work) {
        if (this.#running >= REQUESTS_AT_ONCE) {
            await new Promise((resolve) => { this.#waiting.push(resolve); });
        }
        this.#running++;
        try {
            return await work();
        } finally {
            this.#running--;
            this.#waiting.shift()?.();
        }
    }
}

/** A cache that is full or forbidden makes the next visit slower, and nothing worse. */
async function keepIn(cache, url, body) {
    try {
        await cache?.put(url, new Response(body));
    } catch {
        // As above.
    }
}

/** The list of objects: a line with its version, a line for each object, a line that ends it. */
function parse(text, base) {
    const lines = text.split('\n');
    const damaged = () => new SkerryError('corrupt', `the list of objects at ${base} is damaged`);
    if (lines[0] !== 'skerry objects 1') throw damaged();
    const objects = new Map();
    for (const line of lines.slice(1, -2)) {
        const [, size, key] = /^(\d+) (\S+)$/.exec(line) ?? [];
        if (key === undefined) throw damaged();
        objects.set(key, Number(size));
    }
    // The last line says how many there are, so that a list that was cut short is known.
    if (lines.at(-2) !== `end ${objects.size}` || lines.at(-1) !== '') throw damaged();
    return objects;
}

async function digest(text) {
    const bytes = new TextEncoder().encode(text);
    const hash = await globalThis.crypto?.subtle?.digest('SHA-256', bytes);
    const first = new Uint8Array(hash ?? new ArrayBuffer(8)).subarray(0, 8);
    return Array.from(first, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Neighbours that are missing together are asked for together: pairs of first and count. */
function runs(blocks) {
    const found = [];
    for (const block of blocks) {
        const last = found.at(-1);
        if (last && last[0] + last[1] === block && last[1] < RUN_BLOCKS) last[1]++;
        else found.push([block, 1]);
    }
    return found;
}

function readOnly() {
    const error = new Error('what was opened by its address can only be read');
    error.name = 'ReadOnlyStoreError';
    return error;
}
