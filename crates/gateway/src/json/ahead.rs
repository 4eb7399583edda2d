//! Lists of numbers, read apart from their body.
//!
//! A large body comes in pieces, and nearly all of it are the components of vectors. What a list
//! of decimals is does not depend on what stands around it, so a host may read the lists of each
//! piece as it comes, on whatever thread is free, and the reader of the whole body takes the
//! components instead of the digits. A list that stands within a string, or that is not asked for
//! as `f32`, is read here in vain; one that is cut by the end of a piece belongs to the next one.

use kernels::decimal::DecimalKernels;

use super::number;

/// A shorter list gains nothing.
const LENGTH_MIN: usize = 16;

/// Bytes of text per number that are to be expected, for the room to be made.
const NUMBER_BYTES: usize = 16;

/// The lists of decimals of the pieces of a body.
#[derive(Debug, Default)]
pub struct Ahead {
    /// In the order of the body.
    pieces: Vec<Piece>,
}

/// The lists of decimals of a piece of a body.
#[derive(Debug)]
pub struct Piece {
    /// The position of the piece in the body.
    offset: usize,
    /// The position up to which it was read.
    end: usize,
    /// The components of all lists, one list after the other.
    numbers: Vec<f32>,
    /// In the order of the body.
    lists: Vec<List>,
}

/// Where a list stands.
#[derive(Clone, Copy, Debug)]
struct List {
    /// The position of its opening bracket in the body.
    start: usize,
    /// The position of its closing bracket.
    end: usize,
    /// Its first component among all.
    first: usize,
}

/// The components of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Components<'a> {
    pub(super) values: &'a [f32],
    /// The position of the list's closing bracket.
    pub(super) end: usize,
}

/// How far lists were taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    piece: usize,
    list: usize,
}

/// What stands at a bracket.
enum Found {
    /// A list that ends there.
    List(usize),
    /// Nothing up to there.
    Other(usize),
    /// Perhaps a list: the piece ends within it.
    CutOff,
}

impl Piece {
    /// Reads the lists of `text`, which stands at `offset` of the body.
    pub fn read(text: &[u8], offset: usize) -> Self {
        let mut numbers = Vec::with_capacity(text.len() / NUMBER_BYTES);
        let mut lists = Vec::new();
        let mut at = 0;
        let mut read = text.len();
        while let Some(skipped) = memchr::memchr(b'[', &text[at..]) {
            let start = at + skipped;
            let first = numbers.len();
            match decimals(text, start, &mut numbers) {
                Found::List(end) if numbers.len() - first >= LENGTH_MIN => {
                    lists.push(List {
                        start: offset + start,
                        end: offset + end,
                        first,
                    });
                    at = end;
                }
                Found::List(end) | Found::Other(end) => {
                    numbers.truncate(first);
                    at = end;
                }
                Found::CutOff => {
                    numbers.truncate(first);
                    read = start;
                    break;
                }
            }
        }
        Self {
            offset,
            end: offset + read,
            numbers,
            lists,
        }
    }

    /// Where the next piece should begin: behind the last byte, or at a list that it cuts.
    pub fn end(&self) -> usize {
        self.end
    }
}

impl Ahead {
    /// All lists of `pieces`, which may be in any order.
    pub fn of(mut pieces: Vec<Piece>) -> Self {
        pieces.sort_unstable_by_key(|piece| piece.offset);
        Self { pieces }
    }

    /// The list whose opening bracket stands at `start`, behind all that were asked for before.
    pub(super) fn list(&self, start: usize, cursor: &mut Cursor) -> Option<Components<'_>> {
        loop {
            let piece = self.pieces.get(cursor.piece)?;
            match piece.lists.get(cursor.list) {
                None => {
                    *cursor = Cursor {
                        piece: cursor.piece + 1,
                        list: 0,
                    }
                }
                Some(list) if list.start < start => cursor.list += 1,
                Some(list) if list.start > start => return None,
                Some(list) => {
                    let next = piece.lists.get(cursor.list + 1);
                    let last = next.map_or(piece.numbers.len(), |list| list.first);
                    return Some(Components {
                        values: &piece.numbers[list.first..last],
                        end: list.end,
                    });
                }
            }
        }
    }
}

