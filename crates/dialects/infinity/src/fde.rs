//! Fixed dimensional encodings: one vector for a tensor, whatever its number of rows, so that the
//! inner product of two of them is near the MaxSim of the tensors.
//!
//! The method is MUVERA's (Dhulipala et al. 2024, arXiv:2405.19504, section 2): random planes part
//! the space; of a query the rows of each part are summed, of a document averaged, and a part that
//! has no row of the document takes the rows whose parts differ in the fewest planes. Rows are
//! projected by random signs first when they are wide, and all that is repeated with other planes
//! until the vector is as long as was asked for.
//!
//! Infinity's own function of that name sketches the numbers of the tensor in their order, as if
//! they were one row (seen in its source after 0.7). Its vectors depend on the order of the rows,
//! and are not those that are made here.

use crate::json::Json;

/// Numbers in one tensor, at most.
const NUMBERS_MAX: usize = 100_000;

/// Components of an encoding, at most: those that a column can have.
const TARGET_MAX: usize = 65_535;

/// Components that a wider row is projected to.
const PROJECTED: usize = 16;

/// Repetitions, at most; further ones would change the order of few results.
const REPETITIONS_MAX: usize = 64;

/// Repetitions from which on more parts are better than more repetitions.
const REPETITIONS_ENOUGH: usize = 8;

/// Which side of a comparison a tensor stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Rows of a part are summed.
    Query,
    /// Rows of a part are averaged, and no part stays empty.
    Document,
}

/// Rows of equal length, one after the other, and how long their encoding is to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) rows: Vec<f32>,
    /// Length of a row; at least 1.
    pub(crate) dim: usize,
    pub(crate) target: usize,
}

impl Asked {
    /// Reads `{"function": "fde", "tensor_data": [[…], …], "target_dimension": 8}`, where the
    /// function may be missing when `named` is false.
    ///
    /// # Errors
    /// What is wrong, as a text.
    pub(crate) fn read(value: &Json, named: bool) -> Result<Self, String> {
        let fields = value.as_object().ok_or("an encoding is an object")?;
        for (name, _) in fields {
            let known = ["function", "tensor_data", "target_dimension"];
            if !known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                return Err(format!("unknown argument of a function: {name}"));
            }
        }
        match value.get("function") {
            None if !named => {}
            Some(Json::Text(name)) if name.eq_ignore_ascii_case("fde") => {}
            Some(Json::Text(name)) => return Err(format!("Unsupported function: {name}")),
            Some(_) | None => return Err("`function` must be a text".to_owned()),
        }
        let needs = "FDE function requires 'tensor_data' (array) and 'target_dimension' (number)";
        let tensor = value.get("tensor_data").ok_or(needs)?;
        let target = match value.get("target_dimension") {
            Some(Json::Int(target)) => *target,
            Some(_) | None => return Err(needs.to_owned()),
        };
        Self::of(tensor, target)
    }

    /// The tensor that is a list of rows, or the one row that is a list of numbers.
    ///
    /// # Errors
    /// What is wrong, as a text.
    pub(crate) fn of(tensor: &Json, target: i64) -> Result<Self, String> {
        let list = tensor.as_list().ok_or("a tensor is a list of rows")?;
        let is_row = list.first().is_some_and(|part| part.as_list().is_none());
        let parts = match is_row {
            true => core::slice::from_ref(tensor),
            false => list,
        };
        let mut rows = Vec::new();
        let mut dim = None;
        for part in parts {
            let row = part.as_list().ok_or("a tensor is a list of rows")?;
            if *dim.get_or_insert(row.len()) != row.len() {
                return Err("the rows of a tensor are equally long".to_owned());
            }
            for number in row {
                let x = number.as_number().map(|x| x as f32);
                let x = x.filter(|x| x.is_finite());
                rows.push(x.ok_or("the rows of a tensor are made of numbers")?);
            }
        }
        Self::new(rows, dim.unwrap_or(0), target)
    }

    /// # Errors
    /// What is wrong, as a text.
    pub(crate) fn new(rows: Vec<f32>, dim: usize, target: i64) -> Result<Self, String> {
        if rows.is_empty() || dim == 0 {
            return Err("a tensor must not be empty".to_owned());
        }
        if rows.len() > NUMBERS_MAX {
            return Err(format!("a tensor of more than {NUMBERS_MAX} numbers"));
        }
        let length = usize::try_from(target).ok();
        let length = length.filter(|length| (1..=TARGET_MAX).contains(length));
        match length {
            Some(target) => Ok(Self { rows, dim, target }),
            None => Err(format!(
                "target dimension {target} is not from 1 to {TARGET_MAX}"
            )),
        }
    }

    /// The encoding: `target` components, those that no repetition fills zero. Sums are made in
    /// one order and random numbers without logarithms, so that every platform gives the same
    /// bits.
    pub(crate) fn encode(&self, side: Side) -> Vec<f32> {
        let shape = Shape::of(self.dim, self.target);
        let scale = 1.0 / libm::sqrt(shape.repetitions as f64);
        let mut encoded = Vec::with_capacity(self.target);
        for repetition in 0..shape.repetitions {
            let parts = self.repetition(&shape, repetition as u64, side);
            encoded.extend(parts.iter().map(|x| (x * scale) as f32));
        }
        encoded.resize(self.target, 0.0);
        encoded
    }

    /// The projected rows of every part, made one.
    fn repetition(&self, shape: &Shape, number: u64, side: Side) -> Vec<f64> {
        let mut random = Random(SEED.wrapping_add(number));
        let planes = matrix(shape.planes, self.dim, || random.normal());
        let signs = match shape.projected < self.dim {
            true => Some(matrix(shape.projected, self.dim, || random.sign())),
            false => None,
        };
        let scale = 1.0 / libm::sqrt(shape.projected as f64);
        let rows: Vec<(usize, Vec<f64>)> = self
            .rows
            .chunks_exact(self.dim)
            .map(|row| {
                let part = planes.iter().fold(0, |part, plane| {
                    part << 1 | usize::from(product(plane, row) > 0.0)
                });
                let projected = match &signs {
                    Some(signs) => signs.iter().map(|s| product(s, row) * scale).collect(),
                    None => row.iter().map(|x| f64::from(*x)).collect(),
                };
                (part, projected)
            })
            .collect();
        let parts = (0..1 << shape.planes).flat_map(|part| {
            let away = |(of, _): &(usize, _)| (of ^ part).count_ones();
            // Of equally near rows all, so that their order does not matter.
            let nearest = match side {
                Side::Query => 0,
                Side::Document => rows.iter().map(away).min().unwrap_or(0),
            };
            let mut total = vec![0.0; shape.projected];
            let mut count = 0.0;
            for (_, row) in rows.iter().filter(|row| away(row) == nearest) {
                total.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                count += 1.0;
            }
            if side == Side::Document {
                total.iter_mut().for_each(|sum| *sum /= count);
            }
            total
        });
        parts.collect()
    }
}

