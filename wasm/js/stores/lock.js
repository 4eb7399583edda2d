// One writer per store: a second tab is told so, and harms nothing.

import { SkerryError } from '../errors.js';

/** Owns the name until `release` is called or the page is gone. */
export async function own(name) {
    const { locks } = globalThis.navigator ?? {};
    if (locks === undefined) {
        throw new SkerryError(
            'unsupported',
            'this page cannot own a store: Web Locks need HTTPS or localhost',
        );
    }
    return new Promise((resolve, reject) => {
        let release;
        const held = new Promise((done) => { release = done; });
        locks.request(`skerry:${name}`, { ifAvailable: true }, (lock) => {
            if (lock === null) {
                reject(new SkerryError(
                    'locked',
                    `the store \`${name}\` is open in another tab or worker; close it there first`,
                ));
                return undefined;
            }
            resolve(release);
            return held;
        }).catch(reject);
    });
}
