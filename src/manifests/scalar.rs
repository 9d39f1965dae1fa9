//! What an unquoted word of YAML means to the Kubernetes tools.
//!
//! They read YAML 1.1 scalars with a few of their own turns: `yes`, `on` and `y` are truth values, a leading zero
//! makes an octal number, and every number that JSON would write without a fraction is a whole one.

use serde_json::{Number, Value};

/// The value of a plain scalar.
///
/// # Errors
/// Returns what is wrong and what to write instead when the word stands for a number JSON cannot hold.
pub(super) fn plain(word: &str) -> Result<Value, String> {
    let unwritable = || format!("{word} is not a number that a manifest can hold: write digits, or quote it if it is text");
    Ok(match word {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" => {
            return Err(unwritable());
        }
        _ => number(word).map_or_else(|| Value::String(word.to_owned()), Value::Number),
    })
}

/// The name of a map entry, for JSON knows only text as names.
///
/// # Errors
/// Returns what is wrong and what to write instead when the word cannot be a name.
pub(super) fn name(word: &str) -> Result<String, String> {
    match plain(word)? {
        Value::String(name) => Ok(name),
        Value::Null => Err("a field without a name: write a name before the colon".to_owned()),
        other => Ok(other.to_string()),
    }
}

/// The number a word stands for, if it stands for one.
fn number(word: &str) -> Option<Number> {
    let first = word.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let word = word.replace('_', "");
    whole(&word).or_else(|| fraction(&word))
}

/// A whole number with its base prefix; a leading zero alone means octal.
fn whole(word: &str) -> Option<Number> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let prefix = digits.get(..2).unwrap_or_default().to_ascii_lowercase();
    let (base, digits) = match prefix.as_str() {
        "0x" => (16, &digits[2..]),
        "0o" => (8, &digits[2..]),
        "0b" => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The standard parser would take a second sign.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    if negative { 0_i64.checked_sub_unsigned(size).map(Number::from) } else { Some(Number::from(size)) }
}

/// Up to here every whole number has a floating-point number of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number with a fraction or an exponent, or too large for a whole one.
fn fraction(word: &str) -> Option<Number> {
    let ours = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    if !word.chars().all(ours) || !word.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let size: f64 = word.parse().ok()?;
    // Written out by the tools without a fraction, and read back as a whole number.
    if size.fract() == 0.0 && size.abs() <= EXACT {
        return format!("{size:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(size)
}
