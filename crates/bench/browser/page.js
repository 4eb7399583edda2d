// Runs inside the page: every library builds an index of the same vectors and answers the same
// queries. Gives milliseconds and recall.

const K = 10;

/** Passes over all queries that are measured; their median counts. Slow libraries have fewer. */
const PASSES = 9;
const PASSES_MS_MAX = 10_000;

/**
 * Passes before, in which the browser notices what is hot and compiles it again: what is measured
 * natively was compiled once and for all. Other widths run the same code as the first.
 */
const WARM_MS = 4000;
const WARM_AGAIN_MS = 500;

async function numbers(path) {
    return new Float32Array(await (await fetch(path)).arrayBuffer());
}

function rows(flat, dim) {
    return Array.from({ length: flat.length / dim }, (_, at) => flat.subarray(at * dim, (at + 1) * dim));
}

/** The ids of the nearest by cosine of each query, exactly. */
function exact(base, queries) {
    return queries.map((query) => {
        const scores = base.map((row, id) => [row.reduce((sum, x, at) => sum + x * query[at], 0), id]);
        return new Set(scores.sort((a, b) => b[0] - a[0]).slice(0, K).map(([, id]) => id));
    });
}

/** One after the other, by what answers one. */
function each(search) {
    return async (queries, ef) => {
        const found = [];
        for (const query of queries) found.push(await search(query, ef));
        return found;
    };
}

/** The npm package with all rows in it. */
async function collection(base, dim) {
    const { open } = await import('/skerry/index.js');
    const db = await open({ store: 'memory' });
    const c = await db.createCollection('c', {
        vectors: { size: dim, distance: 'Cosine' },
        hnsw_config: { full_scan_threshold: 10 },
        optimizers_config: { indexing_threshold: 1 },
    });
    await c.upsert(base.map((vector, id) => ({ id, vector })), { batch: 1000 });
    await c.ready();
    return c;
}

/** Each builds, and gives what answers all queries for a width: the ids found for each. */
const LIBRARIES = {
    // The index and nothing around it, by the module of the parity tests.
    async 'skerry index'(base, dim) {
        const { instance } = await WebAssembly.instantiateStreaming(fetch('/guest.wasm'), {});
        const { memory, room, build_index, search_index } = instance.exports;
        const floats = (length) => {
            const address = room(length);
            return new Float32Array(memory.buffer, address, length);
        };
        const all = floats(base.length * dim);
        base.forEach((vector, at) => all.set(vector, at * dim));
        build_index(dim, 16, 100);
        let place = floats(dim);
        return each((query, ef) => {
            // Memory that has grown is another buffer.
            if (place.length === 0) place = floats(dim);
            place.set(query);
            const found = search_index(K, ef);
            const [address, count] = [Number(found >> 32n), Number(found & 0xffff_ffffn)];
            return Array.from(new Uint32Array(memory.buffer, address, count));
        });
    },
    async skerry(base, dim) {
        const c = await collection(base, dim);
        return each(async (query, ef) => (await c.nearest(query, { limit: K, ef })).ids);
    },
    async 'skerry batch'(base, dim) {
        const c = await collection(base, dim);
        return async (queries, ef) => {
            const all = new Float32Array(queries.length * dim);
            queries.forEach((query, at) => all.set(query, at * dim));
            const found = await c.nearestBatch(all, { limit: K, ef });
            return found.map(({ ids }) => ids);
        };
    },
    async edgevec(base, dim, ef) {
        const { default: init, EdgeVec, EdgeVecConfig } = await import('/node_modules/edgevec/edgevec.js');
        await init();
        const config = new EdgeVecConfig(dim);
        // Its cosine puts the farthest first; of unit vectors both have the same order.
        config.metric = 'l2';
        config.ef_search = ef;
        const index = new EdgeVec(config);
        const ids = new Map(base.map((vector, id) => [index.insert(vector), id]));
        return each((query) => index.search(query, K).map(({ id }) => ids.get(id)));
    },
    async 'hnswlib-wasm'(base, dim) {
        const { loadHnswlib } = await import('/node_modules/hnswlib-wasm/dist/hnswlib.js');
        const library = await loadHnswlib();
        const index = new library.HierarchicalNSW('cosine', dim, '');
        index.initIndex(base.length, 16, 200, 100);
        base.forEach((vector, id) => index.addPoint(vector, id, false));
        return each((query, ef) => {
            index.setEfSearch(ef);
            return index.searchKnn(query, K, undefined).neighbors;
        });
    },
    async 'voy-search'(base) {
        const module = await import('/node_modules/voy-search/voy_search_bg.js');
        const source = await fetch('/node_modules/voy-search/voy_search_bg.wasm');
        const imports = { './voy_search_bg.js': module };
        const { instance } = await WebAssembly.instantiateStreaming(source, imports);
        module.__wbg_set_wasm(instance.exports);
        const embeddings = base.map((vector, id) => ({
            id: `${id}`, title: '', url: '', embeddings: Array.from(vector),
        }));
        const index = new module.Voy({ embeddings });
        return each((query) => index.search(query, K).neighbors.map(({ id }) => Number(id)));
    },
};

/** What `name` does with these widths: an answer per width. */
export async function measure(name, dim, widths) {
    const base = rows(await numbers('/data/base.f32'), dim);
    const queries = rows(await numbers('/data/queries.f32'), dim);
    const truth = exact(base, queries);
    const before = performance.now();
    const search = await LIBRARIES[name](base, dim, widths[0]);
    const buildMs = performance.now() - before;
    const results = [];
    for (const ef of widths) {
        const until = performance.now() + (ef === widths[0] ? WARM_MS : WARM_AGAIN_MS);
        while (performance.now() < until) await search(queries.slice(0, 100), ef);
        const passes = [];
        let found;
        let spent = 0;
        while (passes.length < PASSES && spent < PASSES_MS_MAX) {
            const start = performance.now();
            found = await search(queries, ef);
            const ms = performance.now() - start;
            passes.push(ms);
            spent += ms;
        }
        passes.sort((a, b) => a - b);
        const right = found.map((ids, at) => ids.filter((id) => truth[at].has(id)).length);
        const recall = right.reduce((sum, hits) => sum + hits, 0) / (K * queries.length);
        results.push({ ef, recall, meanMs: passes[passes.length >> 1] / queries.length });
    }
    return { name, buildMs, results };
}