/// How an encoding is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Random planes; they part the space into two to their number of parts.
    planes: usize,
    /// Components per part.
    projected: usize,
    repetitions: usize,
}

impl Shape {
    /// As many planes as leave room for enough repetitions, which are the more the more parts
    /// there are. Found by trying shapes on generated tensors; the paper's own (20 repetitions of
    /// 8 to 32 parts) begin at 1280 components.
    fn of(dim: usize, target: usize) -> Self {
        let projected = dim.min(PROJECTED).min(target);
        let fits = |planes: &usize| {
            let parts = 1_usize << planes;
            parts * projected * parts.max(REPETITIONS_ENOUGH) <= target
        };
        let planes = (1..=dim.min(8)).take_while(fits).last().unwrap_or(0);
        let repetitions = match (planes, projected == dim) {
            // Without planes and without projection every repetition would be the same.
            (0, true) => 1,
            _ => (target / (projected << planes)).clamp(1, REPETITIONS_MAX),
        };
        Self {
            planes,
            projected,
            repetitions,
        }
    }
}

/// Of the random numbers. Encodings that are stored are compared with those of queries, so it can
/// never change.
const SEED: u64 = 42;

/// SplitMix64 (Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// Nearly normal with variance 1: the sum of twelve uniform ones (Irwin-Hall).
    fn normal(&mut self) -> f64 {
        let unit = 1.0 / (1_u64 << 53) as f64;
        let sum: f64 = (0..12).map(|_| (self.next() >> 11) as f64 * unit).sum();
        sum - 6.0
    }

    fn sign(&mut self) -> f64 {
        match self.next() >> 63 {
            0 => -1.0,
            _ => 1.0,
        }
    }
}

fn matrix(rows: usize, columns: usize, mut number: impl FnMut() -> f64) -> Vec<Vec<f64>> {
    let mut row = || (0..columns).map(|_| number()).collect();
    (0..rows).map(|_| row()).collect()
}

