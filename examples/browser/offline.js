// Keeps the page itself; the database keeps its own blocks.

const CACHE = 'skerry-example-1';
const PAGE = [
    'index.html', 'style.css', 'app.js', 'icon.svg',
    'skerry/index.js', 'skerry/collection.js', 'skerry/errors.js', 'skerry/engine.js',
    'skerry/engine_bg.wasm', 'skerry/stores/bytes.js', 'skerry/stores/http.js',
    'skerry/stores/indexeddb.js', 'skerry/stores/lock.js', 'skerry/stores/memory.js',
    'skerry/stores/opfs.js',
];

self.addEventListener('install', (event) => event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(PAGE);
    await self.skipWaiting();
})()));

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url);
    const data = new URL('data/', self.location.href).pathname;
    if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
    // Ranges cannot be kept here, and the database does it better.
    if (url.pathname.startsWith(data)) return;
    event.respondWith((async () => {
        try {
            const response = await fetch(event.request);
            if (response.ok) {
                const cache = await caches.open(CACHE);
                await cache.put(event.request, response.clone());
            }
            return response;
        } catch (error) {
            const kept = await caches.match(event.request, { ignoreSearch: true })
                ?? (event.request.mode === 'navigate' && await caches.match('index.html'));
            if (kept) return kept;
            throw error;
        }
    })());
});
