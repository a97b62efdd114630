//! Numbers of manifests stay what is written, or are refused.

use expect_test::expect;

use super::{rendered, show};
use crate::fixture::trees;
use crate::manifest::Rendered;

const FLEET: &str = "@Cluster a
@Bundle web
spec:
  path: w
  substitute: true
  variables: {half: 1.50, most: 9223372036854775807}
@Placement p
spec: {bundles: [web], clusters: [{}]}
";

#[test]
fn numbers_that_kubernetes_would_change_are_refused_at_their_places() {
    let yaml = "== w/a.yaml
apiVersion: example.io/v1
kind: Ledger
metadata: {name: a}
spec:
  account: 12345678901234567890
  below: -9223372036854775809
  hex: 0xFFFFFFFFFFFFFFFF
  share: 0.1234567890123456789
  items:
  - {max: 18446744073709551616}
";
    let json = "== w/b.json
{\"apiVersion\": \"example.io/v1\", \"kind\": \"Ledger\", \"metadata\": {\"name\": \"b\"},
 \"spec\": {\"account\": 12345678901234567890, \"share\": 0.1234567890123456789}}
";
    let text = format!("{FLEET}{yaml}{json}");
    expect![[r#"
        a/web fails: 7 problems
        w/a.yaml:5:12: error[E0118]: `12345678901234567890` is beyond the 64 bits that whole numbers have (write "12345678901234567890" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
        w/a.yaml:6:10: error[E0118]: `-9223372036854775809` is beyond the 64 bits that whole numbers have (write "-9223372036854775809" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
        w/a.yaml:7:8: error[E0118]: `0xFFFFFFFFFFFFFFFF` is beyond the 64 bits that whole numbers have (write "0xFFFFFFFFFFFFFFFF" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
        w/a.yaml:8:10: error[E0118]: `0.1234567890123456789` cannot be kept exactly as a number (write "0.1234567890123456789" to keep it as a string; the nearest number is 0.12345678901234568)
        w/a.yaml:10:11: error[E0118]: `18446744073709551616` is beyond the 64 bits that whole numbers have (write "18446744073709551616" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
        w/b.json:2:22: error[E0118]: `12345678901234567890` is beyond the 64 bits that whole numbers have (write "12345678901234567890" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
        w/b.json:2:53: error[E0118]: `0.1234567890123456789` cannot be kept exactly as a number (write "0.1234567890123456789" to keep it as a string; the nearest number is 0.12345678901234568)
    "#]].assert_eq(&show(&rendered(&trees(1, &text), &Rendered::default())));
}

#[test]
fn numbers_that_are_kept_stay_what_they_are() {
    let text = format!(
        "{FLEET}== w/a.yaml
apiVersion: example.io/v1
kind: Ledger
metadata: {{name: a}}
spec: {{most: 9223372036854775807, least: -9223372036854775808, tenth: 0.1, big: 1e3, octal: 0644, float: 1.8446744073709552e19, double: 1.7976931348623157e308,
  text: \"12345678901234567890\", half: '${{half}}', in: 'x${{half}}', typed: '${{most}}', default: '${{none:-5}}', kept: '${{none:-18446744073709551615}}'}}
"
    );
    expect![[r#"
        a/web Ledger.example.io default/a: {"apiVersion":"example.io/v1","kind":"Ledger","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"a","namespace":"default"},"spec":{"big":1000,"default":5,"double":1.7976931348623157e+308,"float":18446744073709552000,"half":1.5,"in":"x1.50","kept":"18446744073709551615","least":-9223372036854775808,"most":9223372036854775807,"octal":420,"tenth":0.1,"text":"12345678901234567890","typed":9223372036854775807}}
    "#]].assert_eq(&show(&rendered(&trees(1, &text), &Rendered::default())));
}
