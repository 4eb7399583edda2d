// The native server, on ports of its own.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
export const BINARY = process.env.SKERRY_BIN ?? join(TARGET, 'debug/skerry');

async function freePort() {
    const probe = createServer();
    await new Promise((resolve) => { probe.listen(0, '127.0.0.1', resolve); });
    const { port } = probe.address();
    await new Promise((resolve) => { probe.close(resolve); });
    return port;
}

/** A server on `data`, or on a folder that goes away with it. */
export async function serve(data) {
    const folder = data ?? mkdtempSync(join(tmpdir(), 'skerry-server-'));
    const port = await freePort();
    // Servers of several test files run at once, and one machine has each usual port once.
    const off = ['milvus', 'infinity', 'lynse'].map((name) => `--${name}-port=0`);
    const line = ['serve', '--data', folder, '--qdrant-port', `${port}`, ...off];
    const process_ = spawn(BINARY, line, { stdio: 'ignore' });
    const url = `http://127.0.0.1:${port}`;
    const ended = new Promise((resolve) => { process_.once('exit', resolve); });
    for (let attempt = 0; ; attempt++) {
        const ready = await fetch(`${url}/readyz`).catch(() => null);
        if (ready?.ok) break;
        if (attempt > 300 || process_.exitCode !== null) throw new Error('the server does not start');
        await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    return {
        url,
        folder,
        async stop() {
            process_.kill('SIGTERM');
            await ended;
            if (data === undefined) rmSync(folder, { recursive: true, force: true });
        },
    };
}

/** Runs `skerry sync`; throws with what it complains about. */
export function sync(from, to) {
    const done = spawnSync(BINARY, ['sync', from, to], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`skerry sync: ${done.stderr}`);
    return done.stdout;
}
