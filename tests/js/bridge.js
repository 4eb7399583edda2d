// Lets the Python suites ask another runtime than the server: `node bridge.js KIND PORT` listens on
// PORT as a server does and passes everything to the worker in workerd, or to the npm package in a
// tab of Chromium. Settings come from the environment, as for the server.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [kind, port] = [process.argv[2], Number(process.argv[3])];
const KEYS = ['SKERRY_API_KEY', 'SKERRY_ALT_API_KEY', 'SKERRY_READ_ONLY_API_KEY', 'SKERRY_JWT_RBAC'];

async function worker() {
    const { platform } = await import('./miniflare.js');
    const folder = mkdtempSync(join(tmpdir(), 'skerry-bridge-'));
    const given = KEYS.filter((name) => process.env[name] !== undefined);
    const bindings = Object.fromEntries(given.map((name) => [name, process.env[name]]));
    const running = await platform(folder, {
        bindings: { SKERRY_ROOT: 'qdrant', ...bindings }, port, host: '127.0.0.1',
    });
    return async () => {
        await running.dispose();
        rmSync(folder, { recursive: true, force: true });
    };
}

async function browser() {
    const { launch } = await import('./chromium.js');
    const { host } = await import('./static_host.js');
    const site = await host([['/skerry/', new URL('../../wasm/build', import.meta.url).pathname]]);
    const program = await launch();
    const page = await program.newPage();
    await page.goto(site.url);
    await page.evaluate(async () => {
        const { open } = await import('/skerry/index.js');
        globalThis.db = await open({ store: 'memory' });
    });
    const ask = ({ method, path, headers, body }) => page.evaluate(async (request) => {
        const { method, path, headers } = request;
        // Pages may not set all headers of a `Request`; the engine takes them as they are.
        const body = Uint8Array.from(atob(request.body), (letter) => letter.charCodeAt(0));
        const response = await db.fetch(path, {
            method, headers, body: body.length > 0 ? body : undefined,
        });
        const bytes = new Uint8Array(await response.arrayBuffer());
        let text = '';
        for (let at = 0; at < bytes.length; at += 8192) {
            text += String.fromCharCode(...bytes.subarray(at, at + 8192));
        }
        return { status: response.status, headers: [...response.headers], body: btoa(text) };
    }, { method, path, headers, body });
    const server = createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers;
        try {
            const answer = await ask({
                method: request.method, path: request.url, headers,
                body: Buffer.concat(chunks).toString('base64'),
            });
            const body = Buffer.from(answer.body, 'base64');
            const named = answer.headers.filter(([name]) => name !== 'content-length');
            response.writeHead(answer.status, named.flat());
            response.end(body);
        } catch (error) {
            response.writeHead(599, { 'content-type': 'text/plain' });
            response.end(String(error));
        }
    });
    await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
    return async () => {
        server.closeAllConnections();
        server.close();
        await program.close();
        await site.close();
    };
}

const stop = await { worker, browser }[kind]();
for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, async () => {
        await stop();
        process.exit(0);
    });
}
