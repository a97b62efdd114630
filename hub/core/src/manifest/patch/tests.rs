//! Patches: which objects, what comes of them, and what is refused at which place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, ObjectKey, Revision, SourceName};
use expect_test::{Expect, expect};
use serde_json::Value as Json;

use super::types::Words;
use super::{Object, Spot, Told, apply, json};
use crate::limits;
use crate::manifest::substitute::Values;
use crate::problem::Place;
use crate::spec::{Change, Operation, Patch, Target, Verb};
use crate::template::{BuiltIn, Effective, Scalar};
use crate::yaml::{Dialect, Node, read};

fn node(text: &str) -> Node {
    read(text.as_bytes(), Dialect::Fleet).remove(0).unwrap()
}

fn place(line: u32, column: u32) -> Place {
    Place {
        source: SourceName::try_new("main").unwrap(),
        path: Arc::from("p.yaml"),
        line,
        column,
    }
}

/// A patch as the decoder reads it, from `{target: {...}, merge: ...}` or `json: [...]`.
fn patch(node: &Node) -> Patch {
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(ToOwned::to_owned);
    let empty = self::node("{}");
    let target = node.get("target").unwrap_or(&empty);
    let labels = target.get("labels").map(|labels| {
        let pairs = labels.members().iter();
        let pair = |(key, value): &(crate::yaml::Key, Node)| {
            (key.text.clone(), value.text().unwrap().to_owned())
        };
        crate::spec::LabelSelector {
            match_labels: pairs.map(pair).collect(),
            match_expressions: Vec::new(),
        }
    });
    let target = Target {
        group: text(target, "group"),
        version: text(target, "version"),
        kind: text(target, "kind"),
        name: text(target, "name"),
        namespace: text(target, "namespace"),
        labels,
    };
    let change = match node.get("merge") {
        Some(merge) => Change::Merge(Arc::new(merge.clone())),
        None => {
            let operations = node.get("json").unwrap().items().iter();
            Change::Json(operations.map(operation).collect())
        }
    };
    Patch {
        at: place(node.line, node.column),
        target,
        change,
    }
}

fn operation(node: &Node) -> Operation {
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let value = || Arc::new(node.get("value").unwrap().clone());
    let from = || text("from").to_owned();
    let verb = match text("op") {
        "add" => Verb::Add(value()),
        "remove" => Verb::Remove,
        "replace" => Verb::Replace(value()),
        "move" => Verb::Move(from()),
        "copy" => Verb::Copy(from()),
        "test" => Verb::Test(value()),
        other => panic!("{other}"),
    };
    Operation {
        at: place(node.line, node.column),
        verb,
        path: text("path").to_owned(),
    }
}

/// Applies patches (a list) to objects (a list); prints the objects, or what is wrong.
fn check(objects: &str, patches: &str, expected: Expect) {
    let objects = node(objects);
    let object = |node: &Node| {
        let value = node.to_json();
        Object {
            key: ObjectKey::of(&value).unwrap(),
            api_version: value["apiVersion"].as_str().unwrap().to_owned(),
            value,
            at: place(1, 1),
        }
    };
    let mut objects: Vec<Object> = objects.items().iter().map(object).collect();
    let patches: Vec<Patch> = node(patches).items().iter().map(patch).collect();
    let patches: Vec<&Patch> = patches.iter().collect();
    let cluster = ClusterName::try_new("edge-1").unwrap();
    let labels = BTreeMap::from([("zone".to_owned(), "z/1".to_owned())]);
    let bundle = BundleName::try_new(SourceName::try_new("main").unwrap(), "web").unwrap();
    let revision = Revision::try_new("a".repeat(40)).unwrap();
    let variables = Effective::from([
        ("replicas".to_owned(), Ok(Scalar::Number(7.into()))),
        ("on".to_owned(), Ok(Scalar::Bool(true))),
    ]);
    let values = Values {
        variables: &variables,
        built_in: BuiltIn {
            cluster: &cluster,
            labels: &labels,
            bundle: &bundle,
            revision: &revision,
        },
    };
    let mut out = String::new();
    match apply(&mut objects, &patches, values) {
        Ok(odd) => {
            for odd in odd {
                writeln!(out, "{} ({})", odd.message, odd.hint).unwrap();
            }
            for object in &objects {
                writeln!(out, "{}", object.value).unwrap();
            }
        }
        Err(problems) => {
            for problem in problems {
                writeln!(out, "{problem}").unwrap();
            }
        }
    }
    expected.assert_eq(&out);
}

