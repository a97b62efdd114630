//! What is said of an API server that is not there.

use std::sync::Arc;

use super::unreachable;
use crate::kube::access::server;
use crate::kube::{Call, Kube};

#[tokio::test]
async fn an_api_server_that_is_not_there_is_named_with_the_cause() {
    crate::tls::install_provider();
    let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let server = server(&config);
    let kube = Kube::new(config, Arc::default()).unwrap();
    let error = kube.call(Call::get("/version")).await.unwrap_err();
    let said = unreachable(&server, &error);
    assert!(
        said.starts_with(
            "the API server at http://127.0.0.1:1 does not answer: Connection refused"
        ),
        "{said}"
    );
    assert!(said.contains("--kubeconfig"), "{said}");
}
