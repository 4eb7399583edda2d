// A page that searches a snapshot on a plain host. Everything it needs from Skerry is on line 3.

import { openRemote } from './skerry/index.js';

const LIMIT = 12;
const TRIES = ['postgresql', 'gimp', 'nginx', 'python3-numpy', 'vlc', 'git', 'stellarium'];
const $ = (id) => document.getElementById(id);
const [query, section, size] = [$('query'), $('section'), $('size')];
let packages;
let chosen;
let asked = 0;

const bytes = (count) => (count < 1e6 ? `${Math.round(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`);
const milliseconds = (time) => (time < 10 ? `${time.toFixed(1)} ms` : `${Math.round(time)} ms`);

function tell(message, wrong = false) {
    $('message').textContent = message;
    $('message').classList.toggle('wrong', wrong);
}

function online() {
    $('t-online').textContent = navigator.onLine ? 'online' : 'offline';
}

/** An element of `tag` with `text` or other elements in it. */
function make(tag, className, ...inside) {
    const element = document.createElement(tag);
    element.className = className;
    element.append(...inside);
    return element;
}

function card({ payload, score }) {
    const top = make('div', 'top', make('b', '', payload.name), make('span', 'tag', payload.section ?? '–'));
    if (payload.installed_size) top.append(make('span', 'size', bytes(payload.installed_size * 1000)));
    if (score === undefined) return [top, make('p', 'about', payload.description ?? '')];
    top.append(make('span', 'score', score.toFixed(3)));
    const bar = make('i', '');
    bar.style.width = `${Math.max(0, Math.min(1, score)) * 100}%`;
    return [top, make('p', 'about', payload.description ?? ''), make('div', 'bar', bar)];
}

/** What the two lists narrow the search to. */
function filter() {
    const must = [];
    if (section.value) must.push({ key: 'section', match: { value: section.value } });
    if (size.value) must.push({ key: 'installed_size', range: { lte: Number(size.value) } });
    return must.length > 0 ? { must } : undefined;
}

async function named(name) {
    const must = [{ key: 'name', match: { value: name } }];
    const { points } = await packages.scroll({ filter: { must }, limit: 1, with_payload: true });
    return points[0];
}

/** Shows what is like the package called `name`. */
async function show(name) {
    const turn = ++asked;
    const found = await named(name);
    if (turn !== asked) return;
    if (!found) {
        tell(`There is no package “${name}”. The list below the field shows names that begin so.`);
        return;
    }
    chosen = found;
    const before = performance.now();
    const hits = await packages.search(found.id, { limit: LIMIT, filter: filter() });
    const took = performance.now() - before;
    if (turn !== asked) return;
    query.value = name;
    history.replaceState(null, '', `#${encodeURIComponent(name)}`);
    $('t-search').textContent = milliseconds(took);
    $('chosen').replaceChildren(make('small', '', 'Packages like this one'), ...card({ payload: found.payload }));
    $('chosen').hidden = false;
    $('results').replaceChildren(...hits.map((hit) => {
        const item = make('li', '', ...card(hit));
        item.tabIndex = 0;
        item.onclick = () => show(hit.payload.name);
        item.onkeydown = ({ key }) => { if (key === 'Enter') show(hit.payload.name); };
        return item;
    }));
    tell(hits.length > 0 ? `${hits.length} of the nearest in meaning` : 'Nothing is left by these filters.');
}

/** Names that begin with what has been typed. */
async function suggest() {
    const text = query.value.trim().toLowerCase();
    if (text.length < 2) return;
    const must = [{ key: 'name', match: { text } }];
    const { points } = await packages.scroll({ filter: { must }, limit: 12, with_payload: ['name'] });
    $('suggestions').replaceChildren(...points.map(({ payload }) => new Option(payload.name)));
}

async function sections(database) {
    const { hits } = await database.call('POST', '/collections/packages/facet', { key: 'section', limit: 80 });
    for (const { value, count } of hits.sort((a, b) => a.value.localeCompare(b.value))) {
        section.append(new Option(`${value} (${count})`, value));
    }
}

function progress({ received, cached }, total) {
    $('t-network').textContent = bytes(received);
    $('t-cache').textContent = bytes(cached);
    if (total) $('progress').firstElementChild.style.width = `${Math.min(100, ((received + cached) / total) * 100)}%`;
}

async function total() {
    // The list of objects says how much there is.
    const text = await (await fetch('data/objects.txt')).text();
    return text.split('\n').reduce((sum, line) => sum + (parseInt(line, 10) || 0), 0);
}

async function start() {
    online();
    addEventListener('online', online);
    addEventListener('offline', online);
    await navigator.serviceWorker?.register('offline.js').catch(() => {});
    const before = performance.now();
    const all = await total().catch(() => 0);
    const database = await openRemote(new URL('data/', location.href), {
        onProgress: (seen) => progress(seen, all),
    });
    packages = database.collection('packages');
    const count = await packages.count();
    $('t-open').textContent = milliseconds(performance.now() - before);
    $('t-points').textContent = count.toLocaleString('en');
    $('progress').classList.add('done');
    await sections(database);
    for (const field of [query, section, size]) field.disabled = false;
    query.placeholder = 'a package, such as postgresql';
    query.oninput = ({ inputType }) => {
        // Chosen from the list, not typed.
        if (inputType === undefined || inputType === 'insertReplacementText') show(query.value);
        else suggest();
    };
    query.onkeydown = ({ key }) => { if (key === 'Enter') show(query.value.trim().toLowerCase()); };
    section.onchange = () => chosen && show(chosen.payload.name);
    size.onchange = section.onchange;
    $('tries').append('Try ', ...TRIES.map((name) => {
        const button = make('button', '', name);
        button.onclick = () => show(name);
        return button;
    }));
    document.body.dataset.ready = 'yes';
    tell('Choose a package: the search compares the meaning of descriptions, not their words.');
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (wanted) await show(wanted);
    // What no search has asked for yet, so that the next visit needs no network.
    await database.download();
}

start().catch((error) => {
    $('progress').classList.add('done');
    tell(`The database cannot be opened: ${error.message}`, true);
});
