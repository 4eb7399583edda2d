// Points by chance, the same on every run.

/** Numbers from 0 to 1. */
export function random(seed) {
    let state = seed;
    return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** A vector of `dim` components between -0.5 and 0.5. */
export function vector(chance, dim = 8) {
    return Array.from({ length: dim }, () => chance() - 0.5);
}

/** Points 0 to `count`, every second of which is even. */
export function points(count, dim = 8, seed = 1) {
    const chance = random(seed);
    return Array.from({ length: count }, (_, id) => ({
        id, vector: vector(chance, dim), payload: { even: id % 2 === 0, n: id },
    }));
}