const DEPLOYMENT: &str = "
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, labels: {app: web}}
  spec:
    replicas: 1
    template:
      spec:
        containers:
        - name: web
          image: web:1
          env: [{name: A, value: a}, {name: B, value: b}]
          ports: [{containerPort: 53, protocol: TCP}, {containerPort: 53, protocol: UDP}]
        - {name: side, image: side:1}
        tolerations: [{key: a}]
        nodeSelector: {disk: ssd, zone: a}
";

#[test]
fn known_kinds_merge_their_lists_by_key() {
    check(
        DEPLOYMENT,
        "
- target: {kind: Deployment, name: web}
  merge:
    spec:
      template:
        spec:
          priorityClassName: gold
          tolerations: [{key: b}]
          nodeSelector: {zone: null}
          containers:
          - name: web
            env: [{name: B, value: '${replicas}'}, {name: C, value: c}]
            ports: [{containerPort: 53, protocol: UDP, name: dns}]
          - {name: side, $patch: delete}
          - {name: more, image: more:1, command: null}
",
        expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web","namespace":"shop"},"spec":{"replicas":1,"template":{"spec":{"containers":[{"env":[{"name":"A","value":"a"},{"name":"B","value":"7"},{"name":"C","value":"c"}],"image":"web:1","name":"web","ports":[{"containerPort":53,"protocol":"TCP"},{"containerPort":53,"name":"dns","protocol":"UDP"}]},{"image":"more:1","name":"more"}],"nodeSelector":{"disk":"ssd"},"priorityClassName":"gold","tolerations":[{"key":"b"}]}}}}
        "#]],
    );
}

