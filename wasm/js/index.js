// Skerry in a browser tab, a web worker or node. index.d.ts describes what is exported.

import init, { Engine } from './engine.js';
import { Collection } from './collection.js';
import { SkerryError } from './errors.js';
import { HttpStore } from './stores/http.js';
import { IndexedDbStore } from './stores/indexeddb.js';
import { MemoryStore } from './stores/memory.js';
import * as opfs from './stores/opfs.js';

export { Collection, SkerryError };

/** A place that no page can have: what a request without an origin of its own is sent to. */
const ORIGIN = 'http://skerry.invalid';

const NOTHING = new Uint8Array();
const JSON_HEADERS = [['content-type', 'application/json']];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

let loading;

/** Compiles the module once, from beside this file unless `module` says where else. */
async function load(module) {
    loading ??= (async () => {
        let source = module ?? new URL('./engine_bg.wasm', import.meta.url);
        if (source instanceof URL && source.protocol === 'file:') {
            const { readFile } = await import(/* @vite-ignore */ 'node:fs/promises');
            source = await readFile(source);
        }
        await init({ module_or_path: source });
    })();
    try {
        await loading;
    } catch (error) {
        loading = undefined;
        throw error;
    }
}

async function openStore(kind, name) {
    if (typeof kind === 'object') return kind;
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
        throw new SkerryError('invalid', 'a store\'s name is 1 to 64 of the characters A-Z a-z 0-9 _ -');
    }
    switch (kind) {
    case 'memory': return new MemoryStore();
    case 'opfs':
        // What a browser without it would say is not understood by anybody.
        if (!opfs.isSupported()) {
            throw new SkerryError('unsupported', 'there is no private file system here; try "indexeddb"');
        }
        return opfs.OpfsStore.open(name);
    case 'indexeddb':
        if (globalThis.indexedDB === undefined) {
            throw new SkerryError('unsupported', 'there is no IndexedDB here; try "memory"');
        }
        return IndexedDbStore.open(name);
    default:
        throw new SkerryError('invalid', `there is no store "${kind}": "opfs", "indexeddb" or "memory"`);
    }
}

async function openOn(store, { readOnly = false, paged = false, root = 'qdrant', module, signal }) {
    try {
        await load(module);
        const engine = await Engine.open(store, readOnly, paged, root);
        signal?.throwIfAborted();
        return new Database(engine, store);
    } catch (error) {
        await store.close();
        // The engine knows why a store failed only by its words.
        signal?.throwIfAborted();
        throw error;
    }
}

export async function open({ store, name = 'default', ...options } = {}) {
    options.signal?.throwIfAborted();
    const kind = store ?? (opfs.isSupported() ? 'opfs' : 'indexeddb');
    return openOn(await openStore(kind, name), options);
}

export async function openRemote(url, options = {}) {
    const store = await HttpStore.open(url, options);
    return openOn(store, { paged: true, ...options, readOnly: true });
}

export async function destroy({ store, name = 'default' } = {}) {
    const kind = store ?? (opfs.isSupported() ? 'opfs' : 'indexeddb');
    if (kind === 'opfs') await opfs.OpfsStore.destroy(name);
    else if (kind === 'indexeddb') await IndexedDbStore.destroy(name);
    else throw new SkerryError('invalid', `nothing is kept in "${kind}"`);
}

export class Database {
    #engine;
    #store;
    #failure;
    #closed;

    constructor(engine, store) {
        this.#engine = engine;
        this.#store = store;
    }

    /** As the global `fetch`, answered by this database whatever the origin. */
    async fetch(input, init) {
        const url = typeof input === 'string' && input.startsWith('/') ? ORIGIN + input : input;
        // The dispatcher that clients for node bring along is for sockets.
        const { dispatcher: _, ...rest } = init ?? {};
        const request = new Request(url, rest);
        const { signal } = request;
        signal.throwIfAborted();
        const body = new Uint8Array(await request.arrayBuffer());
        const answer = await this.#exchange(request.method, request.url, [...request.headers], body, signal);
        const { status } = answer;
        const response = new Response([204, 304].includes(status) ? null : answer.body(), {
            status, headers: answer.headers,
        });
        answer.free();
        return response;
    }

    /** Fetches all that is not in the browser's cache, so that nothing needs the network any more. */
    async download({ signal } = {}) {
        if (!(this.#store instanceof HttpStore)) {
            throw new SkerryError('unsupported', 'only what was opened by its address is downloaded');
        }
        await this.#store.download(signal);
    }

    #exchange(method, url, headers, body, signal) {
        return this.#ask((engine) => engine.exchange(method, url, headers, body), signal);
    }

    /** What `question` asks of the engine, unless the signal or a trap comes first. */
    async #ask(question, signal) {
        this.#refuse();
        const answering = question(this.#engine);
        const aborted = signal && new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
        try {
            return await (aborted ? Promise.race([answering, aborted]) : answering);
        } catch (error) {
            throw await this.#meant(error);
        }
    }

