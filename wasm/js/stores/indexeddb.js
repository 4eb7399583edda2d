// IndexedDB, where there is no private file system: an object is an entry.

import { cut, join } from './bytes.js';
import { own } from './lock.js';

const BYTES = 'bytes';
const SIZES = 'sizes';

const databaseName = (name) => `skerry:${name}`;

export class IndexedDbStore {
    #database;
    #release;

    static async open(name) {
        const store = new IndexedDbStore();
        store.#release = await own(name);
        try {
            const opening = indexedDB.open(databaseName(name), 1);
            opening.onupgradeneeded = () => {
                opening.result.createObjectStore(BYTES);
                opening.result.createObjectStore(SIZES);
            };
            store.#database = await settled(opening);
        } catch (error) {
            store.#release();
            throw error;
        }
        return store;
    }

    /** Removes everything that a store of this name has; it must not be open. */
    static async destroy(name) {
        const release = await own(name);
        try {
            await settled(indexedDB.deleteDatabase(databaseName(name)));
        } finally {
            release();
        }
    }

    async put(key, chunks, ifAbsent) {
        const bytes = join(chunks);
        // On disk before it is acknowledged.
        const write = this.#database.transaction([BYTES, SIZES], 'readwrite', { durability: 'strict' });
        const done = finished(write);
        // One transaction asks and writes, so that one of several creators wins.
        const adding = write.objectStore(SIZES)[ifAbsent ? 'add' : 'put'](bytes.length, key);
        write.objectStore(BYTES).put(bytes, key);
        try {
            await done;
        } catch (error) {
            if (ifAbsent && adding.error?.name === 'ConstraintError') return false;
            throw error;
        }
        return true;
    }

    async get(key, offset, length) {
        const bytes = await this.#read(BYTES, (entries) => entries.get(key));
        return bytes === undefined ? null : cut(bytes, offset, length);
    }

    async size(key) {
        return (await this.#read(SIZES, (entries) => entries.get(key))) ?? null;
    }

    async list(prefix) {
        const range = prefix === '' ? null : IDBKeyRange.bound(prefix, `${prefix}\uffff`);
        const read = this.#database.transaction(SIZES, 'readonly').objectStore(SIZES);
        const [keys, sizes] = await Promise.all([
            settled(read.getAllKeys(range)), settled(read.getAll(range)),
        ]);
        return keys.map((key, at) => [key, sizes[at]]);
    }

    async delete(key) {
        const write = this.#database.transaction([BYTES, SIZES], 'readwrite');
        const done = finished(write);
        write.objectStore(SIZES).delete(key);
        write.objectStore(BYTES).delete(key);
        await done;
    }

    async close() {
        this.#database.close();
        this.#release();
    }

    #read(name, ask) {
        return settled(ask(this.#database.transaction(name, 'readonly').objectStore(name)));
    }
}

function settled(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

function finished(transaction) {
    return new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(
            transaction.error ?? new DOMException('the transaction was given up', 'AbortError'),
        );
    });
}
