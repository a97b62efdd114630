//! Owns the columns of the built-in kinds.

use serde_json::{Value, json};

use super::{Head, Layout, age};
use crate::api::selector_text;
use crate::{clock, object};

const fn text(name: &'static str) -> Head {
    (name, "string", "", false)
}

const fn wide(name: &'static str) -> Head {
    (name, "string", "", true)
}

const fn number(name: &'static str) -> Head {
    (name, "integer", "", false)
}

const AGE: Head = ("Age", "string", "", false);

#[rustfmt::skip]
const LAYOUTS: &[(&str, Layout)] = &[
    ("Pod", Layout { heads: &[text("Ready"), text("Status"), text("Restarts"), AGE, wide("IP"), wide("Node"), wide("Nominated Node"), wide("Readiness Gates")], cells: pod }),
    ("Deployment", Layout { heads: &[text("Ready"), number("Up-to-date"), number("Available"), AGE, wide("Containers"), wide("Images"), wide("Selector")], cells: deployment }),
    ("ReplicaSet", Layout { heads: &[number("Desired"), number("Current"), number("Ready"), AGE, wide("Containers"), wide("Images"), wide("Selector")], cells: replica_set }),
    ("ReplicationController", Layout { heads: &[number("Desired"), number("Current"), number("Ready"), AGE, wide("Containers"), wide("Images"), wide("Selector")], cells: replica_set }),
    ("StatefulSet", Layout { heads: &[text("Ready"), AGE, wide("Containers"), wide("Images")], cells: stateful_set }),
    ("DaemonSet", Layout { heads: &[number("Desired"), number("Current"), number("Ready"), number("Up-to-date"), number("Available"), text("Node Selector"), AGE, wide("Containers"), wide("Images"), wide("Selector")], cells: daemon_set }),
    ("Job", Layout { heads: &[text("Status"), text("Completions"), text("Duration"), AGE, wide("Containers"), wide("Images"), wide("Selector")], cells: job }),
    ("CronJob", Layout { heads: &[text("Schedule"), text("Timezone"), text("Suspend"), number("Active"), text("Last Schedule"), AGE, wide("Containers"), wide("Images"), wide("Selector")], cells: cron_job }),
    ("Service", Layout { heads: &[text("Type"), text("Cluster-IP"), text("External-IP"), text("Port(s)"), AGE, wide("Selector")], cells: service }),
    ("Namespace", Layout { heads: &[text("Status"), AGE], cells: |o| vec![json!(o["status"]["phase"]), age(o)] }),
    ("ConfigMap", Layout { heads: &[text("Data"), AGE], cells: |o| vec![json!(size(&o["data"]) + size(&o["binaryData"])), age(o)] }),
    ("Secret", Layout { heads: &[text("Type"), text("Data"), AGE], cells: |o| vec![json!(o["type"]), json!(size(&o["data"])), age(o)] }),
    ("ServiceAccount", Layout { heads: &[text("Secrets"), AGE], cells: |o| vec![json!(object::items(&o["secrets"]).count()), age(o)] }),
    ("Node", Layout { heads: &[text("Status"), text("Roles"), AGE, text("Version"), wide("Internal-IP"), wide("External-IP"), wide("OS-Image"), wide("Kernel-Version"), wide("Container-Runtime")], cells: node }),
    ("Event", Layout { heads: &[text("Last Seen"), text("Type"), text("Reason"), text("Object"), wide("Subobject"), wide("Source"), text("Message"), wide("First Seen"), wide("Count"), wide("Name")], cells: event }),
    ("Ingress", Layout { heads: &[text("Class"), text("Hosts"), text("Address"), text("Ports"), AGE], cells: ingress }),
    ("PersistentVolumeClaim", Layout { heads: &[text("Status"), text("Volume"), text("Capacity"), text("Access Modes"), text("StorageClass"), text("VolumeAttributesClass"), AGE, wide("VolumeMode")], cells: claim }),
    ("PersistentVolume", Layout { heads: &[text("Capacity"), text("Access Modes"), text("Reclaim Policy"), text("Status"), text("Claim"), text("StorageClass"), text("VolumeAttributesClass"), text("Reason"), AGE, wide("VolumeMode")], cells: volume }),
    ("PodDisruptionBudget", Layout { heads: &[text("Min Available"), text("Max Unavailable"), number("Allowed Disruptions"), AGE], cells: budget }),
    ("HorizontalPodAutoscaler", Layout { heads: &[text("Reference"), text("Targets"), text("MinPods"), text("MaxPods"), number("Replicas"), AGE], cells: autoscaler }),
    ("StorageClass", Layout { heads: &[text("Provisioner"), text("ReclaimPolicy"), text("VolumeBindingMode"), text("AllowVolumeExpansion"), AGE], cells: storage_class }),
    ("CustomResourceDefinition", Layout { heads: &[("Created At", "date", "", false)], cells: |o| vec![json!(object::meta(o, "creationTimestamp"))] }),
    ("Role", Layout { heads: &[("Created At", "date", "", false)], cells: |o| vec![json!(object::meta(o, "creationTimestamp"))] }),
    ("ClusterRole", Layout { heads: &[("Created At", "date", "", false)], cells: |o| vec![json!(object::meta(o, "creationTimestamp"))] }),
    ("RoleBinding", Layout { heads: &[text("Role"), AGE], cells: binding }),
    ("ClusterRoleBinding", Layout { heads: &[text("Role"), AGE], cells: binding }),
    ("Lease", Layout { heads: &[text("Holder"), AGE], cells: |o| vec![json!(o["spec"]["holderIdentity"].as_str().unwrap_or("")), age(o)] }),
    ("PriorityClass", Layout { heads: &[number("Value"), text("Global-Default"), AGE, text("PreemptionPolicy")], cells: |o| vec![o["value"].clone(), json!(o["globalDefault"] == true), age(o), json!(o["preemptionPolicy"].as_str().unwrap_or(""))] }),
    ("NetworkPolicy", Layout { heads: &[text("Pod-Selector"), AGE], cells: |o| vec![json!(or_none(&selector_text(&o["spec"]["podSelector"]))), age(o)] }),
    ("IngressClass", Layout { heads: &[text("Controller"), text("Parameters"), AGE], cells: |o| vec![json!(o["spec"]["controller"]), json!("<none>"), age(o)] }),
    ("Endpoints", Layout { heads: &[text("Endpoints"), AGE], cells: endpoints }),
    ("EndpointSlice", Layout { heads: &[text("AddressType"), text("Ports"), text("Endpoints"), AGE], cells: slice }),
    ("ControllerRevision", Layout { heads: &[text("Controller"), number("Revision"), AGE], cells: controller_revision }),
    ("ResourceQuota", Layout { heads: &[text("Request"), text("Limit"), AGE], cells: |o| vec![json!(""), json!(""), age(o)] }),
    ("LimitRange", Layout { heads: &[("Created At", "date", "", false)], cells: |o| vec![json!(object::meta(o, "creationTimestamp"))] }),
];

