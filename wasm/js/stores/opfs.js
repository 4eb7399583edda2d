// The origin's private file system: an object is a file, a segment of a key is a folder.
//
// A file is written under a name of its own and then moved, which is one step: nobody sees a part
// of it, and a tab that dies leaves a file that nobody knows. Creating where there is nothing is
// atomic among those who write, because there is one: see lock.js.

import { SkerryError } from '../errors.js';
import { resolve } from './bytes.js';
import { own } from './lock.js';

const UNFINISHED = '.unfinished';

/** Whether this browser has all that is needed. */
export function isSupported() {
    const file = globalThis.FileSystemFileHandle?.prototype;
    return globalThis.navigator?.storage?.getDirectory !== undefined
        && file?.createWritable !== undefined && file?.move !== undefined;
}

export class OpfsStore {
    #root;
    #unfinished;
    #release;
    #next = 0;

    static async open(name) {
        const store = new OpfsStore();
        store.#release = await own(name);
        try {
            const all = await navigator.storage.getDirectory();
            const ours = await all.getDirectoryHandle('skerry', { create: true });
            store.#root = await ours.getDirectoryHandle(name, { create: true });
            await remove(store.#root, UNFINISHED, { recursive: true });
            store.#unfinished = await store.#root.getDirectoryHandle(UNFINISHED, { create: true });
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
            const all = await navigator.storage.getDirectory();
            const ours = await all.getDirectoryHandle('skerry', { create: true });
            await remove(ours, name, { recursive: true });
        } finally {
            release();
        }
    }

    async put(key, chunks, ifAbsent) {
        if (ifAbsent && await this.#find(key) !== null) return false;
        const unfinished = `${this.#next++}`;
        const handle = await this.#unfinished.getFileHandle(unfinished, { create: true });
        try {
            const writable = await handle.createWritable();
            try {
                for (const chunk of chunks) await writable.write(chunk);
                await writable.close();
            } catch (error) {
                await writable.abort().catch(() => {});
                throw error;
            }
            const [folder, last] = await this.#folder(key, true);
            await handle.move(folder, last);
        } catch (error) {
            await remove(this.#unfinished, unfinished).catch(() => {});
            throw error;
        }
        return true;
    }

    async get(key, offset, length) {
        const file = await this.#file(key);
        if (file === null) return null;
        const place = resolve(file.size, offset, length);
        if (place === null) return { bytes: null, size: file.size };
        const bytes = new Uint8Array(await file.slice(...place).arrayBuffer());
        return { bytes, size: file.size };
    }

    async size(key) {
        return (await this.#file(key))?.size ?? null;
    }

    async list(prefix) {
        const folders = prefix.split('/').slice(0, -1);
        let at = this.#root;
        for (const name of folders) {
            at = await absent(at.getDirectoryHandle(name));
            if (at === null) return [];
        }
        const found = [];
        await walk(at, folders.map((name) => `${name}/`).join(''), prefix, found);
        return found;
    }

    async delete(key) {
        const place = await this.#folder(key, false);
        if (place !== null) await remove(...place);
    }

    async close() {
        this.#release();
    }

    /** The folder of a key and its last segment; null: there is no such folder. */
    async #folder(key, create) {
        const names = key.split('/');
        const last = names.pop();
        let at = this.#root;
        for (const name of names) {
            at = await absent(at.getDirectoryHandle(name, { create }));
            if (at === null) return null;
        }
        return [at, last];
    }

    async #find(key) {
        const place = await this.#folder(key, false);
        return place && absent(place[0].getFileHandle(place[1]));
    }

    async #file(key) {
        const handle = await this.#find(key);
        return handle && absent(handle.getFile());
    }
}

async function walk(folder, path, prefix, found) {
    for await (const [name, handle] of folder.entries()) {
        const key = path + name;
        // No key has a segment that begins with a dot.
        if (name.startsWith('.')) continue;
        if (handle.kind === 'directory') {
            if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)) {
                await walk(handle, `${key}/`, prefix, found);
            }
        } else if (key.startsWith(prefix)) {
            const file = await absent(handle.getFile());
            if (file !== null) found.push([key, file.size]);
        }
    }
}

/** What is promised, or null where there is nothing of the name. */
async function absent(promise) {
    try {
        return await promise;
    } catch (error) {
        if (error.name === 'NotFoundError') return null;
        if (error.name === 'TypeMismatchError') {
            throw new SkerryError('corrupt', `the store has a folder in place of a file: ${error.message}`);
        }
        throw error;
    }
}

async function remove(folder, name, options) {
    await absent(folder.removeEntry(name, options));
}
