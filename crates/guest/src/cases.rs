//! The cases, by name. Each returns its answers as text.

mod collections;
mod indexes;
mod kinds;
mod points;
mod texts;
mod vectors;

/// A case: what it is called, and how to run it.
pub struct Case {
    /// Unique among the cases.
    pub name: &'static str,
    /// Builds, asks, and writes the answers down.
    pub run: fn() -> String,
}

/// Every case.
pub const CASES: &[Case] = &[
    Case {
        name: "kernels",
        run: vectors::kernels,
    },
    Case {
        name: "texts",
        run: texts::texts,
    },
    Case {
        name: "index, dot",
        run: indexes::dot,
    },
    Case {
        name: "index, cosine",
        run: indexes::cosine,
    },
    Case {
        name: "index, L2",
        run: indexes::l2,
    },
    Case {
        name: "index, L1",
        run: indexes::l1,
    },
    Case {
        name: "index, few bits of precision",
        run: indexes::twins,
    },
    Case {
        name: "index, product codes",
        run: indexes::product,
    },
    Case {
        name: "index, signs",
        run: indexes::signs,
    },
    Case {
        name: "index, one and a half bits",
        run: indexes::pairs,
    },
    Case {
        name: "index, rotated four bits",
        run: indexes::rotated,
    },
    Case {
        name: "index, inverted lists",
        run: indexes::lists,
    },
    Case {
        name: "postings",
        run: indexes::postings,
    },
    Case {
        name: "engine, filters and plans",
        run: collections::searches,
    },
    Case {
        name: "engine, ranks by several vectors",
        run: collections::examples,
    },
    Case {
        name: "engine, pages and counts",
        run: collections::pages,
    },
    Case {
        name: "engine, 16-bit components",
        run: kinds::halves,
    },
    Case {
        name: "engine, 8-bit components",
        run: kinds::bytes,
    },
    Case {
        name: "engine, bits",
        run: kinds::bits,
    },
    Case {
        name: "engine, several rows a point",
        run: kinds::rows,
    },
    Case {
        name: "engine, sparse with frequencies",
        run: kinds::words,
    },
];
