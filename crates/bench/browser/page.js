// Runs inside the page: every library builds an index of the same vectors and answers the same
// queries. Gives milliseconds and recall.

const K = 10;

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

/** Each gives a function that builds, and one that answers ids for a query and a width. */
const LIBRARIES = {
    async skerry(base, dim) {
        const { open } = await import('/skerry/index.js');
        const db = await open({ store: 'memory' });
        const c = await db.createCollection('c', {
            vectors: { size: dim, distance: 'Cosine' },
            hnsw_config: { full_scan_threshold: 10 },
            optimizers_config: { indexing_threshold: 1 },
        });
        await c.upsert(base.map((vector, id) => ({ id, vector })), { batch: 1000 });
        await c.ready();
        return async (query, ef) => {
            const { ids } = await c.nearest(query, { limit: K, ef });
            return ids;
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
        return async (query) => index.search(query, K).map(({ id }) => ids.get(id));
    },
    async 'hnswlib-wasm'(base, dim) {
        const { loadHnswlib } = await import('/node_modules/hnswlib-wasm/dist/hnswlib.js');
        const library = await loadHnswlib();
        const index = new library.HierarchicalNSW('cosine', dim, '');
        index.initIndex(base.length, 16, 200, 100);
        base.forEach((vector, id) => index.addPoint(vector, id, false));
        return async (query, ef) => {
            index.setEfSearch(ef);
            return index.searchKnn(query, K, undefined).neighbors;
        };
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
        return async (query) => index.search(query, K).neighbors.map(({ id }) => Number(id));
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
        for (const query of queries.slice(0, 20)) await search(query, ef);
        let right = 0;
        const times = [];
        for (const [at, query] of queries.entries()) {
            const start = performance.now();
            const found = await search(query, ef);
            times.push(performance.now() - start);
            right += found.filter((id) => truth[at].has(id)).length;
        }
        times.sort((a, b) => a - b);
        const total = times.reduce((sum, time) => sum + time, 0);
        results.push({ ef, recall: right / (K * queries.length), meanMs: total / times.length });
    }
    return { name, buildMs, results };
}
