//! Texts and what they mean; hostile texts.
#![allow(clippy::unwrap_used)]

use model::{FieldPath, Filter, Function, Scalar, Term, Test, Value};
use proptest::prelude::*;

use crate::{Argument, Called, Fault, Meaning, Notation, Vocabulary, read_filter, read_term};

struct Columns;

impl Vocabulary for Columns {
    fn field(&mut self, parts: &[&str]) -> Option<FieldPath> {
        let [name] = parts else { return None };
        ["a", "b", "lang", "price", "d", "tags", "a b"]
            .contains(name)
            .then(|| FieldPath::field(name))
    }

    fn function(&mut self, called: &Called<'_>) -> Option<Result<Meaning, Fault>> {
        if called.name != "has" {
            return None;
        }
        let [Argument::Term(Term::Constant(Value::Str(text)))] = called.arguments.as_slice() else {
            return Some(Err(Fault::Arguments("has".into())));
        };
        Some(Ok(Meaning::from(has(text))))
    }
}

fn has(text: &str) -> Filter {
    Filter::Field {
        path: FieldPath::field("b"),
        test: Test::Equals(Scalar::Str(text.into())),
    }
}

/// The term in a short notation: `(Function argument …)`.
fn show(term: &Term) -> String {
    match term {
        Term::Constant(Value::Str(text)) => format!("'{text}'"),
        Term::Constant(Value::Int(n)) => n.to_string(),
        Term::Constant(Value::Float(x)) => format!("{x:?}"),
        Term::Constant(Value::Bool(truth)) => truth.to_string(),
        Term::Constant(Value::Null) => "null".into(),
        Term::Constant(other) => format!("{other:?}"),
        Term::Field(path) => path.to_string(),
        Term::Call {
            function,
            arguments,
        } => {
            let arguments: Vec<_> = arguments.iter().map(show).collect();
            format!("({function:?} {})", arguments.join(" "))
        }
    }
}

fn lynse(text: &str) -> Result<String, Fault> {
    read_term(text, Notation::LYNSE, &mut Columns).map(|term| show(&term))
}

fn infinity(text: &str) -> Result<String, Fault> {
    read_term(text, Notation::INFINITY, &mut Columns).map(|term| show(&term))
}

#[test]
fn what_both_dialects_write() {
    for (text, meaning) in [
        ("lang='en'", "(Equal lang 'en')"),
        ("a<>1", "(NotEqual a 1)"),
        ("a != -1.5", "(NotEqual a -1.5)"),
        ("a = -9223372036854775808", "(Equal a -9223372036854775808)"),
        ("price + 10 = 20", "(Equal (Add price 10) 20)"),
        ("a + 2 * b", "(Add a (Multiply 2 b))"),
        (
            "a = 1 or b = 2 and lang = 'x'",
            "(Or (Equal a 1) (And (Equal b 2) (Equal lang 'x')))",
        ),
        (
            "NOT a = 1 AND b IS NOT NULL",
            "(And (Not (Equal a 1)) (Not (IsNull b)))",
        ),
        ("a in (1, 2,-3)", "(In a 1 2 -3)"),
        ("a not in (1)", "(Not (In a 1))"),
        (
            "a between 1 and 2 and b = 3",
            "(And (Between a 1 2) (Equal b 3))",
        ),
        ("lang like 'it''s%'", "(Like lang 'it's%')"),
        (
            "lang not like 'a!%' escape '!'",
            "(Not (Like lang 'a!%' '!'))",
        ),
        ("lang regexp '^a'", "(Regex lang '^a')"),
        ("abs(a) > 1", "(Greater (Absolute a) 1)"),
        ("\"a b\" = TRUE", "(Equal \"a b\" true)"),
        (
            "upper(lower(lang)) = 'X'",
            "(Equal (Upper (Lower lang)) 'X')",
        ),
        (
            "tags contains 'x' or a is null",
            "(Or (Contains tags 'x') (IsNull a))",
        ),
        ("cast(a as varchar) = '1'", "(Equal (ToText a) '1')"),
    ] {
        assert_eq!(lynse(text).as_deref(), Ok(meaning), "{text}");
        assert_eq!(infinity(text).as_deref(), Ok(meaning), "{text}");
    }
}

