// Skerry in a browser tab, a web worker or node.

/** What went wrong; `code` says what can be done about it. */
export class SkerryError extends Error {
    readonly code:
        | 'already-exists' | 'closed' | 'conflict' | 'corrupt' | 'internal' | 'invalid' | 'locked'
        | 'not-found' | 'read-only' | 'storage-full' | 'timeout' | 'unavailable' | 'unsupported';
    constructor(code: SkerryError['code'], message: string, options?: ErrorOptions);
}

/** Whole objects by key. Bring your own by writing these six. */
export interface Store {
    /** Writes all of an object or nothing; `false`: it was to be created and was there already. */
    put(key: string, chunks: Uint8Array[], ifAbsent: boolean): Promise<boolean>;
    /**
     * `length` bytes from `offset`. A negative offset counts from the end, a negative length means
     * up to the end. `null`: no such object; `bytes: null`: the range is not inside it.
     */
    get(key: string, offset: number, length: number):
        Promise<{ bytes: Uint8Array | null; size: number } | null>;
    /** Bytes of the object, or `null`. */
    size(key: string): Promise<number | null>;
    /** Keys that start with `prefix`, with their sizes. */
    list(prefix: string): Promise<[key: string, size: number][]>;
    delete(key: string): Promise<void>;
    /** What `get` gave of these bytes was damaged: a store that keeps copies drops them. */
    forget?(key: string, offset: number, length: number): Promise<void>;
    close(): Promise<void>;
}

export interface EngineOptions {
    /** The module, where it is not beside this file: an address, or its bytes. */
    module?: URL | BufferSource | WebAssembly.Module | Response;
    /** The interface of paths without a prefix; `qdrant` unless given. */
    root?: string;
    /**
     * Of vectors that have an index and take more than 4 MiB in a segment, read only those that a
     * search compares, when it does: a large collection opens sooner and takes a third of the
     * memory, a search may wait for the store, and an `exact` one of more than 24 MiB is refused.
     * Unless given: so for `openRemote`, not so for `open`.
     */
    paged?: boolean;
    signal?: AbortSignal;
}

export interface OpenOptions extends EngineOptions {
    /**
     * Where data is kept: the origin's private file system (`opfs`), IndexedDB, memory, or a store
     * of yours. Unless given: the first of these that the browser has, but not memory.
     */
    store?: 'opfs' | 'indexeddb' | 'memory' | Store;
    /** Which of several stores of this origin: 1 to 64 of `A-Z a-z 0-9 _ -`. */
    name?: string;
    readOnly?: boolean;
}

export interface RemoteProgress {
    /** Bytes that came over the network. */
    received: number;
    /** Bytes that came out of the browser's cache. */
    cached: number;
    requests: number;
}

export interface RemoteOptions extends EngineOptions {
    /** Called for everything that is read, also after `openRemote` has answered. */
    onProgress?(progress: RemoteProgress): void;
    /** Whether blocks are kept in the browser's cache. Unless given: they are. */
    cache?: boolean;
    fetch?: typeof fetch;
}

/**
 * Opens a database, or begins one. A store has one owner: a second tab gets an error of the code
 * `locked`.
 */
export function open(options?: OpenOptions): Promise<Database>;

/** Opens, for reading only, what `skerry sync` has pushed to a static host. */
export function openRemote(url: string | URL, options?: RemoteOptions): Promise<Database>;

/** Removes everything of a store that is not open. */
export function destroy(options?: { store?: 'opfs' | 'indexeddb'; name?: string }): Promise<void>;

export interface CallOptions {
    /** Stops waiting. What was asked for may still be done, as with any `fetch`. */
    signal?: AbortSignal;
}

export interface Progress {
    done: number;
    total: number;
}

export type PointId = number | string;
export type DenseVector = number[] | Float32Array;
export type SparseVector = { indices: number[]; values: number[] };
export type AnyVector = DenseVector | SparseVector | number[][];

export interface Point {
    id: PointId;
    vector: AnyVector | Record<string, AnyVector>;
    payload?: Record<string, unknown>;
}

export interface FoundPoint {
    id: PointId;
    version: number;
    score: number;
    payload?: Record<string, unknown> | null;
    vector?: unknown;
}

