//! The order of names on screens: numbers in names count as numbers.

use std::cmp::Ordering;

/// Order of names in which `app-2` comes before `app-10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (number_a, number_b) = (digits(left), digits(right));
        if number_a > 0 && number_b > 0 {
            let value = |text: &str, len: usize| text[..len].trim_start_matches('0').to_owned();
            let (value_a, value_b) = (value(left, number_a), value(right, number_b));
            let order = value_a.len().cmp(&value_b.len()).then(value_a.cmp(&value_b));
            if order.is_ne() {
                return order;
            }
            (left, right) = (&left[number_a..], &right[number_b..]);
            continue;
        }
        match (left.chars().next(), right.chars().next()) {
            (Some(x), Some(y)) if x == y => (left, right) = (&left[x.len_utf8()..], &right[y.len_utf8()..]),
            // What differs only in leading zeros still has an order.
            (None, None) => return a.cmp(b),
            (x, y) => return x.cmp(&y),
        }
    }
}

/// Bytes of the number that a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests;