/// The layout of a built-in kind; the others show their age.
pub(super) fn layout(kind: &str) -> Option<&'static Layout> {
    LAYOUTS
        .iter()
        .find(|(of, _)| *of == kind)
        .map(|(_, layout)| layout)
}

fn size(map: &Value) -> usize {
    map.as_object().map_or(0, serde_json::Map::len)
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

fn word(value: &Value) -> &str {
    or_none(value.as_str().unwrap_or_default())
}

fn containers(template: &Value) -> [Value; 2] {
    let join = |field: &str| {
        let texts: Vec<&str> = object::items(&template["spec"]["containers"])
            .filter_map(|c| c[field].as_str())
            .collect();
        json!(texts.join(","))
    };
    [join("name"), join("image")]
}

fn pod(pod: &Value) -> Vec<Value> {
    let status = &pod["status"];
    let total = object::items(&pod["spec"]["containers"]).count();
    let states = || object::items(&status["containerStatuses"]);
    let ready = states().filter(|state| state["ready"] == true).count();
    let waiting = states().find_map(|state| {
        let waiting = state["state"]["waiting"]["reason"].as_str();
        waiting.or_else(|| state["state"]["terminated"]["reason"].as_str())
    });
    let reason = match status["reason"].as_str().or(waiting) {
        _ if object::is_terminating(pod) => "Terminating",
        Some(reason) => reason,
        None => status["phase"].as_str().unwrap_or("Unknown"),
    };
    let restarts: i64 = states().map(|state| int(&state["restartCount"])).sum();
    vec![
        json!(format!("{ready}/{total}")),
        json!(reason),
        json!(restarts.to_string()),
        age(pod),
        json!(word(&status["podIP"])),
        json!(word(&pod["spec"]["nodeName"])),
        json!(word(&status["nominatedNodeName"])),
        json!("<none>"),
    ]
}

fn deployment(o: &Value) -> Vec<Value> {
    let [names, images] = containers(&o["spec"]["template"]);
    let status = &o["status"];
    vec![
        json!(format!(
            "{}/{}",
            int(&status["readyReplicas"]),
            int(&o["spec"]["replicas"])
        )),
        json!(int(&status["updatedReplicas"])),
        json!(int(&status["availableReplicas"])),
        age(o),
        names,
        images,
        json!(selector_text(&o["spec"]["selector"])),
    ]
}

fn replica_set(o: &Value) -> Vec<Value> {
    let [names, images] = containers(&o["spec"]["template"]);
    vec![
        json!(int(&o["spec"]["replicas"])),
        json!(int(&o["status"]["replicas"])),
        json!(int(&o["status"]["readyReplicas"])),
        age(o),
        names,
        images,
        json!(selector_text(&o["spec"]["selector"])),
    ]
}

fn stateful_set(o: &Value) -> Vec<Value> {
    let [names, images] = containers(&o["spec"]["template"]);
    let ready = format!(
        "{}/{}",
        int(&o["status"]["readyReplicas"]),
        int(&o["spec"]["replicas"])
    );
    vec![json!(ready), age(o), names, images]
}

fn daemon_set(o: &Value) -> Vec<Value> {
    let [names, images] = containers(&o["spec"]["template"]);
    let status = &o["status"];
    let nodes =
        selector_text(&json!({"matchLabels": o["spec"]["template"]["spec"]["nodeSelector"]}));
    vec![
        json!(int(&status["desiredNumberScheduled"])),
        json!(int(&status["currentNumberScheduled"])),
        json!(int(&status["numberReady"])),
        json!(int(&status["updatedNumberScheduled"])),
        json!(int(&status["numberAvailable"])),
        json!(or_none(&nodes)),
        age(o),
        names,
        images,
        json!(selector_text(&o["spec"]["selector"])),
    ]
}

fn job(o: &Value) -> Vec<Value> {
    let [names, images] = containers(&o["spec"]["template"]);
    let status = &o["status"];
    let state = ["Complete", "Failed", "Suspended"]
        .into_iter()
        .find(|kind| object::condition(o, kind) == "True")
        .unwrap_or("Running");
    let wanted = o["spec"]["completions"].as_i64().unwrap_or(1);
    let end = status["completionTime"].as_str();
    let duration = status["startTime"].as_str().and_then(|start| {
        let running = clock::since(start)?;
        Some(clock::human(
            running - end.and_then(clock::since).unwrap_or_default(),
        ))
    });
    vec![
        json!(state),
        json!(format!("{}/{wanted}", int(&status["succeeded"]))),
        json!(duration.unwrap_or_default()),
        age(o),
        names,
        images,
        json!(selector_text(&o["spec"]["selector"])),
    ]
}

fn cron_job(o: &Value) -> Vec<Value> {
    let [names, images] = containers(&o["spec"]["jobTemplate"]["spec"]["template"]);
    let last = o["status"]["lastScheduleTime"].as_str().map(clock::age);
    let suspended = if o["spec"]["suspend"] == true {
        "True"
    } else {
        "False"
    };
    vec![
        json!(o["spec"]["schedule"]),
        json!(word(&o["spec"]["timeZone"])),
        json!(suspended),
        json!(object::items(&o["status"]["active"]).count()),
        json!(last.as_deref().unwrap_or("<none>")),
        age(o),
        names,
        images,
        json!("<none>"),
    ]
}

fn service(o: &Value) -> Vec<Value> {
    let spec = &o["spec"];
    let kind = spec["type"].as_str().unwrap_or("ClusterIP");
    let balancers: Vec<&str> = object::items(&o["status"]["loadBalancer"]["ingress"])
        .filter_map(|entry| entry["ip"].as_str().or_else(|| entry["hostname"].as_str()))
        .collect();
    let external = match kind {
        "ExternalName" => word(&spec["externalName"]).to_owned(),
        "LoadBalancer" if balancers.is_empty() => "<pending>".to_owned(),
        "LoadBalancer" => balancers.join(","),
        _ => "<none>".to_owned(),
    };
    let ports: Vec<String> = object::items(&spec["ports"])
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match int(&port["nodePort"]) {
                0 => format!("{}/{protocol}", int(&port["port"])),
                node => format!("{}:{node}/{protocol}", int(&port["port"])),
            }
        })
        .collect();
    vec![
        json!(kind),
        json!(word(&spec["clusterIP"])),
        json!(external),
        json!(or_none(&ports.join(","))),
        age(o),
        json!(or_none(&selector_text(
            &json!({"matchLabels": spec["selector"]})
        ))),
    ]
}

