// A host of plain files that knows ranges, and can be told to misbehave.

import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
    '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json',
    '.svg': 'image/svg+xml', '.txt': 'text/plain', '.wasm': 'application/wasm',
};

/**
 * Serves `mounts` (a path and the folder behind it, longest path first) on a port of its own.
 * `log` has the path of every request; `fail`, when it is set, may answer a request itself.
 */
export async function host(mounts) {
    const state = { log: [], fail: null };
    const server = createServer((request, response) => {
        const { pathname } = new URL(request.url, 'http://host');
        state.log.push(pathname);
        if (state.fail?.(pathname, response)) return;
        if (pathname === '/') {
            response.writeHead(200, { 'content-type': 'text/html' });
            response.end('<!doctype html><title>test</title>');
            return;
        }
        const mount = mounts.find(([path]) => pathname.startsWith(path));
        const rest = mount && pathname.slice(mount[0].length);
        const file = mount && (rest === '' ? mount[1] : join(mount[1], normalize(`/${rest}`)));
        const found = file && statSync(file, { throwIfNoEntry: false });
        if (!found?.isFile()) {
            response.writeHead(404).end();
            return;
        }
        const headers = {
            'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
            'access-control-allow-origin': '*',
        };
        const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
        if (range === null) {
            response.writeHead(200, { ...headers, 'content-length': found.size });
            createReadStream(file).pipe(response);
            return;
        }
        const [start, end] = [Number(range[1]), Math.min(Number(range[2]), found.size - 1)];
        if (start > end) {
            response.writeHead(416, { ...headers, 'content-range': `bytes */${found.size}` }).end();
            return;
        }
        response.writeHead(206, {
            ...headers,
            'content-length': end - start + 1,
            'content-range': `bytes ${start}-${end}/${found.size}`,
        });
        createReadStream(file, { start, end }).pipe(response);
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    state.url = `http://127.0.0.1:${server.address().port}`;
    state.close = () => new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
    });
    return state;
}
