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

#[cfg(test)]
mod tests {
    use super::canonical;

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
}