#[test]
fn directives_replace_delete_and_retain() {
    check(
        DEPLOYMENT,
        "
- merge:
    spec:
      replicas: ${replicas}
      strategy: {$patch: delete}
      template:
        spec:
          nodeSelector: {$patch: replace, disk: hdd}
          containers:
          - $patch: replace
          - {name: only, image: only:1}
- merge: {spec: {template: {$retainKeys: [metadata], metadata: {labels: {a: b}}}}}
",
        expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web","namespace":"shop"},"spec":{"replicas":7,"template":{"metadata":{"labels":{"a":"b"}}}}}
        "#]],
    );
    check(
        "[{apiVersion: v1, kind: Pod, metadata: {name: p, finalizers: [a/a, b/b]}}]",
        "- merge: {metadata: {finalizers: [b/b, c/c], $deleteFromPrimitiveList/finalizers: [a/a]}}",
        expect![[r#"
            {"apiVersion":"v1","kind":"Pod","metadata":{"finalizers":["b/b","c/c"],"name":"p"}}
        "#]],
    );
}

#[test]
fn custom_kinds_merge_as_json() {
    check(
        "[{apiVersion: example.com/v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a}], x: 1, y: {z: 1}}}]",
        "- merge: {spec: {containers: [{name: b}], x: null, y: {w: '${on}'}, n: {m: null, o: 1}}}",
        expect![[r#"
            {"apiVersion":"example.com/v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"b"}],"n":{"o":1},"y":{"w":true,"z":1}}}
        "#]],
    );
}

#[test]
fn merge_patches_that_make_no_sense_are_refused_where_they_stand() {
    check(
        DEPLOYMENT,
        "
- merge: {spec: {template: {spec: {containers: [{image: x}]}}}}
- merge: {spec: {template: {spec: {containers: [web]}}}}
- merge: {spec: {$patch: remove}}
- merge: {spec: {template: {spec: {tolerations: [{$patch: delete, key: a}]}}}}
- merge: {spec: {template: {spec: {$setElementOrder/containers: []}}}}
- merge: {spec: {paused: '${nothing}'}}
",
        expect![[r#"
            p.yaml:2:49: error[E0412]: this list merges by `name`, which the item lacks (name the item that is meant)
            p.yaml:3:49: error[E0412]: an item of this list is a map, not a string
            p.yaml:4:26: error[E0412]: `$patch` cannot be "remove" (allowed: delete, replace, merge)
            p.yaml:5:50: error[E0412]: `$patch` means nothing in a list that does not merge by key (write the whole list)
            p.yaml:6:65: error[E0412]: `$setElementOrder/containers` is not understood (write the whole list with `$patch: replace`)
            p.yaml:7:26: error[E0301]: nothing defines the variable `nothing` (declare it, write `${nothing:-default}`, or `$${` for a literal)
        "#]],
    );
}

#[test]
fn every_operation_of_a_json_patch_does_what_the_standard_says() {
    check(
        DEPLOYMENT,
        "
- target: {group: apps, version: v1, kind: Deployment, name: web, namespace: shop, labels: {app: web}}
  json:
  - {op: test, path: /spec/replicas, value: 1.0}
  - {op: replace, path: /spec/replicas, value: '${replicas}'}
  - {op: add, path: /metadata/annotations, value: {}}
  - {op: add, path: '/metadata/annotations/example.com~1zone', value: '${replicas}'}
  - {op: add, path: '/metadata/annotations/${cluster.labels.zone}', value: x}
  - {op: add, path: /spec/template/spec/tolerations/-, value: {key: z}}
  - {op: add, path: /spec/template/spec/tolerations/0, value: {key: first}}
  - {op: copy, from: /spec/template/spec/nodeSelector/disk, path: /metadata/labels/disk}
  - {op: move, from: /spec/template/spec/nodeSelector, path: /spec/template/metadata}
  - {op: remove, path: /spec/template/spec/containers}
",
        expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"example.com/zone":"7","z/1":"x"},"labels":{"app":"web","disk":"ssd"},"name":"web","namespace":"shop"},"spec":{"replicas":7,"template":{"metadata":{"disk":"ssd","zone":"a"},"spec":{"tolerations":[{"key":"first"},{"key":"a"},{"key":"z"}]}}}}
        "#]],
    );
}

#[test]
fn a_json_patch_that_does_not_fit_says_where_it_gets_lost() {
    check(
        DEPLOYMENT,
        "
- json: [{op: replace, path: /spec/replica, value: 1}]
- json: [{op: add, path: /spec/none/deep, value: 1}]
- json: [{op: remove, path: /spec/template/spec/containers/2}]
- json: [{op: add, path: /spec/template/spec/containers/3, value: {}}]
- json: [{op: add, path: /spec/replicas/x, value: {}}]
- json: [{op: test, path: /spec/replicas, value: 2}]
- json: [{op: replace, path: spec.replicas, value: 2}]
- json: [{op: replace, path: /spec~2, value: 2}]
- json: [{op: move, from: /spec, path: /spec/inner}]
- json: [{op: replace, path: '/spec/${nothing}', value: 2}]
",
        expect![[r#"
            p.yaml:2:10: error[E0412]: `/spec/replica` leads nowhere: `/spec` has no `replica` (did you mean `/spec/replicas`?)
            p.yaml:3:10: error[E0412]: `/spec/none/deep` leads nowhere: `/spec` has no `none` (`/spec` has replicas, template)
            p.yaml:4:10: error[E0412]: `/spec/template/spec/containers/2` leads nowhere: `/spec/template/spec/containers` has 2 items, and no item `2`
            p.yaml:5:10: error[E0412]: `/spec/template/spec/containers/3` leads nowhere: the list has 2 items (write `-` for the end of a list)
            p.yaml:6:10: error[E0412]: `/spec/replicas/x` leads nowhere: what is above is neither a map nor a list
            p.yaml:7:10: error[E0412]: the test fails: `/spec/replicas` is 1, not 2
            p.yaml:8:10: error[E0412]: `spec.replicas` is no JSON pointer (begin with /, as in `/spec/replicas`)
            p.yaml:9:10: error[E0412]: `spec~2` has a `~` that is neither `~0` nor `~1` (write `~0` for `~` and `~1` for `/`)
            p.yaml:10:10: error[E0412]: `/spec` cannot move into itself
            p.yaml:11:10: error[E0301]: nothing defines the variable `nothing` (declare it, write `${nothing:-default}`, or `$${` for a literal)
        "#]],
    );
}

#[test]
fn a_patch_without_an_object_names_the_nearest() {
    check(
        DEPLOYMENT,
        "
- {target: {kind: Deploymnt}, merge: {}}
- {target: {kind: Deployment, name: wbe}, merge: {}}
- {target: {kind: Deployment, namespace: other}, merge: {}}
- {target: {kind: Ingress}, merge: {}}
- {target: {kind: Deployment, labels: {app: x}}, merge: {}}
- {target: {kind: Deployment, group: '', version: v2}, merge: {}}
",
        expect![[r#"
            p.yaml:2:3: error[E0411]: the patch changes nothing: no object of the bundle has kind `Deploymnt` (did you mean kind `Deployment`?)
            p.yaml:3:3: error[E0411]: the patch changes nothing: no object of the bundle has kind `Deployment`, name `wbe` (did you mean name `web`?)
            p.yaml:4:3: error[E0411]: the patch changes nothing: no object of the bundle has kind `Deployment`, namespace `other` (there is Deployment.apps shop/web)
            p.yaml:5:3: error[E0411]: the patch changes nothing: no object of the bundle has kind `Ingress` (there is Deployment)
            p.yaml:6:3: error[E0411]: the patch changes nothing: no object of the bundle has kind `Deployment`, these labels (there is Deployment.apps shop/web)
            p.yaml:7:3: error[E0411]: the patch changes nothing: no object of the bundle has group ``, version `v2`, kind `Deployment` (there is Deployment.apps shop/web)
        "#]],
    );
}

#[test]
fn a_patch_changes_neither_which_object_it_is_nor_what_only_a_server_may_say() {
    check(
        DEPLOYMENT,
        "
- merge: {metadata: {name: other}}
- merge: {kind: StatefulSet}
- merge: {apiVersion: apps/v2}
- json: [{op: replace, path: /spec/replicas, value: 1}, {op: remove, path: /metadata/namespace}]
- merge: {$patch: delete}
- merge: {metadata: null}
",
        expect![[r#"
            p.yaml:2:22: error[E0412]: a patch cannot change `metadata.name` of Deployment.apps shop/web: it would be another object (declare that object in the bundle's directory)
            p.yaml:3:11: error[E0412]: a patch cannot change `kind` of Deployment.apps shop/web: it would be another object (declare that object in the bundle's directory)
            p.yaml:4:11: error[E0412]: a patch cannot change `apiVersion` of Deployment.apps shop/web: it would be another object (declare that object in the bundle's directory)
            p.yaml:5:57: error[E0412]: a patch cannot change `metadata.namespace` of Deployment.apps shop/web: it would be another object (declare that object in the bundle's directory)
            p.yaml:6:10: error[E0412]: a patch cannot change `apiVersion` of Deployment.apps shop/web: it would be another object (declare that object in the bundle's directory)
            p.yaml:7:11: error[E0412]: a patch cannot change `metadata.name` of Deployment.apps shop/web: it would be another object (declare that object in the bundle's directory)
        "#]],
    );
    check(
        DEPLOYMENT,
        "
- merge: {metadata: {uid: x, resourceVersion: '1', managedFields: [], labels: {a: 1}}}
",
        expect![[r#"
            p.yaml:2:52: error[E0403]: `metadata.managedFields` cannot be declared (remove it; server-side apply keeps it)
            p.yaml:2:22: error[E0403]: `metadata.uid` cannot be declared (remove it; the object gets one in each cluster)
            p.yaml:2:30: error[E0403]: `metadata.resourceVersion` cannot be declared (remove it; it belongs to one cluster's history)
            p.yaml:2:80: error[E0103]: the value of `a` must be a string, not 1 (write it in quotes)
        "#]],
    );
    check(
        DEPLOYMENT,
        "
- json:
  - {op: add, path: /metadata/labels/a, value: b}
  - {op: add, path: /spec/template/spec/containers/-, value: {name: web}}
",
        expect![[r#"
            p.yaml:4:5: error[E0404]: `containers` has `web` twice (server-side apply refuses doubled keys; remove or rename one)
        "#]],
    );
}

#[test]
fn what_grows_without_end_is_stopped() {
    let copies: String = (0..40)
        .map(|n| format!("  - {{op: copy, from: '', path: /spec/c{n}}}\n"))
        .collect();
    check(
        "[{apiVersion: example.com/v1, kind: A, metadata: {name: a}, spec: {}}]",
        &format!("- json:\n{copies}"),
        expect![[r#"
            p.yaml:16:5: error[E0412]: the patch makes A.example.com a too large for any API server
        "#]],
    );
}

#[test]
fn numbers_are_compared_as_numbers() {
    let number = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    assert!(json::equal(&number("1"), &number("1.0")));
    assert!(!json::equal(
        &number("9007199254740993"),
        &number("9007199254740992")
    ));
    assert!(json::equal(
        &number("{\"a\":[1e0]}"),
        &number("{\"a\":[1]}")
    ));
}

#[test]
fn what_changes_the_type_of_a_value_is_odd() {
    check(
        DEPLOYMENT,
        "
- merge: {spec: {replicas: '3', template: {spec: {nodeSelector: ssd}}}}
- merge:
    spec:
      template:
        spec:
          tolerations: {key: b}
          containers:
          - name: web
            image: 7
            env: {A: a}
- json: [{op: replace, path: /spec/template/spec/containers/0/image, value: {name: web}}]
",
        expect![[r#"
            the patch makes a string of `spec.replicas`, which is a number in Deployment.apps shop/web (write it without quotes)
            the patch makes a string of `spec.template.spec.nodeSelector`, which is a map in Deployment.apps shop/web (compare it with the object)
            the patch makes a map of `spec.template.spec.tolerations`, which is a list in Deployment.apps shop/web (write a list: `[{...}]`)
            the patch makes a number of `spec.template.spec.containers.image`, which is a string in Deployment.apps shop/web (write it in quotes)
            the patch makes a map of `spec.template.spec.containers.env`, which is a list in Deployment.apps shop/web (write a list: `[{...}]`)
            the patch makes a map of `spec.template.spec.containers.0.image`, which is a number in Deployment.apps shop/web (compare it with the object)
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web"},"name":"web","namespace":"shop"},"spec":{"replicas":"3","template":{"spec":{"containers":[{"env":{"A":"a"},"image":{"name":"web"},"name":"web","ports":[{"containerPort":53,"protocol":"TCP"},{"containerPort":53,"protocol":"UDP"}]},{"image":"side:1","name":"side"}],"nodeSelector":"ssd","tolerations":{"key":"b"}}}}}
        "#]],
    );
}

#[test]
fn numbers_and_texts_are_alike_where_a_field_takes_both_and_variables_keep_their_types() {
    check(
        "
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    replicas: 1
    strategy: {rollingUpdate: {maxSurge: 1}}
    template:
      spec:
        containers:
        - {name: web, resources: {limits: {cpu: 1}}}
",
        "
- merge:
    spec:
      replicas: '${replicas}'
      strategy: {rollingUpdate: {maxSurge: 25%}}
      template: {spec: {containers: [{name: web, resources: {limits: {cpu: 500m}}}]}}
- merge: {spec: {strategy: {$patch: replace, type: Recreate}, paused: true}}
",
        expect![[r#"
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"paused":true,"replicas":7,"strategy":{"type":"Recreate"},"template":{"spec":{"containers":[{"name":"web","resources":{"limits":{"cpu":"500m"}}}]}}}}
        "#]],
    );
}

#[test]
fn what_is_odd_is_told_once_for_all_objects_and_up_to_a_limit() {
    let key = |number| {
        let name = format!("m{number}");
        let value =
            serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}});
        ObjectKey::of(&value).unwrap()
    };
    let spots = limits::CONTENT_PROBLEMS_MAX + 5;
    let mut told = Told::default();
    let mut made = 0;
    for object in 0..3 {
        for spot in 0..spots {
            let words = || {
                made += 1;
                Words {
                    message: format!("spot {spot}"),
                    hint: "",
                }
            };
            told.tell(Spot::Json(spot), words, &key(object));
        }
    }
    assert_eq!(made, limits::CONTENT_PROBLEMS_MAX);
    assert_eq!(told.found.len(), limits::CONTENT_PROBLEMS_MAX);
    assert!(told.is_full());
    let (spot, message, _) = &told.found[1];
    assert_eq!(*spot, Spot::Json(1));
    assert_eq!(*message, format!("spot 1 in {}", key(0)));
    assert_eq!(told.spots.len(), told.found.len());
}

#[test]
fn a_field_that_two_objects_have_is_odd_in_the_first() {
    check(
        "[{apiVersion: v1, kind: Widget, metadata: {name: a}, data: {k: x}},
          {apiVersion: v1, kind: Widget, metadata: {name: b}, data: {k: x}}]",
        "[{merge: {data: {k: [1]}}}]",
        expect![[r#"
            the patch makes a list of `data.k`, which is a string in Widget a (compare it with the object)
            {"apiVersion":"v1","data":{"k":[1]},"kind":"Widget","metadata":{"name":"a"}}
            {"apiVersion":"v1","data":{"k":[1]},"kind":"Widget","metadata":{"name":"b"}}
        "#]],
    );
}
