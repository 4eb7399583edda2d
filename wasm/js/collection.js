// One collection: points in, points out.

import { Target } from './engine.js';
import { SkerryError } from './errors.js';

const BATCH = 256;

/** Between two looks at what the background does. */
const PAUSE_MS = 50;

export class Collection {
    #database;
    #path;
    #targets = new Map();

    constructor(database, name) {
        this.#database = database;
        this.name = name;
        this.#path = `/collections/${encodeURIComponent(name)}`;
    }

    #call(method, path, body, options) {
        return this.#database.call(method, this.#path + path, body, options);
    }

    /** Writes points, a batch at a time: what was written before an error or an abort stays. */
    async upsert(points, { batch = BATCH, onProgress, signal } = {}) {
        const all = Array.isArray(points) ? points : [...points];
        for (let done = 0; done < all.length;) {
            const some = all.slice(done, done + batch);
            await this.#call('PUT', '/points?wait=true', { points: some }, { signal });
            done += some.length;
            onProgress?.({ done, total: all.length });
        }
    }

    /** The points nearest to a vector or to a point, best first. */
    async search(query, { limit = 10, withPayload = true, withVector = false, signal, ...rest } = {}) {
        const body = { query, limit, with_payload: withPayload, with_vector: withVector, ...rest };
        const { points } = await this.#call('POST', '/points/query', body, { signal });
        return points;
    }

    /** As `search`, of a plain vector: ids and similarities in two arrays, and nothing else. */
    async nearest(vector, { limit = 10, ef, using = '', signal } = {}) {
        const query = numbers('a vector', vector);
        widths(limit, ef);
        const ask = (engine) => engine.nearest(this.#target(using), query, limit, ef);
        return unpack(await this.#database.askNow(ask, signal))[0];
    }

    /** As `nearest`, of several vectors, one behind the other: an answer for each. */
    async nearestBatch(vectors, { limit = 10, ef, using = '', signal } = {}) {
        const queries = numbers('what holds several vectors', vectors);
        widths(limit, ef);
        const ask = (engine) => engine.nearestBatch(this.#target(using), queries, limit, ef);
        return unpack(await this.#database.askNow(ask, signal));
    }

    /** What the engine knows a field of this collection by. */
    #target(using) {
        let target = this.#targets.get(using);
        if (target === undefined) {
            if (typeof using !== 'string') throw new SkerryError('invalid', 'a field has a name');
            target = new Target(this.name, using);
            this.#targets.set(using, target);
        }
        return target;
    }

    /** Any body of `/points/query`. */
    async query(body, options) {
        const { points } = await this.#call('POST', '/points/query', body, options);
        return points;
    }

    async get(ids, { withPayload = true, withVector = false, signal } = {}) {
        const body = { ids, with_payload: withPayload, with_vector: withVector };
        return this.#call('POST', '/points', body, { signal });
    }

    async scroll(body = {}, options) {
        return this.#call('POST', '/points/scroll', body, options);
    }

    async count(filter, options) {
        const { count } = await this.#call('POST', '/points/count', { filter, exact: true }, options);
        return count;
    }

    /** Deletes by ids or by a filter. */
    async delete(what, options) {
        const body = Array.isArray(what) ? { points: what } : { filter: what };
        await this.#call('POST', '/points/delete?wait=true', body, options);
    }

    async createIndex(field, schema, options) {
        const body = { field_name: field, field_schema: schema };
        await this.#call('PUT', '/index?wait=true', body, options);
    }

    async info(options) {
        return this.#call('GET', '', undefined, options);
    }

    /** Ends when no index is waiting to be built. */
    async ready({ onProgress, signal } = {}) {
        for (;;) {
            const info = await this.info({ signal });
            onProgress?.({ done: info.indexed_vectors_count ?? 0, total: info.points_count ?? 0 });
            if (info.status === 'green') return info;
            await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
        }
    }

    /** All of it in one archive, which a server and another tab can bring back. */
    async snapshot({ signal } = {}) {
        const { name } = await this.#call('POST', '/snapshots?wait=true', undefined, { signal });
        const path = `${this.#path}/snapshots/${encodeURIComponent(name)}`;
        try {
            const response = await this.#database.fetch(`/qdrant${path}`, { signal });
            return new Uint8Array(await response.arrayBuffer());
        } finally {
            await this.#database.call('DELETE', path);
        }
    }

    /** Replaces the collection by what `snapshot` gave. */
    async restore(archive, { signal } = {}) {
        const form = new FormData();
        form.append('snapshot', new Blob([archive]), 'archive.snapshot');
        const path = `/qdrant${this.#path}/snapshots/upload?priority=snapshot&wait=true`;
        const response = await this.#database.fetch(path, { method: 'POST', body: form, signal });
        if (!response.ok) {
            const answer = await response.json().catch(() => null);
            throw new Error(answer?.status?.error ?? `status ${response.status}`);
        }
    }
}

/** Components as the engine takes them. */
function numbers(what, given) {
    if (given instanceof Float32Array) return given;
    if (Array.isArray(given)) return Float32Array.from(given);
    throw new SkerryError('invalid', `${what} must be a Float32Array or an array of numbers`);
}

function widths(limit, ef) {
    whole('limit', limit);
    if (ef !== undefined) whole('ef', ef);
}

/** Refuses what WebAssembly would make some number of. */
function whole(name, value) {
    if (!Number.isInteger(value) || value < 1 || value > 0xffffffff) {
        throw new SkerryError('invalid', `\`${name}\` must be a whole number from 1 to 2^32 - 1`);
    }
}

/** What was found for each vector, from the block or the pairs that the engine gives. */
function unpack(found) {
    if (!(found instanceof Float64Array)) return found.map(([ids, scores]) => ({ ids, scores }));
    const answers = [];
    for (let at = 0; at < found.length;) {
        const count = found[at];
        const ids = [];
        const scores = new Float32Array(count);
        // By hand: of a few numbers, a copy that a built-in makes costs more than they do.
        for (let n = 0; n < count; n++) {
            ids.push(found[at + 1 + n]);
            scores[n] = found[at + 1 + count + n];
        }
        answers.push({ ids, scores });
        at += 1 + 2 * count;
    }
    return answers;
}