#[test]
fn what_one_dialect_writes() {
    for (text, meaning) in [
        ("a == 1", "(Equal a 1)"),
        ("a % 2 = 0", "(Equal (Modulo a 2) 0)"),
        ("extract(year from d) = 2024", "(Equal (Year d) 2024)"),
        ("extract('month' from d)", "(Month d)"),
        ("date_part('day', d)", "(Day d)"),
        ("d > date '2024-01-01'", "(Greater d (ToDate '2024-01-01'))"),
        ("d + 3 days", "(Shift d 3 'day')"),
        ("d - interval 2 month", "(Shift d -2 'month')"),
        ("substring(lang, 0, 2)", "(Substring lang 0 2)"),
        ("floor(a) + ceil(b)", "(Add (Floor a) (Ceiling b))"),
        ("position('x' in lang)", "(Position lang 'x')"),
        ("round(a, 2)", "(Round a 2)"),
        ("regex(lang, 'a+')", "(Regex lang 'a+')"),
    ] {
        assert_eq!(infinity(text).as_deref(), Ok(meaning), "{text}");
    }
    assert_eq!(lynse("`a` = \"en\"").as_deref(), Ok("(Equal a 'en')"));
    assert_eq!(
        lynse("\"lang\" = \"en\"").as_deref(),
        Ok("(Equal lang 'en')")
    );
}

#[test]
fn what_neither_takes() {
    for text in [
        "a = 1 AND",
        "a = 1; DELETE FROM fields",
        "a = 1 LIMIT 1",
        "a = 1 ORDER BY a",
        "a ILIKE 'x'",
        "a IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "CASE WHEN a = 1 THEN 1 END",
        "abs(a, b) = 1",
        "a ==",
        "'unfinished",
        "(((",
    ] {
        assert!(lynse(text).is_err(), "{text}");
        assert!(infinity(text).is_err(), "{text}");
    }
    assert_eq!(lynse("  "), Err(Fault::Empty));
    assert_eq!(lynse(""), Err(Fault::Empty));
    assert!(matches!(lynse("a == 1"), Err(Fault::Syntax(_))));
    assert!(matches!(lynse("a % 2 = 1"), Err(Fault::Syntax(_))));
    assert_eq!(lynse("x = 1"), Err(Fault::NoField("x".into())));
    assert_eq!(infinity("a = \"en\""), Err(Fault::NoField("en".into())));
    assert_eq!(infinity("nope(a)"), Err(Fault::NoFunction("nope".into())));
}

#[test]
fn tests_of_a_dialect_stand_among_expressions() {
    let read = |text| read_filter(text, Notation::INFINITY, &mut Columns).unwrap();
    assert_eq!(read("has('x')"), has("x"));
    let equal = |n| {
        let arguments = vec![
            Term::Field(FieldPath::field("a")),
            Term::Constant(Value::Int(n)),
        ];
        Term::call(Function::Equal, arguments).unwrap()
    };
    assert_eq!(
        read("a = 1 and has('x')"),
        Filter::All(vec![Filter::Where(equal(1)), has("x")])
    );
    let contrary = Term::call(Function::Not, vec![equal(1)]).unwrap();
    assert_eq!(
        read("not (a = 1 and has('x'))"),
        Filter::Any(vec![
            Filter::Where(contrary),
            Filter::Not(Box::new(has("x")))
        ])
    );
    assert!(read_term("has('x') = true", Notation::INFINITY, &mut Columns).is_err());
}

#[test]
fn hostile_texts_are_refused_in_a_small_stack() {
    let deep = [
        "(".repeat(5_000),
        format!("{}a{}", "(".repeat(500), ")".repeat(500)),
        "not ".repeat(5_000) + "a",
        "- ".repeat(5_000) + "1",
        "a + ".repeat(5_000) + "a",
        "a or ".repeat(50_000) + "a",
        "abs(".repeat(3_000) + "a",
        "a = ".repeat(1_500) + "a",
        "[".repeat(3_000),
        "case ".repeat(3_000),
        "(select ".repeat(3_000),
    ];
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let tried = small.spawn(move || {
        for text in &deep {
            assert!(infinity(text).is_err(), "{}", &text[..20]);
        }
        let chain = "a = 1 or ".repeat(400) + "b = 2";
        assert!(infinity(&chain).is_ok());
        let list = format!("a in ({}1)", "-5,".repeat(30_000));
        assert!(infinity(&list).is_ok());
    });
    tried.unwrap().join().unwrap();
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~é]{0,40}") {
        let _ = infinity(&text);
        let _ = lynse(&text);
    }

    #[test]
    fn any_words_are_read_or_refused(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b", "(", ")", "and", "or", "not", "=", "<", "like", "'x%'", "in", "1", ",",
                "between", "is", "null", "contains", "+", "-", "*", "/", "%", "days", "interval",
                "cast", "as", "int", "extract", "from", "date", "abs", "[", "]", "2.5", "case",
                "regexp", "escape", "distinct", "select", "::", ".", "\"a b\"",
            ]),
            0..14,
        ),
    ) {
        let text = words.join(" ");
        let _ = infinity(&text);
        let _ = lynse(&text);
    }
}
