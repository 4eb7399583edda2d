// Passes requests below a prefix to the tab that has the database open: any client of the HTTP
// interfaces then works by an address of the page's own origin. Serve this file from the page's
// origin and register it; `db.serve('/skerry')` in a page answers.
//
//   navigator.serviceWorker.register('/service-worker.js?prefix=/skerry')

const PREFIX = new URL(self.location.href).searchParams.get('prefix') ?? '/skerry';
/** A tab answers at once that a request is its own. */
const ANSWER_MS = 2000;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url);
    const ours = url.origin === self.location.origin
        && (url.pathname === PREFIX || url.pathname.startsWith(`${PREFIX}/`));
    if (ours) event.respondWith(pass(event.request, url));
});

async function pass(request, url) {
    const message = {
        skerry: 'request',
        prefix: PREFIX,
        method: request.method,
        path: (url.pathname.slice(PREFIX.length) || '/') + url.search,
        headers: [...request.headers],
        body: new Uint8Array(await request.arrayBuffer()),
    };
    const tabs = await self.clients.matchAll({ includeUncontrolled: true, type: 'window' });
    if (tabs.length === 0) return refusal('no tab is open');
    return new Promise((resolve) => {
        const timer = setTimeout(
            () => resolve(refusal(`no tab has a database open under ${PREFIX}`)), ANSWER_MS);
        for (const tab of tabs) {
            // One tab at most serves a prefix: the store has one owner.
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = ({ data }) => {
                clearTimeout(timer);
                if (data.mine) return;
                port1.close();
                resolve(data.error !== undefined ? refusal(data.error) : new Response(
                    [204, 304].includes(data.status) ? null : data.body,
                    { status: data.status, headers: data.headers }));
            };
            tab.postMessage(message, [port2]);
        }
    });
}

function refusal(error) {
    const body = JSON.stringify({ status: { error }, time: 0 });
    return new Response(body, { status: 503, headers: { 'content-type': 'application/json' } });
}