    /** Throws when there is nothing to ask any more. */
    #refuse() {
        if (this.#failure) throw this.#failure;
        if (this.#closed) throw new SkerryError('closed', 'the database is closed');
    }

    /** What is told of an error of the engine. */
    async #meant(error) {
        if (!(error instanceof WebAssembly.RuntimeError)) return error;
        // A trap leaves memory in an unknown state. What was acknowledged is in the store.
        this.#failure = new SkerryError('internal',
            `the engine has stopped: ${error.message}; open the database again`, { cause: error });
        await this.#store.close();
        return this.#failure;
    }

    /** A route of the HTTP interface, its body and its result as values. */
    async call(method, path, body, { signal } = {}) {
        signal?.throwIfAborted();
        // Not through `fetch`: a request and a response as objects cost as much as a search.
        const bytes = body === undefined ? NOTHING : encoder.encode(JSON.stringify(plain(body)));
        const headers = body === undefined ? [] : JSON_HEADERS;
        const answer = await this.#exchange(method, `${ORIGIN}/qdrant${path}`, headers, bytes, signal);
        const { status } = answer;
        const text = decoder.decode(answer.body());
        answer.free();
        if (status >= 300) {
            throw new SkerryError(codeOf(status), complaint(text) ?? `status ${status}`);
        }
        return JSON.parse(text).result;
    }

    /**
     * For the typed calls: as `#ask`, of what the engine mostly answers before it returns. Then
     * that comes and no promise, which would cost as much as a search.
     */
    askNow(question, signal) {
        signal?.throwIfAborted();
        this.#refuse();
        let answer;
        try {
            answer = question(this.#engine);
        } catch (error) {
            return this.#meant(error).then((meant) => { throw meant; });
        }
        // Only what waits for the store can be waited for.
        return answer instanceof Promise ? this.#ask(() => answer, signal) : answer;
    }

    /** Lets requests to `origin` that this page makes with the global `fetch` come here. */
    intercept(origin = ORIGIN) {
        const { origin: mine } = new URL(origin);
        const before = globalThis.fetch;
        const replaced = (input, init) => {
            const url = new URL(input?.url ?? input, globalThis.location?.href);
            return url.origin === mine ? this.fetch(input, init) : before(input, init);
        };
        globalThis.fetch = replaced;
        return () => { if (globalThis.fetch === replaced) globalThis.fetch = before; };
    }

    /** Answers what the package's service worker passes on, below `prefix`. */
    serve(prefix = '/skerry') {
        const workers = globalThis.navigator.serviceWorker;
        const listener = async ({ data, ports }) => {
            if (data?.skerry !== 'request' || data.prefix !== prefix) return;
            const [port] = ports;
            port.postMessage({ mine: true });
            try {
                const { method, path, headers, body } = data;
                const answer = await this.#exchange(method, ORIGIN + path, headers, body);
                const bytes = answer.body();
                port.postMessage({ status: answer.status, headers: answer.headers, body: bytes }, [bytes.buffer]);
                answer.free();
            } catch (error) {
                port.postMessage({ error: error.message });
            }
        };
        workers.addEventListener('message', listener);
        workers.startMessages();
        return () => workers.removeEventListener('message', listener);
    }

    async collections(options) {
        const { collections } = await this.call('GET', '/collections', undefined, options);
        return collections.map(({ name }) => name);
    }

    async createCollection(name, settings, options) {
        await this.call('PUT', `/collections/${encodeURIComponent(name)}`, settings, options);
        return this.collection(name);
    }

    async deleteCollection(name, options) {
        return this.call('DELETE', `/collections/${encodeURIComponent(name)}`, undefined, options);
    }

    collection(name) {
        return new Collection(this, name);
    }

    /** Finishes what was asked for, and gives the store back. */
    async close() {
        this.#closed ??= (async () => {
            try {
                if (!this.#failure) await this.#engine.close();
            } finally {
                await this.#store.close();
            }
        })();
        await this.#closed;
    }
}

/** Typed arrays are written as the arrays that they are. Arrays of numbers are not looked through. */
function plain(value) {
    if (typeof value !== 'object' || value === null) return value;
    if (ArrayBuffer.isView(value)) return value instanceof DataView ? value : Array.from(value);
    if (Array.isArray(value)) return typeof value[0] === 'number' ? value : value.map(plain);
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    const copy = {};
    for (const name in value) copy[name] = plain(value[name]);
    return copy;
}

/** What an answer of an error says. */
function complaint(text) {
    try {
        return JSON.parse(text).status.error;
    } catch {
        return undefined;
    }
}

function codeOf(status) {
    switch (status) {
    case 400: case 422: return 'invalid';
    case 403: return 'read-only';
    case 404: return 'not-found';
    case 409: return 'conflict';
    case 503: return 'unavailable';
    case 507: return 'storage-full';
    default: return status < 500 ? 'invalid' : 'internal';
    }
}
