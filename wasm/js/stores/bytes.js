// What stores have in common. A store is an object with these methods, all of which may take time:
//
//   put(key, chunks, ifAbsent)   writes all of an object or nothing; false: it was there already
//   get(key, offset, length)     { bytes, size } or null; `bytes` is null for a range outside
//   size(key)                    bytes of the object, or null
//   list(prefix)                 pairs of key and size, in any order
//   delete(key)
//   close()
//
// `offset` counts from the end when it is negative; a negative `length` means up to the end.

/** Where the wanted part lies in an object of `size` bytes; null: not inside. */
export function resolve(size, offset, length) {
    const start = offset < 0 ? Math.max(0, size + offset) : offset;
    const end = length < 0 ? size : start + length;
    return start <= end && end <= size ? [start, end] : null;
}

/** The answer of a `get` whose object is in memory. */
export function cut(bytes, offset, length) {
    const place = resolve(bytes.length, offset, length);
    return { bytes: place && bytes.subarray(...place), size: bytes.length };
}

/** All chunks in one array. */
export function join(chunks) {
    if (chunks.length === 1) return chunks[0];
    const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
        joined.set(chunk, at);
        at += chunk.length;
    }
    return joined;
}
