//! Scalar expressions over payloads, with the three truth values of SQL.
//!
//! A term has a value for each point: null, a truth value, a number, a text, a list or an object.
//! The crate `scalar` evaluates it; its meaning is stated here once.

use alloc::vec::Vec;

use crate::{Error, FieldPath, Value};

/// Levels of calls inside calls, at most.
pub const TERM_DEPTH_MAX: usize = 96;

/// An expression over one payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The same for every point.
    Constant(Value),
    /// The one value that the path reaches; null when it reaches none or several.
    Field(FieldPath),
    /// A function of other terms.
    Call {
        /// Which.
        function: Function,
        /// As many as the function takes.
        arguments: Vec<Term>,
    },
}

macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $min:literal, $max:literal;)+) => {
        /// What a term may do with other terms.
        ///
        /// Unless said otherwise a null argument, and one of another kind than the function is
        /// about, makes the result null. Integers that leave 64 bits become floats.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Function {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Function {
            /// All, ascending by their code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The byte that stands for it in stored filters; never given to another one.
            pub fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// Fewest and most arguments.
            pub fn arity(self) -> (usize, usize) {
                match self {
                    $(Self::$variant => ($min, $max),)+
                }
            }
        }
    };
}

functions! {
    /// False when one is false, else null when one is not a truth value, else true.
    And = 0, 0, 65536;
    /// True when one is true, else null when one is not a truth value, else false.
    Or = 1, 0, 65536;
    /// The contrary of a truth value.
    Not = 2, 1, 1;
    /// Equal: numbers by their value, texts by their bytes, truth values.
    Equal = 3, 2, 2;
    /// Not equal.
    NotEqual = 4, 2, 2;
    /// Less: numbers, texts by their bytes, false before true.
    Less = 5, 2, 2;
    /// Less or equal.
    LessOrEqual = 6, 2, 2;
    /// Greater.
    Greater = 7, 2, 2;
    /// Greater or equal.
    GreaterOrEqual = 8, 2, 2;
    /// The first equals one of the others; null when it does not and one cannot be compared.
    In = 9, 1, 65536;
    /// The first lies between the others, both included.
    Between = 10, 3, 3;
    /// Whether the value is null; never null itself.
    IsNull = 11, 1, 1;
    /// The text is of the pattern: `%` any characters, `_` one, after the escape character, the
    /// optional third argument, themselves.
    Like = 12, 2, 3;
    /// The regular expression is found in the text.
    Regex = 13, 2, 2;
    /// The list has an element that equals the second; false for texts.
    Contains = 14, 2, 2;
    /// Sum.
    Add = 20, 2, 2;
    /// Difference.
    Subtract = 21, 2, 2;
    /// Product.
    Multiply = 22, 2, 2;
    /// Quotient, a float; null when divided by 0.
    Divide = 23, 2, 2;
    /// Remainder with the sign of the first; null when divided by 0.
    Modulo = 24, 2, 2;
    /// The number with the other sign.
    Negate = 25, 1, 1;
    /// Without its sign.
    Absolute = 26, 1, 1;
    /// The first to the power of the second.
    Power = 27, 2, 2;
    /// Square root, not a number below 0.
    SquareRoot = 28, 1, 1;
    /// Nearest integer or, with a second argument, to so many decimals; halves away from 0.
    Round = 29, 1, 2;
    /// Smallest integer not below.
    Ceiling = 30, 1, 1;
    /// Largest integer not above.
    Floor = 31, 1, 1;
    /// Natural logarithm.
    Logarithm = 32, 1, 1;
    /// Whether it is not a number.
    IsNan = 33, 1, 1;
    /// Whether it is infinite.
    IsInfinite = 34, 1, 1;
    /// Whether it is neither.
    IsFinite = 35, 1, 1;
    /// Cut off after so many decimals (second argument; 0 when absent).
    Truncate = 36, 1, 2;
    /// So many characters (third) of the text from a place on (second, from 0).
    Substring = 50, 2, 3;
    /// Number of characters.
    CharacterLength = 51, 1, 1;
    /// MD5 in hexadecimal digits.
    Md5 = 52, 1, 1;
    /// In lower case.
    Lower = 53, 1, 1;
    /// In upper case.
    Upper = 54, 1, 1;
    /// Characters from last to first.
    Reverse = 55, 1, 1;
    /// Without white space in front.
    TrimStart = 56, 1, 1;
    /// Without white space behind.
    TrimEnd = 57, 1, 1;
    /// Without white space in front and behind.
    Trim = 58, 1, 1;
    /// Where the second is first found in the first, in characters from 1; 0 when it is not.
    Position = 59, 2, 2;
    /// Elements of a list, characters of a text.
    Length = 60, 1, 1;
    /// As an integer: numbers cut off, texts read, truth values 0 or 1.
    ToInteger = 70, 1, 1;
    /// As a float.
    ToFloat = 71, 1, 1;
    /// As a text.
    ToText = 72, 1, 1;
    /// As a truth value.
    ToBool = 73, 1, 1;
    /// As a date, `2024-01-31`.
    ToDate = 74, 1, 1;
    /// As a time, `23:59:59`.
    ToTime = 75, 1, 1;
    /// As date and time, `2024-01-31 23:59:59`.
    ToDateTime = 76, 1, 1;
    /// Of a date: years / 100, rounded up.
    Century = 90, 1, 1;
    /// Of a date.
    Year = 91, 1, 1;
    /// Of a date, from 1.
    Month = 92, 1, 1;
    /// Of a date, from 1.
    Day = 93, 1, 1;
    /// Of a time.
    Hour = 94, 1, 1;
    /// Of a time.
    Minute = 95, 1, 1;
    /// Of a time.
    Second = 96, 1, 1;
    /// Of a date, from 1.
    DayOfYear = 97, 1, 1;
    /// Of a date: 0 Sunday to 6 Saturday.
    DayOfWeek = 98, 1, 1;
    /// Of a date: 1 after the birth of Christ, 0 before.
    Era = 99, 1, 1;
    /// Seconds since 1970.
    Epoch = 100, 1, 1;
    /// Of a date, from 1.
    Quarter = 101, 1, 1;
    /// Of a date: 1 Monday to 7 Sunday.
    WeekDay = 102, 1, 1;
    /// Of a date: its ISO week.
    WeekOfYear = 103, 1, 1;
    /// The date of the first argument moved by so many (second) units (third: `year`, `month`,
    /// `day`, `hour`, `minute` or `second`).
    Shift = 104, 3, 3;
    /// What a path (second argument: `$.a[0]`) reaches in JSON, an object or a text of it; a text
    /// of JSON.
    JsonExtract = 110, 2, 2;
    /// As [`Function::JsonExtract`]: the text of a text.
    JsonText = 111, 2, 2;
    /// As [`Function::JsonExtract`]: an integer.
    JsonInteger = 112, 2, 2;
    /// As [`Function::JsonExtract`]: a float.
    JsonFloat = 113, 2, 2;
    /// As [`Function::JsonExtract`]: a truth value.
    JsonBool = 114, 2, 2;
    /// Whether the path reaches a null.
    JsonIsNull = 115, 2, 2;
    /// Whether the path reaches anything.
    JsonExists = 116, 2, 2;
    /// Whether the JSON is, or somewhere at its top level has, the second argument.
    JsonContains = 117, 2, 2;
}

