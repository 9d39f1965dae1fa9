//! Address ranges in the one form that AWS stores.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The range with all bits below the prefix cleared, as EC2 stores it; `None` if the text is not a range.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Some(format!("{}/{length}", Ipv4Addr::from(u32::from(address) & mask)))
        }
        IpAddr::V6(address) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Some(format!("{}/{length}", Ipv6Addr::from(u128::from(address) & mask)))
        }
        _ => None,
    }
}

/// Whether every address of the range `wanted` lies in one of the ranges `by`. Texts that are no ranges cover nothing.
#[must_use]
pub fn is_covered<'a>(wanted: &str, by: impl IntoIterator<Item = &'a str>) -> bool {
    let Some((family, mut first, last)) = bounds(wanted) else { return false };
    let mut ranges: Vec<_> = by.into_iter().filter_map(bounds).filter(|(other, ..)| *other == family).collect();
    ranges.sort_unstable();
    for (_, from, to) in ranges {
        if from > first {
            return false;
        }
        if to >= last {
            return true;
        }
        first = first.max(to + 1);
    }
    false
}

/// Bits of the family, first and last address of a range.
fn bounds(range: &str) -> Option<(u32, u128, u128)> {
    let range = canonical(range)?;
    let (address, length) = range.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let (bits, first) = match address.parse().ok()? {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    let span = 1_u128.checked_shl(bits - length).map_or(u128::MAX, |size| size - 1);
    Some((bits, first, first + span))
}

#[cfg(test)]
mod tests {
    use super::{canonical, is_covered};

    #[test]
    fn ranges_by_table() {
        for (text, expected) in [
            ("10.20.1.5/16", Some("10.20.0.0/16")),
            ("10.20.1.5/32", Some("10.20.1.5/32")),
            ("10.20.1.5/0", Some("0.0.0.0/0")),
            ("2001:DB8::1/56", Some("2001:db8::/56")),
            ("10.20.1.5/33", None),
            ("300.1.1.1/8", None),
            ("<vpc-cidr>", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn coverage_by_table() {
        for (wanted, by, expected) in [
            ("10.20.0.0/16", vec!["10.0.0.0/8"], true),
            ("10.20.0.0/16", vec!["10.20.128.0/17", "10.20.0.0/17"], true),
            ("10.20.0.0/16", vec!["10.20.0.0/17", "10.20.192.0/18"], false),
            ("10.20.0.0/16", vec!["10.20.1.0/24"], false),
            ("10.20.0.0/16", vec!["0.0.0.0/0"], true),
            ("10.20.0.0/16", vec!["::/0"], false),
            ("2001:db8::/56", vec!["2001:db8::/32"], true),
            ("2001:db8::/56", vec!["::/0"], true),
            ("10.20.0.0/16", vec![], false),
            ("<vpc-cidr>", vec!["0.0.0.0/0"], false),
        ] {
            assert_eq!(is_covered(wanted, by.iter().copied()), expected, "{wanted} by {by:?}");
        }
    }
}
