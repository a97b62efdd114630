//! Made-up fleets of any size. The same sizes give the same files.

use std::fmt::Write as _;

/// How large a fleet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Declared clusters.
    pub clusters: usize,
    /// Placements; a fifth as many bundles.
    pub placements: usize,
}

/// A file: its path, and its text.
pub type File = (String, String);

const REGIONS: usize = 20;
const COUNTRIES: [&str; 8] = ["at", "be", "de", "es", "fr", "it", "pl", "pt"];
const TIERS: [&str; 3] = ["gold", "silver", "bronze"];
const KINDS: [&str; 3] = ["shop", "edge", "core"];
const PLACEMENTS_PER_BUNDLE: usize = 5;

const INFALLIBLE: &str = "writing to a string cannot fail";

impl Size {
    fn bundles(self) -> usize {
        self.placements.div_ceil(PLACEMENTS_PER_BUNDLE).max(1)
    }
}

/// Every file of a fleet: fleet documents, and the manifests of its bundles.
pub fn files(size: Size) -> impl Iterator<Item = File> {
    let clusters = (0..size.clusters).map(cluster);
    let placements = (0..size.placements).map(move |number| placement(number, size));
    let bundles = (0..size.bundles()).flat_map(bundle);
    [templates(), groups()]
        .into_iter()
        .chain(clusters)
        .chain(placements)
        .chain(bundles)
}

/// Facts and earlier selections, as the inventory file has them.
#[must_use]
pub fn inventory(size: Size) -> String {
    let mut text = String::from("{\"clusters\": {\n");
    for number in 0..size.clusters {
        let (minor, nodes) = (26 + mixed(number, 1) % 8, 1 + mixed(number, 2) % 50);
        let name = cluster_name(number);
        let comma = if number + 1 < size.clusters { "," } else { "" };
        writeln!(
            text,
            "\"{name}\": {{\"facts\": {{\"kubernetes.minor\": \"{minor}\", \"nodes\": \"{nodes}\"}}}}{comma}"
        )
        .expect(INFALLIBLE);
    }
    text.push_str("}, \"previous\": {}}\n");
    text
}

