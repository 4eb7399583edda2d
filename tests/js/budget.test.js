// The modules stay within their budgets: raw, as gzip and as brotli pack them. budgets.json may be
// raised by whoever adds something that is worth its bytes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const read = (path) => readFileSync(new URL(path, import.meta.url));
const budgets = JSON.parse(read('budgets.json'));
/** What the platform takes of an account that pays nothing. */
const WORKER_GZIP_BYTES_MAX = 3 * 2 ** 20;

for (const [name, { file, ...budget }] of Object.entries(budgets)) {
    test(`the module of the ${name} stays within its budget`, (context) => {
        const module = read(`../../${file}`);
        // Quality 5 instead of 11: a tenth more, and a moment instead of a minute.
        const params = { [constants.BROTLI_PARAM_QUALITY]: 5 };
        const sizes = {
            raw: module.length,
            gzip: gzipSync(module, { level: 9 }).length,
            brotli: brotliCompressSync(module, { params }).length,
        };
        context.diagnostic(`${name}: ${JSON.stringify(sizes)}`);
        for (const [kind, size] of Object.entries(sizes)) {
            assert.ok(size <= budget[kind], `${kind}: ${size} bytes are more than ${budget[kind]}`);
        }
        assert.ok(name !== 'worker' || sizes.gzip <= WORKER_GZIP_BYTES_MAX);
    });
}