/// Reads the list of decimals whose opening bracket stands at `start`.
fn decimals(body: &[u8], start: usize, numbers: &mut Vec<f32>) -> Found {
    let first = skip(body, start + 1);
    let mut at = first;
    loop {
        at = match plain(body, at, numbers) {
            Some(end) => end,
            None => match single(body, at, at == first, numbers) {
                Ok(end) => end,
                Err(found) => return found,
            },
        };
        at = skip(body, at);
        match body.get(at) {
            Some(b',') => at = skip(body, at + 1),
            Some(b']') => return Found::List(at),
            Some(_) => return Found::Other(at),
            None => return Found::CutOff,
        }
    }
}

/// Reads the plain decimals from `at` on; the position behind the last, if there is one.
fn plain(body: &[u8], at: usize, numbers: &mut Vec<f32>) -> Option<usize> {
    let end = (DecimalKernels::best().list)(body, at, numbers);
    (end > at).then_some(end)
}

/// Reads one number of any form; the position behind it.
fn single(body: &[u8], at: usize, is_first: bool, numbers: &mut Vec<f32>) -> Result<usize, Found> {
    let Ok((number, end)) = number::read_f32(body, at) else {
        // Digits may be missing that are still to come.
        let is_cut = body.len() - at < NUMBER_MAX;
        return Err(if is_cut {
            Found::CutOff
        } else {
            Found::Other(at)
        });
    };
    if end == body.len() {
        return Err(Found::CutOff);
    }
    // Integers are ids more often than components.
    if is_first && !body[at..end].contains(&b'.') {
        return Err(Found::Other(end));
    }
    numbers.push(number);
    Ok(end)
}

/// Longest text, in bytes, of a number of which a part cannot be told from something else.
const NUMBER_MAX: usize = 32;

/// The position of the next byte that is no white space.
fn skip(body: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = body.get(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(body: &str, cuts: &[usize]) -> Vec<(usize, usize, Vec<f32>)> {
        let mut ends = cuts.to_vec();
        ends.push(body.len());
        let starts = core::iter::once(0).chain(cuts.iter().copied());
        let pieces = starts
            .zip(&ends)
            .map(|(start, end)| Piece::read(&body.as_bytes()[start..*end], start));
        let mut pieces: Vec<Piece> = pieces.collect();
        pieces.reverse();
        let ahead = Ahead::of(pieces);
        let mut cursor = Cursor::default();
        let lists = (0..body.len()).filter_map(|start| {
            let list = ahead.list(start, &mut cursor)?;
            Some((start, list.end, list.values.to_vec()))
        });
        lists.collect()
    }

    fn list(from: usize, length: usize) -> String {
        let numbers: Vec<String> = (from..from + length).map(|i| format!("{i}.5")).collect();
        format!("[{}]", numbers.join(","))
    }

    #[test]
    fn long_lists_of_decimals_are_found_unless_they_are_cut() {
        let (one, two) = (list(0, 16), list(7, 40).replace(',', " ,\n"));
        let body = format!("{{\"ids\":[1,2],\"v\":[{one},{two}],\"short\":[0.5]}}");
        let whole = found(&body, &[]);
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[0].2.len(), 16);
        assert_eq!(whole[1].2[..2], [7.5, 8.5]);
        for (start, end, _) in &whole {
            assert_eq!((&body[*start..=*start], &body[*end..=*end]), ("[", "]"));
        }
        for cut in 0..body.len() {
            let is_whole =
                |(start, end, _): &&(usize, usize, Vec<f32>)| cut <= *start || cut > *end;
            let expected: Vec<_> = whole.iter().filter(is_whole).cloned().collect();
            assert_eq!(found(&body, &[cut]), expected, "{cut}");
            // Nothing is lost when the next piece begins where the last one ended.
            let again = Piece::read(&body.as_bytes()[..cut], 0).end();
            assert_eq!(found(&body, &[again]), whole, "{cut}");
        }
    }

    #[test]
    fn what_is_no_list_of_decimals_is_left() {
        let ids: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        assert!(found(&format!("[{}]", ids.join(",")), &[]).is_empty());
        let broken = list(0, 40);
        assert!(found(&broken[..broken.len() - 1], &[]).is_empty());
        for part in ["x", "[1.5]", "\"a\"", "-", "null", ""] {
            assert!(
                found(&broken.replace("20.5", part), &[]).is_empty(),
                "{part}"
            );
        }
    }
}
