// A store that ends with the page.

import { cut, join } from './bytes.js';

export class MemoryStore {
    #objects = new Map();

    async put(key, chunks, ifAbsent) {
        if (ifAbsent && this.#objects.has(key)) return false;
        this.#objects.set(key, join(chunks));
        return true;
    }

    async get(key, offset, length) {
        const bytes = this.#objects.get(key);
        return bytes === undefined ? null : cut(bytes, offset, length);
    }

    async size(key) {
        return this.#objects.get(key)?.length ?? null;
    }

    async list(prefix) {
        const found = [...this.#objects].filter(([key]) => key.startsWith(prefix));
        return found.map(([key, bytes]) => [key, bytes.length]);
    }

    async delete(key) {
        this.#objects.delete(key);
    }

    async close() {}
}
