//! `listen`: four addresses, none of which may surprise.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use capstan_hub_core::yaml::Node;

use super::Listen;
use super::reader::{Fields, Reader};

const SPOKES: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 7443);
const API: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7444);
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7480);

pub(super) fn read(reader: &mut Reader<'_>, node: Option<Node>, data: &Path) -> Option<Listen> {
    let Some(node) = node else {
        return Some(Listen {
            spokes: SPOKES,
            api: API,
            socket: data.join("hub.sock"),
            http: HTTP,
        });
    };
    let mut fields = reader.map(node, "listen")?;
    let spokes = address(reader, &mut fields, "spokes", SPOKES);
    let api = loopback(reader, &mut fields);
    let http = address(reader, &mut fields, "http", HTTP);
    let socket = match fields.take("socket") {
        Some(node) => reader
            .text(node, "listen.socket")
            .map(|(_, text)| data.join(text)),
        None => Some(data.join("hub.sock")),
    };
    let at = fields.at;
    reader.close(fields, "listen");
    let listen = Listen {
        spokes: spokes?,
        api: api?,
        socket: socket?,
        http: http?,
    };
    let mut bound = [listen.spokes, listen.api, listen.http].map(|address| address.port());
    bound.sort_unstable();
    if bound
        .windows(2)
        .any(|pair| pair[0] == pair[1] && pair[0] != 0)
    {
        reader.wrong(
            at,
            "two of the addresses have one port",
            "give each a port of its own",
        );
    }
    Some(listen)
}

fn address(
    reader: &mut Reader<'_>,
    fields: &mut Fields,
    name: &'static str,
    default: SocketAddr,
) -> Option<SocketAddr> {
    match fields.take(name) {
        None => Some(default),
        node => {
            let hint = "an IP address and a port, such as 127.0.0.1:7443; port 0 takes a free one";
            reader.parsed(node, &format!("listen.{name}"), hint, |text| {
                text.parse::<SocketAddr>()
                    .map_err(|_| format!("`{text}` is not ADDRESS:PORT"))
            })
        }
    }
}

/// The operators' API over TCP proves nobody's identity, so it must not leave the machine.
fn loopback(reader: &mut Reader<'_>, fields: &mut Fields) -> Option<SocketAddr> {
    match fields.take("api") {
        None => Some(API),
        node => {
            let hint = "use a loopback address such as 127.0.0.1:7444; from elsewhere, \
                        forward the port over SSH";
            reader.parsed(node, "listen.api", hint, |text| {
                match text.parse::<SocketAddr>() {
                    Ok(address) if address.ip().is_loopback() => Ok(address),
                    Ok(_) => Err(format!("`{text}` could be reached from other machines")),
                    Err(_) => Err(format!("`{text}` is not ADDRESS:PORT")),
                }
            })
        }
    }
}