fn node(o: &Value) -> Vec<Value> {
    let mut state = match object::condition(o, "Ready") {
        "True" => "Ready".to_owned(),
        "" => "Unknown".to_owned(),
        _ => "NotReady".to_owned(),
    };
    if o["spec"]["unschedulable"] == true {
        state.push_str(",SchedulingDisabled");
    }
    let roles: Vec<&str> = o["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    let info = &o["status"]["nodeInfo"];
    let address = object::items(&o["status"]["addresses"])
        .find(|address| address["type"] == "InternalIP")
        .map_or("<none>", |address| word(&address["address"]));
    vec![
        json!(state),
        json!(or_none(&roles.join(","))),
        age(o),
        json!(info["kubeletVersion"]),
        json!(address),
        json!("<none>"),
        json!(info["osImage"]),
        json!(info["kernelVersion"]),
        json!(info["containerRuntimeVersion"]),
    ]
}

fn event(o: &Value) -> Vec<Value> {
    let about = if o["involvedObject"].is_object() {
        &o["involvedObject"]
    } else {
        &o["regarding"]
    };
    let times = [
        &o["lastTimestamp"],
        &o["eventTime"],
        &o["metadata"]["creationTimestamp"],
    ];
    let seen = times
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default();
    let kind = about["kind"].as_str().unwrap_or_default().to_lowercase();
    let message = o["message"]
        .as_str()
        .or_else(|| o["note"].as_str())
        .unwrap_or_default();
    vec![
        json!(clock::age(seen)),
        json!(o["type"].as_str().unwrap_or_default()),
        json!(o["reason"].as_str().unwrap_or_default()),
        json!(format!(
            "{kind}/{}",
            about["name"].as_str().unwrap_or_default()
        )),
        json!(about["fieldPath"].as_str().unwrap_or_default()),
        json!(o["source"]["component"].as_str().unwrap_or_default()),
        json!(message.trim()),
        json!(clock::age(o["firstTimestamp"].as_str().unwrap_or(seen))),
        json!(o["count"].as_i64().unwrap_or(1).to_string()),
        json!(object::name(o)),
    ]
}

fn ingress(o: &Value) -> Vec<Value> {
    let hosts: Vec<&str> = object::items(&o["spec"]["rules"])
        .map(|rule| rule["host"].as_str().unwrap_or("*"))
        .collect();
    let addresses: Vec<&str> = object::items(&o["status"]["loadBalancer"]["ingress"])
        .filter_map(|entry| entry["ip"].as_str().or_else(|| entry["hostname"].as_str()))
        .collect();
    let ports = if object::items(&o["spec"]["tls"]).next().is_some() {
        "80, 443"
    } else {
        "80"
    };
    let hosts = if hosts.is_empty() {
        "*".to_owned()
    } else {
        hosts.join(",")
    };
    vec![
        json!(word(&o["spec"]["ingressClassName"])),
        json!(hosts),
        json!(addresses.join(",")),
        json!(ports),
        age(o),
    ]
}

/// Access modes in their short form.
fn modes(modes: &Value) -> String {
    let short: Vec<&str> = object::texts(modes)
        .map(|mode| match mode {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            other => other,
        })
        .collect();
    short.join(",")
}

fn claim(o: &Value) -> Vec<Value> {
    let (spec, status) = (&o["spec"], &o["status"]);
    let state = if object::is_terminating(o) {
        "Terminating"
    } else {
        status["phase"].as_str().unwrap_or("")
    };
    vec![
        json!(state),
        json!(spec["volumeName"].as_str().unwrap_or("")),
        json!(status["capacity"]["storage"].as_str().unwrap_or("")),
        json!(modes(&status["accessModes"])),
        json!(spec["storageClassName"].as_str().unwrap_or("")),
        json!("<unset>"),
        age(o),
        json!(word(&spec["volumeMode"])),
    ]
}

fn volume(o: &Value) -> Vec<Value> {
    let spec = &o["spec"];
    let claim = match spec["claimRef"]["name"].as_str() {
        Some(name) => format!(
            "{}/{name}",
            spec["claimRef"]["namespace"].as_str().unwrap_or("")
        ),
        None => String::new(),
    };
    vec![
        json!(spec["capacity"]["storage"].as_str().unwrap_or("")),
        json!(modes(&spec["accessModes"])),
        json!(spec["persistentVolumeReclaimPolicy"].as_str().unwrap_or("")),
        json!(o["status"]["phase"].as_str().unwrap_or("")),
        json!(claim),
        json!(spec["storageClassName"].as_str().unwrap_or("")),
        json!("<unset>"),
        json!(""),
        age(o),
        json!(word(&spec["volumeMode"])),
    ]
}

/// A number or a percentage.
fn amount(value: &Value) -> String {
    match value {
        Value::Null => "N/A".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn budget(o: &Value) -> Vec<Value> {
    vec![
        json!(amount(&o["spec"]["minAvailable"])),
        json!(amount(&o["spec"]["maxUnavailable"])),
        json!(int(&o["status"]["disruptionsAllowed"])),
        age(o),
    ]
}

fn autoscaler(o: &Value) -> Vec<Value> {
    let target = &o["spec"]["scaleTargetRef"];
    let reference = format!("{}/{}", word(&target["kind"]), word(&target["name"]));
    let metrics: Vec<String> = object::items(&o["spec"]["metrics"])
        .map(|metric| {
            let name = metric["resource"]["name"].as_str().unwrap_or("metric");
            let wanted = &metric["resource"]["target"]["averageUtilization"];
            format!("{name}: <unknown>/{}%", int(wanted))
        })
        .collect();
    vec![
        json!(reference),
        json!(if metrics.is_empty() {
            "<unknown>".to_owned()
        } else {
            metrics.join(", ")
        }),
        json!(o["spec"]["minReplicas"].as_i64().unwrap_or(1).to_string()),
        json!(int(&o["spec"]["maxReplicas"]).to_string()),
        json!(int(&o["status"]["currentReplicas"])),
        age(o),
    ]
}

fn storage_class(o: &Value) -> Vec<Value> {
    vec![
        json!(o["provisioner"]),
        json!(o["reclaimPolicy"].as_str().unwrap_or("Delete")),
        json!(o["volumeBindingMode"].as_str().unwrap_or("Immediate")),
        json!(o["allowVolumeExpansion"] == true),
        age(o),
    ]
}

fn binding(o: &Value) -> Vec<Value> {
    let role = &o["roleRef"];
    vec![
        json!(format!("{}/{}", word(&role["kind"]), word(&role["name"]))),
        age(o),
    ]
}

fn endpoints(o: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for subset in object::items(&o["subsets"]) {
        for address in object::items(&subset["addresses"]) {
            for port in object::items(&subset["ports"]) {
                all.push(format!("{}:{}", word(&address["ip"]), int(&port["port"])));
            }
        }
    }
    let shown = match all.len() {
        0..=3 => all.join(","),
        more => format!("{} + {} more...", all[..3].join(","), more - 3),
    };
    vec![json!(or_none(&shown)), age(o)]
}

fn controller_revision(o: &Value) -> Vec<Value> {
    let owner = object::controller_of(o).map_or_else(
        || "<none>".to_owned(),
        |owner| {
            format!(
                "{}/{}",
                word(&owner["kind"]).to_lowercase(),
                word(&owner["name"])
            )
        },
    );
    vec![json!(owner), json!(int(&o["revision"])), age(o)]
}

fn slice(o: &Value) -> Vec<Value> {
    let ports: Vec<String> = object::items(&o["ports"])
        .map(|port| int(&port["port"]).to_string())
        .collect();
    let addresses: Vec<&str> = object::items(&o["endpoints"])
        .flat_map(|endpoint| object::texts(&endpoint["addresses"]))
        .collect();
    let shown = match addresses.as_slice() {
        [a, b, c, rest @ ..] if !rest.is_empty() => {
            format!("{a},{b},{c} + {} more...", rest.len())
        }
        few => few.join(","),
    };
    vec![
        json!(o["addressType"]),
        json!(or_none(&ports.join(","))),
        json!(or_none(&shown)),
        age(o),
    ]
}
