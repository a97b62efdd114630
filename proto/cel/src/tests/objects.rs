//! Questions about any JSON: a live object of Kubernetes.

use expect_test::{Expect, expect};
use serde_json::json;

use super::{Cluster, check_of, cluster};

fn check(expect: Expect) {
    let object = json!({
        "kind": "Tenant",
        "metadata": {"name": "a", "generation": 3, "labels": {"a.b/c": "x"}},
        "spec": {"replicas": 3, "weight": 0.5, "large": 18_446_744_073_709_551_615_u64},
        "status": {
            "phase": "Ready",
            "nothing": null,
            "readyReplicas": 2,
            "observedGeneration": 3,
            "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "Stalled", "status": "False"},
            ],
        },
    });
    let asked = Cluster {
        object,
        ..cluster()
    };
    check_of(&asked, expect);
}

#[test]
fn fields_elements_and_numbers_are_those_of_the_object() {
    check(expect![[r#"
        self.status.phase == "Ready"
            true
        self.status.conditions.exists(c, c.type == "Ready" && c.status == "True")
            true
        self.status.conditions.filter(c, c.status == "True").map(c, c.type) == ["Ready"]
            true
        self.status.conditions[1] == {"type": "Stalled", "status": "False"} && size(self.status.conditions) == 2
            true
        self.status.conditions + [1] == [self.status.conditions[0], self.status.conditions[1], 1]
            true
        self.status.observedGeneration == self.metadata.generation && self.spec.replicas - 1 == self.status.readyReplicas
            true
        self.spec.weight * 2.0 == 1.0 && self.spec.large > 9223372036854775807
            true
        self["metadata"]["labels"]["a.b/c"] == "x" && "a.b/c" in self.metadata.labels
            true
        self.metadata == {"name": "a", "generation": 3, "labels": {"a.b/c": "x"}}
            true
        self.status.all(key, key != "conditions")
            false
        {"type": "Ready", "status": "True"} in self.status.conditions
            true
        self.status.nothing == null && has(self.status.nothing) && !has(self.status.message)
            true
        self != null && self.kind in ["Tenant"]
            true
    "#]]);
}

#[test]
fn what_an_object_lacks_is_named() {
    check(expect![[r#"
        self.status.message == "a"
            fails: `self.status` has no `message`
        self.status.conditions[2].type == "Ready"
            fails: the list has no element 2
        self.status.conditions[0].reason == "a"
            fails: `self.status.conditions[0]` has no `reason`
        self.metadata.labels["app"] == "a"
            fails: `self.metadata.labels` has no `app`
        self.spec.template.spec.x == 1
            fails: `self.spec` has no `template`
        self.status.phase.word == "a"
            fails: a string has no field `word`
        self.status.nothing.word == "a"
            fails: null has no field `word`
        self.status.conditions.type == "Ready"
            fails: a list has no field `type`
        self.status.conditions.exists(c, c.reason == "a")
            fails: the map has no key `reason`
        self.status
            fails: the expression is a map, not true or false
        self.status.phase
            fails: the expression is a string, not true or false
        self
            fails: the expression is a map, not true or false
        has(self)
            refused at 4: `has` takes a field, as in has(cluster.labels.tier) (write "a/b" in cluster.labels for a key that is no name)
        slef.status.phase == "Ready"
            refused at 0: nothing is called `slef` (slef of cluster, self)
        self.all(self, true)
            refused at 9: `self` cannot be the name of an element (choose another name)
    "#]]);
}