/** Filters, collection settings and query bodies are those of Qdrant's HTTP interface. */
export type Json = Record<string, unknown>;

export interface SearchOptions extends CallOptions {
    limit?: number;
    offset?: number;
    filter?: Json;
    /** Which vector, when the collection has several. */
    using?: string;
    params?: Json;
    score_threshold?: number;
    withPayload?: boolean | string[] | Json;
    withVector?: boolean | string[];
}

export interface NearestOptions extends CallOptions {
    limit?: number;
    /** Candidates of the walk. */
    ef?: number;
    /** The field; unless given, the one without a name. */
    using?: string;
}

/** Points found, best first: their ids, and at the same places their similarities. */
export interface Nearest {
    ids: PointId[];
    scores: Float32Array;
}

export class Database {
    /** As the global `fetch`, answered by this database whatever the origin. */
    fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
    /**
     * Lets requests to `origin` that this page makes with the global `fetch` come here, so that a
     * client library needs nothing but an address. Gives what undoes it.
     */
    intercept(origin?: string): () => void;
    /**
     * Answers what the package's service worker passes on, below `prefix` (`/skerry` unless
     * given). Gives what undoes it.
     */
    serve(prefix?: string): () => void;
    /**
     * Fetches all of what was opened by `openRemote` that is not in the browser's cache yet; then it
     * needs no network any more, whatever is searched.
     */
    download(options?: CallOptions): Promise<void>;
    /** A route of the HTTP interface below `/qdrant`: its body and its `result`. */
    call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<any>;
    collections(options?: CallOptions): Promise<string[]>;
    createCollection(name: string, settings: Json, options?: CallOptions): Promise<Collection>;
    deleteCollection(name: string, options?: CallOptions): Promise<boolean>;
    /** A collection by name; it is not looked for until it is used. */
    collection(name: string): Collection;
    /** Finishes what was asked for, and gives the store back. */
    close(): Promise<void>;
}

export class Collection {
    readonly name: string;
    /** Writes points, a batch at a time: what was written before an error or an abort stays. */
    upsert(points: Iterable<Point>, options?: CallOptions & {
        batch?: number;
        onProgress?(progress: Progress): void;
    }): Promise<void>;
    /** The points nearest to a vector or to a point, best first. */
    search(query: AnyVector | PointId, options?: SearchOptions): Promise<FoundPoint[]>;
    /**
     * The points nearest to a dense vector, best first, by the shortest way: no filter, no payload,
     * nothing written as text. Scores are the engine's similarities, larger is nearer: products and
     * cosines as `search` has them, distances below zero, Euclidean ones squared.
     */
    nearest(vector: Float32Array | number[], options?: NearestOptions): Promise<Nearest>;
    /**
     * As `nearest`, of several vectors, one behind the other in one array: an answer for each, in
     * their order, all from one state of the collection. The thread does nothing else meanwhile, so
     * give a tab hundreds at a time, and a web worker thousands.
     */
    nearestBatch(vectors: Float32Array | number[], options?: NearestOptions): Promise<Nearest[]>;
    /** Any body of `/points/query`. */
    query(body: Json, options?: CallOptions): Promise<FoundPoint[]>;
    get(ids: PointId[], options?: CallOptions & Pick<SearchOptions, 'withPayload' | 'withVector'>):
        Promise<Omit<FoundPoint, 'score' | 'version'>[]>;
    scroll(body?: Json, options?: CallOptions):
        Promise<{ points: Omit<FoundPoint, 'score'>[]; next_page_offset: PointId | null }>;
    count(filter?: Json, options?: CallOptions): Promise<number>;
    /** Deletes by ids or by a filter. */
    delete(what: PointId[] | Json, options?: CallOptions): Promise<void>;
    createIndex(field: string, schema: string | Json, options?: CallOptions): Promise<void>;
    info(options?: CallOptions): Promise<Json>;
    /** Ends when no index is waiting to be built. */
    ready(options?: CallOptions & { onProgress?(progress: Progress): void }): Promise<Json>;
    /** All of it in one archive, which a server and another tab can bring back. */
    snapshot(options?: CallOptions): Promise<Uint8Array>;
    /** Replaces the collection by what `snapshot` gave. */
    restore(archive: BufferSource | Blob, options?: CallOptions): Promise<void>;
}
