//! Table and property tests of the address policy.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;

fn policy(allow: &[&str]) -> Policy {
    let allow: Vec<_> = allow.iter().map(|entry| (*entry).to_owned()).collect();
    Policy::parse(&allow).expect("entries are well formed")
}

/// Addresses that nobody may call unasked.
const INSIDE: &str = "
0.0.0.0 0.1.2.3 10.255.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1
::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1 64:ff9b::127.0.0.1 64:ff9b:1::1 100::1 2001::1
2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1:: 2002:c0a8:1::1 2002:a9fe:a9fe::1 3fff::1 5f00::1
fc00::1 fd12::1 fe80::1 fec0::1 ff02::1
";

/// Neighbours of those that anybody may call.
const OUTSIDE: &str = "
1.1.1.1 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1
198.20.0.1 223.255.255.255 2606:4700::1111 2a00::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1
";

#[test]
fn only_public_unicast_addresses_pass() {
    let policy = policy(&[]);
    for refused in INSIDE.split_whitespace() {
        let address = refused.parse().expect(refused);
        assert!(policy.check("h", address, 80).is_err(), "{refused}");
    }
    for open in OUTSIDE.split_whitespace() {
        let address = open.parse().expect(open);
        assert_eq!(policy.check("h", address, 80), Ok(()), "{open}");
    }
}

#[test]
fn entries_allow_what_they_say_and_nothing_else() {
    for (entry, host, address, port, allowed) in [
        ("intra.example", "intra.example", "10.0.0.1", 80, true),
        ("intra.example", "INTRA.example.", "127.0.0.1", 9, true),
        ("Intra.Example.", "intra.example", "10.0.0.1", 80, true),
        ("intra.example", "a.intra.example", "10.0.0.1", 80, false),
        ("intra.example", "intra.example.evil", "10.0.0.1", 80, false),
        (
            "intra.example:8080",
            "intra.example",
            "10.0.0.1",
            8080,
            true,
        ),
        ("intra.example:8080", "intra.example", "10.0.0.1", 80, false),
        ("intra.example:80", "intra.example", "10.0.0.1", 80, true),
        ("intra.example:80", "intra.example", "10.0.0.1", 443, false),
        (
            "bücher.example",
            "xn--bcher-kva.example",
            "10.0.0.1",
            80,
            true,
        ),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1", 80, true),
        ("10.0.0.1", "named.example", "10.0.0.1", 80, true),
        ("10.0.0.1", "h", "::ffff:10.0.0.1", 80, true),
        ("::ffff:10.0.0.1", "h", "10.0.0.1", 80, true),
        ("10.0.0.1", "h", "10.0.0.2", 80, false),
        ("10.0.0.1:81", "h", "10.0.0.1", 81, true),
        ("10.0.0.1:81", "h", "10.0.0.1", 80, false),
        ("10.1.2.3/8", "h", "10.200.0.1", 80, true),
        ("10.0.0.0/8", "h", "11.0.0.1", 80, true),
        ("10.0.0.0/8", "h", "192.168.0.1", 80, false),
        ("fd00::/8", "h", "fd12::1", 80, true),
        ("fd00::/8", "h", "fc00::1", 80, false),
        ("::1", "::1", "::1", 80, true),
        ("[::1]", "::1", "::1", 80, true),
        ("[::1]:81", "::1", "::1", 81, true),
        ("[::1]:81", "::1", "::1", 80, false),
        ("127.1", "h", "127.0.0.1", 80, true),
        ("localhost", "127.0.0.1", "127.0.0.1", 80, false),
        ("0.0.0.0/0", "h", "169.254.169.254", 80, true),
        ("0.0.0.0/0", "h", "::1", 80, false),
    ] {
        let result = policy(&[entry]).check(host, address.parse().expect(address), port);
        assert_eq!(result.is_ok(), allowed, "{entry} {host} {address}:{port}");
    }
}

#[test]
fn the_entry_that_a_refusal_proposes_allows_the_call() {
    for (host, address) in [
        ("h.example", "10.0.0.1"),
        ("::1", "::1"),
        ("10.0.0.1", "10.0.0.1"),
    ] {
        let address = address.parse().expect(address);
        let message = policy(&[])
            .check(host, address, 81)
            .expect_err(host)
            .to_string();
        let entry = message.split('`').nth(1).expect("an entry in backticks");
        assert_eq!(policy(&[entry]).check(host, address, 81), Ok(()), "{entry}");
        assert!(
            policy(&[entry]).check(host, address, 82).is_err(),
            "{entry}"
        );
    }
}

#[test]
fn wrong_entries_are_named() {
    for entry in [
        "",
        " ",
        "http://a.example",
        "a.example/path",
        "user@a.example",
        "*.example",
        "a.example:99999",
        "a.example:",
        "a.example:x",
        ":80",
        "10.0.0.0/33",
        "[::1",
        "a b",
        "a,b",
        "256.256.256.256",
        "::1:99999999",
    ] {
        let error = Policy::parse(&["10.0.0.1".into(), entry.into()]).expect_err(entry);
        assert!(error.contains(&format!("`{}`", entry.trim())), "{error}");
    }
}

#[test]
fn the_own_port_is_refused_at_every_address_of_this_machine_whatever_is_allowed() {
    let policy = policy(&["0.0.0.0/0", "::/0", "localhost"]);
    policy.set_own_ports(&[3000]);
    for own in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "64:ff9b::127.0.0.1",
    ] {
        let address = own.parse().expect(own);
        let refused = policy.check("localhost", address, 3000);
        assert!(matches!(refused, Err(Refused::OwnPort { .. })), "{own}");
        assert_eq!(policy.check("localhost", address, 3001), Ok(()), "{own}");
    }
    let elsewhere = "10.255.255.1".parse().expect("an address");
    assert_eq!(policy.check("h", elsewhere, 3000), Ok(()));
}

#[test]
fn of_several_addresses_only_permitted_ones_are_handed_on() {
    let addresses = |list: &[&str]| -> Vec<SocketAddr> {
        list.iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    };
    let mixed = addresses(&["10.0.0.1:80", "1.1.1.1:80", "[::1]:80"]);
    let permitted = policy(&[]).permitted("h", mixed.into_iter(), 80);
    assert_eq!(permitted, Ok(addresses(&["1.1.1.1:80"])));
    let inside = addresses(&["10.0.0.1:80", "[::1]:80"]);
    let refused = policy(&[]).permitted("h", inside.into_iter(), 80);
    let message = refused.expect_err("all are inside").to_string();
    assert!(
        message.contains("10.0.0.1") && message.contains("`outbound_allow`"),
        "{message}"
    );
}

proptest! {
    #[test]
    fn an_ipv4_address_is_judged_alike_in_every_notation(bits: u32, port: u16) {
        let plain = Ipv4Addr::from(bits);
        let [a, b, c, d] = plain.octets();
        let mapped = plain.to_ipv6_mapped();
        let nat64 = Ipv6Addr::from(u128::from(u32::from(plain)) | (0x0064_ff9b_u128 << 96));
        let six_to_four = Ipv6Addr::new(0x2002, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), 0, 0, 0, 0, 1);
        let policy = policy(&[]);
        let expected = policy.check("h", plain.into(), port).is_ok();
        for address in [mapped, nat64, six_to_four] {
            prop_assert_eq!(policy.check("h", address.into(), port).is_ok(), expected, "{}", address);
        }
    }
}
