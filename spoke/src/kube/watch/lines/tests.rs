//! Cutting lines.

use super::{LINE_BYTES_MAX, Lines, TooLong};

#[test]
fn lines_come_whole_whatever_the_pieces() {
    let mut lines = Lines::default();
    lines.push(b"{\"a\":1}\n{\"b\"").expect("short");
    assert_eq!(lines.next().as_deref(), Some(&b"{\"a\":1}"[..]));
    assert_eq!(lines.next(), None);
    lines.push(b":2}\n\n").expect("short");
    assert_eq!(lines.next().as_deref(), Some(&b"{\"b\":2}"[..]));
    assert_eq!(lines.next().as_deref(), Some(&b""[..]));
    assert_eq!(lines.next(), None);
}

#[test]
fn a_line_without_end_is_refused() {
    let mut lines = Lines::default();
    assert_eq!(lines.push(&vec![b'x'; LINE_BYTES_MAX + 1]), Err(TooLong));
}
