//! Owns the allocation of cluster addresses and node ports to Services.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::object;
use crate::status::{ApiError, Cause, Result};
use crate::world::World;

/// Service addresses are 10.96.0.0/16; .0.1 belongs to the API server.
const BASE: u32 = u32::from_be_bytes([10, 96, 0, 0]);
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

pub(super) fn service(world: &World, new: &mut Value, old: Option<&Value>) -> Result<()> {
    let kind = new["spec"]["type"]
        .as_str()
        .unwrap_or("ClusterIP")
        .to_owned();
    if kind == "ExternalName" {
        return Ok(());
    }
    address(world, new, old)?;
    let spec = object::child_mut(object::root_mut(new), "spec");
    let address = spec.get("clusterIP").cloned().unwrap_or_default();
    spec.insert("clusterIPs".into(), json!([address]));
    // Nobody knows the families of addresses that somebody else will list.
    let unknown = address == "None" && spec.get("selector").is_none_or(Value::is_null);
    let (families, policy) = match unknown {
        true => (json!(["IPv4", "IPv6"]), "RequireDualStack"),
        false => (json!(["IPv4"]), "SingleStack"),
    };
    spec.entry("ipFamilies").or_insert(families);
    spec.entry("ipFamilyPolicy")
        .or_insert_with(|| json!(policy));
    if address != "None" {
        spec.entry("internalTrafficPolicy")
            .or_insert_with(|| json!("Cluster"));
    }
    if kind != "ClusterIP" {
        spec.entry("externalTrafficPolicy")
            .or_insert_with(|| json!("Cluster"));
        node_ports(world, new, old);
    }
    if kind == "LoadBalancer" {
        let spec = object::child_mut(object::root_mut(new), "spec");
        spec.entry("allocateLoadBalancerNodePorts")
            .or_insert_with(|| json!(true));
    }
    if old.is_none() {
        object::set_root(new, "status", Some(json!({"loadBalancer": {}})));
    }
    Ok(())
}

fn address(world: &World, new: &mut Value, old: Option<&Value>) -> Result<()> {
    let held = old
        .and_then(|old| old["spec"]["clusterIP"].as_str())
        .unwrap_or_default();
    let wanted = new["spec"]["clusterIP"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if !held.is_empty() {
        if wanted.is_empty() {
            object::set_at(new, "spec.clusterIP", json!(held));
        } else if wanted != held {
            let why = "may not change once set";
            let causes = [Cause::invalid("spec.clusterIPs[0]", &json!([wanted]), why)];
            return Err(ApiError::invalid("", "Service", object::name(new), &causes));
        }
        return Ok(());
    }
    let taken: BTreeSet<&str> = world
        .store
        .list("services", None)
        .filter_map(|(_, service)| service["spec"]["clusterIP"].as_str())
        .collect();
    if wanted.is_empty() {
        // Every address but the network's own, the first and the broadcast one.
        let free = (10..65_535)
            .map(|offset| Ipv4Addr::from(BASE + offset).to_string())
            .find(|address| !taken.contains(address.as_str()))
            .ok_or_else(|| ApiError::internal("failed to allocate a serviceIP: range is full"))?;
        object::set_at(new, "spec.clusterIP", Value::String(free));
    } else if wanted != "None" && taken.contains(wanted.as_str()) {
        let why = "failed to allocate IP: provided IP is already allocated";
        let cause = Cause::invalid("spec.clusterIPs", &json!([wanted]), why);
        return Err(ApiError::invalid(
            "",
            "Service",
            object::name(new),
            &[cause],
        ));
    }
    Ok(())
}

fn node_ports(world: &World, new: &mut Value, old: Option<&Value>) {
    let mut taken: BTreeSet<i64> = world
        .store
        .list("services", None)
        .flat_map(|(_, service)| object::items(&service["spec"]["ports"]))
        .filter_map(|port| port["nodePort"].as_i64())
        .collect();
    let held: Vec<Value> = old
        .map(|old| object::items(&old["spec"]["ports"]).cloned().collect())
        .unwrap_or_default();
    let Some(ports) = new["spec"]["ports"].as_array_mut() else {
        return;
    };
    for port in ports {
        if port["nodePort"].is_i64() && port["nodePort"] != 0 {
            continue;
        }
        let before = held
            .iter()
            .find(|old| old["port"] == port["port"] && old["protocol"] == port["protocol"])
            .and_then(|old| old["nodePort"].as_i64());
        let number = before.or_else(|| {
            NODE_PORTS
                .into_iter()
                .find(|number| !taken.contains(number))
        });
        if let Some(number) = number {
            taken.insert(number);
            port["nodePort"] = json!(number);
        }
    }
}