impl Function {
    /// The function of that code.
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }
}

impl Term {
    /// A call, checked.
    ///
    /// # Errors
    /// `Invalid` when the function takes another number of arguments or calls are nested deeper
    /// than [`TERM_DEPTH_MAX`].
    pub fn call(function: Function, arguments: Vec<Self>) -> Result<Self, Error> {
        let (min, max) = function.arity();
        if !(min..=max).contains(&arguments.len()) {
            return Err(Error::invalid(alloc::format!(
                "a function takes {min} to {max} arguments, got {}",
                arguments.len()
            )));
        }
        let term = Self::Call {
            function,
            arguments,
        };
        if term.depth() > TERM_DEPTH_MAX {
            return Err(Error::invalid("the expression is nested too deeply"));
        }
        Ok(term)
    }

    /// Levels of calls; 0 for constants and fields.
    pub fn depth(&self) -> usize {
        match self {
            Self::Constant(_) | Self::Field(_) => 0,
            Self::Call { arguments, .. } => {
                1 + arguments.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// Number of terms, this one included.
    pub fn size(&self) -> usize {
        match self {
            Self::Constant(_) | Self::Field(_) => 1,
            Self::Call { arguments, .. } => 1 + arguments.iter().map(Self::size).sum::<usize>(),
        }
    }

    /// Calls `visit` with the path of every field in it, in order.
    pub fn each_field<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldPath)) {
        match self {
            Self::Constant(_) => {}
            Self::Field(path) => visit(path),
            Self::Call { arguments, .. } => {
                for argument in arguments {
                    argument.each_field(visit);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ascending_and_found_again() {
        let codes = Function::ALL.iter().map(|function| function.code());
        assert!(codes.clone().is_sorted_by(|a, b| a < b));
        for function in Function::ALL {
            assert_eq!(Function::of_code(function.code()), Some(*function));
        }
        assert_eq!(Function::of_code(255), None);
    }

    #[test]
    fn calls_are_checked() {
        let one = || Term::Constant(Value::Int(1));
        assert!(Term::call(Function::Not, alloc::vec![]).is_err());
        let mut term = one();
        for _ in 0..TERM_DEPTH_MAX {
            let deeper = Term::call(Function::Negate, alloc::vec![term]);
            term = deeper.expect("not too deep yet");
        }
        assert!(Term::call(Function::Negate, alloc::vec![term]).is_err());
    }
}
