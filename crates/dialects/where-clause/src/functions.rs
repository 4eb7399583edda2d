//! Names of functions, types and parts of dates.

use model::Function;

/// The function of that name in lower case.
pub(crate) fn named(name: &str) -> Option<Function> {
    Some(match name {
        "abs" => Function::Absolute,
        "pow" | "power" => Function::Power,
        "sqrt" => Function::SquareRoot,
        "round" => Function::Round,
        "ceil" | "ceiling" => Function::Ceiling,
        "floor" => Function::Floor,
        "ln" | "log" => Function::Logarithm,
        "mod" => Function::Modulo,
        "isnan" => Function::IsNan,
        "isinf" => Function::IsInfinite,
        "isfinite" => Function::IsFinite,
        "trunc" => Function::Truncate,
        "substring" | "substr" => Function::Substring,
        "char_length" => Function::CharacterLength,
        "length" | "len" => Function::Length,
        "md5" => Function::Md5,
        "lower" => Function::Lower,
        "upper" => Function::Upper,
        "regex" => Function::Regex,
        "reverse" => Function::Reverse,
        "ltrim" => Function::TrimStart,
        "rtrim" => Function::TrimEnd,
        "trim" => Function::Trim,
        "position" => Function::Position,
        "json_extract" => Function::JsonExtract,
        "json_extract_string" => Function::JsonText,
        "json_extract_int" => Function::JsonInteger,
        "json_extract_double" => Function::JsonFloat,
        "json_extract_bool" => Function::JsonBool,
        "json_extract_isnull" => Function::JsonIsNull,
        "json_exists_path" => Function::JsonExists,
        "json_contains" => Function::JsonContains,
        other => return date_part(other),
    })
}

/// The function that gives the part of a date with that name in lower case.
pub(crate) fn date_part(name: &str) -> Option<Function> {
    Some(match name {
        "century" => Function::Century,
        "year" => Function::Year,
        "month" => Function::Month,
        "day" | "dayofmonth" => Function::Day,
        "hour" => Function::Hour,
        "minute" => Function::Minute,
        "second" => Function::Second,
        "dayofyear" | "doy" => Function::DayOfYear,
        "dayofweek" | "dow" => Function::DayOfWeek,
        "era" => Function::Era,
        "epoch" => Function::Epoch,
        "quarter" => Function::Quarter,
        "weekday" | "isodow" => Function::WeekDay,
        "weekofyear" | "week" => Function::WeekOfYear,
        _ => return None,
    })
}

/// The function that turns a value into the type of that name, which may have a length in
/// parentheses behind it.
pub(crate) fn cast_to(type_name: &str) -> Option<Function> {
    let lower = type_name.to_ascii_lowercase();
    let name = lower.split('(').next().unwrap_or_default().trim();
    Some(match name {
        "tinyint" | "smallint" | "int" | "integer" | "bigint" | "int8" | "int16" | "int32"
        | "int64" => Function::ToInteger,
        "float" | "float32" | "float64" | "double" | "double precision" | "real" | "float16"
        | "bfloat16" => Function::ToFloat,
        "varchar" | "text" | "char" | "string" => Function::ToText,
        "bool" | "boolean" => Function::ToBool,
        "date" => Function::ToDate,
        "time" => Function::ToTime,
        "datetime" | "timestamp" => Function::ToDateTime,
        _ => return None,
    })
}