fn product(plane: &[f64], row: &[f32]) -> f64 {
    let pairs = plane.iter().zip(row);
    pairs.map(|(a, b)| a * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    }

    fn max_sim(query: &Asked, document: &Asked) -> f64 {
        let best = |row: &[f32]| {
            let rows = document.rows.chunks_exact(document.dim);
            rows.map(|other| dot(row, other)).fold(f64::MIN, f64::max)
        };
        query.rows.chunks_exact(query.dim).map(best).sum()
    }

    fn unit(random: &mut Random, dim: usize) -> Vec<f32> {
        let row: Vec<f64> = (0..dim).map(|_| random.normal()).collect();
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter().map(|x| (x / length) as f32).collect()
    }

    #[test]
    fn inner_products_of_encodings_find_what_max_sim_finds() {
        const DIM: usize = 24;
        let mut random = Random(7);
        let tensor = |rows: Vec<f32>| Asked::new(rows, DIM, 4096).unwrap();
        let documents: Vec<Asked> = (0..100)
            .map(|_| tensor((0..10).flat_map(|_| unit(&mut random, DIM)).collect()))
            .collect();
        let encoded: Vec<_> = documents.iter().map(|d| d.encode(Side::Document)).collect();
        let mut found = 0;
        for wanted in 0..50 {
            // Some rows of a document, in another order and moved a little.
            let rows = documents[wanted].rows.chunks_exact(DIM).rev().take(5);
            let moved = rows.flat_map(|row| {
                let noise = unit(&mut random, DIM);
                row.iter()
                    .zip(noise)
                    .map(|(x, n)| x + 0.4 * n)
                    .collect::<Vec<_>>()
            });
            let query = tensor(moved.collect());
            let by_max_sim = |a: &usize, b: &usize| {
                let score = |at: usize| max_sim(&query, &documents[at]);
                score(*a).total_cmp(&score(*b))
            };
            assert_eq!((0..100).max_by(by_max_sim), Some(wanted));
            let encoded_query = query.encode(Side::Query);
            let score = |at: &usize| dot(&encoded_query, &encoded[*at]);
            let mut order: Vec<usize> = (0..100).collect();
            order.sort_by(|a, b| score(b).total_cmp(&score(a)));
            found += usize::from(order[..3].contains(&wanted));
        }
        assert!(found >= 45, "{found} of 50 are among the best three");
    }

    #[test]
    fn rows_of_a_document_count_in_any_order() {
        let forth = Asked::new(vec![1.0, 2.0, -3.0, 4.0, 0.5, -1.0], 2, 64).unwrap();
        let back = Asked::new(vec![0.5, -1.0, -3.0, 4.0, 1.0, 2.0], 2, 64).unwrap();
        for side in [Side::Query, Side::Document] {
            let (forth, back) = (forth.encode(side), back.encode(side));
            let same = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
            assert!(forth.iter().zip(&back).all(same), "{side:?}");
            assert_eq!(forth.len(), 64);
        }
        assert_ne!(forth.encode(Side::Query), forth.encode(Side::Document));
    }

    #[test]
    fn encodings_never_change() {
        let folded = |asked: &Asked, side| {
            let bits = asked.encode(side).into_iter().map(f32::to_bits);
            bits.fold(0_u64, |sum, x| sum.rotate_left(5) ^ u64::from(x))
        };
        let asked = Asked::new(vec![1.0, 2.0, -3.0, 4.0], 2, 64).unwrap();
        let wide: Vec<f32> = (0..64_u8).map(|x| f32::from(x) - 20.0).collect();
        let wide = Asked::new(wide, 32, 256).unwrap();
        let found = [
            folded(&asked, Side::Document),
            folded(&asked, Side::Query),
            folded(&wide, Side::Document),
        ];
        let expected = [
            2_053_030_795_554_018_906,
            17_025_676_231_460_655_972,
            16_234_970_119_590_574_891,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn shapes_fill_what_was_asked_for() {
        for dim in [1, 2, 3, 16, 17, 128, 4096] {
            for target in [1, 2, 7, 16, 64, 256, 1000, 4096, 65_535] {
                let shape = Shape::of(dim, target);
                let length = (shape.projected << shape.planes) * shape.repetitions;
                assert!((1..=target).contains(&length), "{dim} {target} {shape:?}");
            }
        }
        let shape = |planes, projected, repetitions| Shape {
            planes,
            projected,
            repetitions,
        };
        assert_eq!(Shape::of(128, 1024), shape(3, 16, 8));
        assert_eq!(Shape::of(128, 4096), shape(4, 16, 16));
    }

    #[test]
    fn what_is_no_tensor_is_refused() {
        for (text, named) in [
            (r#"{"function":"fde","tensor_data":[[1,2]]}"#, true),
            (r#"{"function":"fde","target_dimension":4}"#, true),
            (
                r#"{"function":"abs","tensor_data":[[1]],"target_dimension":4}"#,
                true,
            ),
            (r#"{"tensor_data":[[1]],"target_dimension":4}"#, true),
            (
                r#"{"tensor_data":[[1]],"target_dimension":4,"seed":1}"#,
                false,
            ),
            (r#"{"tensor_data":[[1],[1,2]],"target_dimension":4}"#, false),
            (r#"{"tensor_data":[[1],2],"target_dimension":4}"#, false),
            (r#"{"tensor_data":[["1"]],"target_dimension":4}"#, false),
            (r#"{"tensor_data":[],"target_dimension":4}"#, false),
            (r#"{"tensor_data":[[]],"target_dimension":4}"#, false),
            (r#"{"tensor_data":[[1]],"target_dimension":0}"#, false),
            (r#"{"tensor_data":[[1]],"target_dimension":65536}"#, false),
            (r#"{"tensor_data":[[1]],"target_dimension":4.5}"#, false),
            ("[1]", false),
        ] {
            let json: Json = gateway::json::read(text.as_bytes()).unwrap();
            assert!(Asked::read(&json, named).is_err(), "{text}");
        }
        let flat = br#"{"tensor_data":[1,2,3],"target_dimension":4}"#;
        let asked = Asked::read(&gateway::json::read(flat).unwrap(), false).unwrap();
        assert_eq!((asked.dim, asked.rows.len()), (3, 3));
    }
}
