//! Pages of lists: `offset`, `page_size`, `all_required`.

use gateway::Call;

use crate::error::{Code, Failure};

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

/// Elements of a page where none is said.
const SIZE: usize = 10;

impl Page {
    /// The page that the query string asks for.
    ///
    /// # Errors
    /// 37 when a parameter is no number of digits, or no truth value.
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let mut page = Self {
            offset: 0,
            size: SIZE,
        };
        let mut all = false;
        for (name, value) in call.query_pairs() {
            match &*name {
                "offset" => page.offset = number(&value)?,
                "page_size" => page.size = number(&value)?,
                "all_required" => all = truth(&value)?,
                _ => {}
            }
        }
        if all {
            page = Self {
                offset: 0,
                size: usize::MAX,
            };
        }
        Ok(page)
    }

    /// The elements of `all` on the page.
    pub(crate) fn cut<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.offset).take(self.size).collect()
    }
}

fn number(value: &str) -> Result<usize, Failure> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { value.parse().ok() } else { None };
    number.ok_or_else(|| {
        // Milvus names this parameter even when the other one is wrong.
        let message = "Query param 'offset' is illegal, only non-negative integer supported";
        Failure::new(Code::IllegalQueryParam, message)
    })
}

/// Only `true` and `True` ask for everything; Milvus takes the others for no.
fn truth(value: &str) -> Result<bool, Failure> {
    match value {
        "True" | "true" => Ok(true),
        _ if ["1", "on", "yes", "false", "off", "no", "0"]
            .contains(&value.to_ascii_lowercase().as_str()) =>
        {
            Ok(false)
        }
        _ => {
            let message = "Query param 'all_required' must be a bool";
            Err(Failure::new(Code::IllegalQueryParam, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits() {
        assert_eq!(number("5").unwrap(), 5);
        assert_eq!(number("0").unwrap(), 0);
        for wrong in ["", "-5", "+5", "0.1", "1.6", "567a", &"9".repeat(50)] {
            assert_eq!(number(wrong).unwrap_err().code, Code::IllegalQueryParam);
        }
    }

    #[test]
    fn truth_has_its_words() {
        assert!(truth("True").unwrap() && truth("true").unwrap());
        for no in ["1", "on", "yes", "false", "False", "off", "no", "0"] {
            assert!(!truth(no).unwrap(), "{no}");
        }
        assert_eq!(truth("Hello").unwrap_err().code, Code::IllegalQueryParam);
    }

    #[test]
    fn pages_are_cut() {
        let page = Page { offset: 1, size: 2 };
        assert_eq!(page.cut(vec![1, 2, 3, 4]), [2, 3]);
        let all = Page {
            offset: 0,
            size: usize::MAX,
        };
        assert_eq!(all.cut(vec![1, 2]), [1, 2]);
    }
}
