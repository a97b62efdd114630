//! The sample fleet: its files, and the clusters that it declares.

/// Files of the sample repository, by path.
pub(crate) const FILES: [(&str, &str); 11] = [
    ("README.md", include_str!("../sample/README.md")),
    (
        "apps/ingress/controller.yaml",
        include_str!("../sample/apps/ingress/controller.yaml"),
    ),
    (
        "apps/observability/agents.yaml",
        include_str!("../sample/apps/observability/agents.yaml"),
    ),
    (
        "apps/shop-db/database.yaml",
        include_str!("../sample/apps/shop-db/database.yaml"),
    ),
    (
        "apps/shop-web/ingress.json",
        include_str!("../sample/apps/shop-web/ingress.json"),
    ),
    (
        "apps/shop-web/web.yaml",
        include_str!("../sample/apps/shop-web/web.yaml"),
    ),
    (
        "bundles/platform.yaml",
        include_str!("../sample/bundles/platform.yaml"),
    ),
    (
        "bundles/shop.yaml",
        include_str!("../sample/bundles/shop.yaml"),
    ),
    (
        "groups/regions.yaml",
        include_str!("../sample/groups/regions.yaml"),
    ),
    (
        "placements/platform.yaml",
        include_str!("../sample/placements/platform.yaml"),
    ),
    (
        "placements/shop.yaml",
        include_str!("../sample/placements/shop.yaml"),
    ),
];

const REGIONS: [&str; 3] = ["eu", "us", "ap"];

/// A cluster of the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    env: &'static str,
    region: &'static str,
}

impl Cluster {
    /// The document that declares it.
    pub(crate) fn document(&self) -> String {
        let Self { name, env, region } = self;
        format!(
            "apiVersion: capstan.dev/v1alpha1\n\
             kind: Cluster\n\
             metadata:\n\
             \x20 name: {name}\n\
             \x20 labels: {{env: {env}, region: {region}, shop: \"true\"}}\n\
             spec: {{}}\n"
        )
    }

    /// Its path in the repository.
    pub(crate) fn path(&self) -> String {
        format!("clusters/{}.yaml", self.name)
    }
}

/// The first `count` clusters of the sample: one of each environment, then production everywhere.
pub(crate) fn clusters(count: u16) -> Vec<Cluster> {
    let first = [("dev", "eu"), ("staging", "us"), ("prod", "eu")];
    let more = (0..).map(|index: usize| ("prod", REGIONS[(index + 1) % REGIONS.len()]));
    let mut seen = std::collections::BTreeMap::new();
    first
        .into_iter()
        .chain(more)
        .take(usize::from(count))
        .map(|(env, region)| {
            let number = seen
                .entry((env, region))
                .and_modify(|n| *n += 1)
                .or_insert(1_u32);
            Cluster {
                name: format!("{env}-{region}-{number}"),
                env,
                region,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
