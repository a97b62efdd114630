//! Owns the text of a kubeconfig.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How the user of a kubeconfig proves who he is.
pub(crate) enum Credential<'a> {
    Certificate { certificate: &'a str, key: &'a str },
    Token(&'a str),
}

/// The kubeconfig of a server at `server` whose CA is `ca_pem`; cluster, user and context are
/// called `name`.
pub(crate) fn render(
    name: &str,
    server: &str,
    ca_pem: &str,
    credential: &Credential<'_>,
) -> String {
    let name = quoted(name);
    let ca = STANDARD.encode(ca_pem);
    let user = match credential {
        Credential::Certificate { certificate, key } => format!(
            "    client-certificate-data: {}\n    client-key-data: {}\n",
            STANDARD.encode(certificate),
            STANDARD.encode(key)
        ),
        Credential::Token(token) => format!("    token: {}\n", quoted(token)),
    };
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: {name}\n  cluster:\n    server: {server}\n    \
         certificate-authority-data: {ca}\nusers:\n- name: {name}\n  user:\n{user}contexts:\n- name: {name}\n  \
         context:\n    cluster: {name}\n    user: {name}\ncurrent-context: {name}\n"
    )
}

/// A YAML text in double quotes, which are JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