/// A number that looks like chance and is not.
fn mixed(number: usize, salt: u64) -> usize {
    let mut value = (number as u64).wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for shift in [30, 27, 31] {
        value = (value ^ (value >> shift)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    usize::try_from(value >> 33).expect("31 bits")
}

fn document(kind: &str, metadata: &str, spec: &str) -> String {
    format!("apiVersion: capstan.dev/v1alpha1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")
}

fn environment(number: usize) -> &'static str {
    match mixed(number, 3) % 10 {
        0..=6 => "prod",
        7..=8 => "stage",
        _ => "dev",
    }
}

fn cluster_name(number: usize) -> String {
    let kind = KINDS[mixed(number, 4) % KINDS.len()];
    format!("{kind}-{number:05}")
}

fn cluster(number: usize) -> File {
    let name = cluster_name(number);
    let kind = KINDS[mixed(number, 4) % KINDS.len()];
    let region = mixed(number, 5) % REGIONS;
    let country = COUNTRIES[region % COUNTRIES.len()];
    let tier = TIERS[mixed(number, 6) % TIERS.len()];
    let environment = environment(number);
    let metadata = format!(
        "{{name: {name}, labels: {{env: {environment}, region: region-{region:02}, country: {country}, tier: {tier}}}}}"
    );
    let taints = match mixed(number, 7) % 100 {
        0 => ", taints: [{key: maintenance, effect: NoSchedule}]",
        1 => ", taints: [{key: broken, effect: NoExecute}]",
        _ => "",
    };
    let spec =
        format!("{{templates: [base, {kind}], variables: {{store: \"{number:05}\"}}{taints}}}");
    let path = format!("clusters/region-{region:02}/{name}.yaml");
    (path, document("Cluster", &metadata, &spec))
}

fn templates() -> File {
    let base = "{variables: {domain: \"${cluster.name}.example\", replicas: 2}}";
    let mut text = document("ClusterTemplate", "{name: base}", base);
    for kind in KINDS {
        let metadata = format!("{{name: {kind}, labels: {{kind: {kind}}}}}");
        let spec = "{variables: {size: small}}";
        write!(
            text,
            "---\n{}",
            document("ClusterTemplate", &metadata, spec)
        )
        .expect(INFALLIBLE);
    }
    ("templates.yaml".to_owned(), text)
}

fn groups() -> File {
    let mut texts = Vec::new();
    for region in 0..REGIONS {
        let metadata = format!("{{name: region-{region:02}}}");
        let spec = format!("{{clusters: [{{matchLabels: {{region: region-{region:02}}}}}]}}");
        texts.push(document("ClusterGroup", &metadata, &spec));
    }
    for half in ["even", "odd"] {
        let first = usize::from(half == "odd");
        let regions = (first..REGIONS).step_by(2);
        let names: Vec<String> = regions
            .map(|region| format!("region-{region:02}"))
            .collect();
        let spec = format!("{{clusters: [{{groups: [{}]}}]}}", names.join(", "));
        texts.push(document(
            "ClusterGroup",
            &format!("{{name: {half}}}"),
            &spec,
        ));
    }
    ("groups.yaml".to_owned(), texts.join("---\n"))
}

/// The term of a placement, of one of the forms that people write.
fn term(number: usize) -> String {
    let region = mixed(number, 8) % REGIONS;
    let kind = KINDS[mixed(number, 9) % KINDS.len()];
    let tier = TIERS[mixed(number, 10) % TIERS.len()];
    match number % 5 {
        0 => format!("{{matchLabels: {{env: prod, region: region-{region:02}}}}}"),
        1 => format!(
            "{{matchLabels: {{kind: {kind}}}, matchExpressions: [{{key: country, operator: In, values: [es, fr]}}]}}"
        ),
        2 => format!("{{groups: [region-{region:02}], matchLabels: {{tier: {tier}}}}}"),
        3 => format!("{{names: [\"{kind}-0{:02}*\"]}}", mixed(number, 11) % 100),
        _ => format!(
            "{{groups: [even], matchLabels: {{tier: {tier}, env: stage}}, facts: [{{key: kubernetes.minor, operator: Gte, values: [\"29\"]}}]}}"
        ),
    }
}

fn placement(number: usize, size: Size) -> File {
    let bundle = number / PLACEMENTS_PER_BUNDLE;
    let second = mixed(number, 12) % size.bundles();
    let bundles = match second == bundle {
        true => format!("bundle-{bundle:04}"),
        false => format!("bundle-{bundle:04}, bundle-{second:04}"),
    };
    let mut spec = format!(
        "\n  priority: {}\n  bundles: [{bundles}]\n  clusters: [{}]\n",
        number % 3,
        term(number)
    );
    if number.is_multiple_of(4) {
        spec.push_str("  except: [{matchLabels: {tier: bronze, env: dev}}]\n");
    }
    if number % 5 == 2 {
        spec.push_str(
            "  count: 10%\n  prefer: [{weight: 50, matchLabels: {env: prod}}]\n  \
             spread: [{by: country, maxSkew: 2}]\n",
        );
    }
    if number % 10 == 7 {
        spec.push_str("  tolerations: [{key: maintenance, operator: Exists}]\n");
    }
    spec.push_str(
        "  overrides:\n  - {clusters: [{matchLabels: {tier: gold}}], variables: {replicas: 5}}",
    );
    let path = format!("placements/placement-{number:04}.yaml");
    let metadata = format!("{{name: placement-{number:04}}}");
    (path, document("Placement", &metadata, &spec))
}

fn bundle(number: usize) -> [File; 2] {
    let name = format!("bundle-{number:04}");
    let directory = format!("apps/{name}");
    // One in ten has values of its own for every cluster.
    let substitute = number.is_multiple_of(10);
    let spec = format!(
        "{{path: {directory}, defaultNamespace: {name}, substitute: {substitute}, variables: {{colour: green}}}}"
    );
    let host = if substitute { "${domain}" } else { "example" };
    let manifests = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec:\n      containers:\n      - {{name: web, image: \"registry.example/{name}:1.0.0\"}}\n\
         ---\n{{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{ports: [{{port: 80}}]}}}}\n\
         ---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: web}}, data: {{host: \"{host}\"}}}}\n"
    );
    [
        (
            format!("bundles/{name}.yaml"),
            document("Bundle", &format!("{{name: {name}}}"), &spec),
        ),
        (format!("{directory}/web.yaml"), manifests),
    ]
}
