// One collection: points in, points out.

const BATCH = 256;

/** Between two looks at what the background does. */
const PAUSE_MS = 50;

export class Collection {
    #database;
    #path;

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
    async nearest(vector, options) {
        return this.#database.nearest(this.name, vector, options);
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
