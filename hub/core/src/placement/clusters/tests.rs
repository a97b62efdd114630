//! What clusters share.

use std::sync::Arc;

use capstan_proto::PlacementName;

use super::super::Placed;
use super::Alike;
use crate::effective::{Applied, Inputs, Overrider, Unknown};
use crate::fixture::source;
use crate::problem::Place;
use crate::spec::Pin;

fn place(line: u32) -> Place {
    Place {
        source: source(),
        path: Arc::from("p.yaml"),
        line,
        column: 1,
    }
}

fn placed(inputs: Inputs) -> Placed {
    Placed {
        placement: PlacementName::try_new(source(), "p").unwrap(),
        named_at: place(1),
        declared: inputs.declared,
        suspended: false,
        inputs,
        shadowed: Vec::new(),
    }
}

/// Inputs of which no two are the same.
fn different() -> Vec<Inputs> {
    let with = |of, index, line| Inputs {
        overrides: vec![Applied {
            of,
            index,
            at: place(line),
        }],
        ..Inputs::default()
    };
    let mut all = vec![
        Inputs::default(),
        Inputs {
            declared: true,
            ..Inputs::default()
        },
        Inputs {
            pin: Some(Pin {
                at: place(1),
                text: "v1".to_owned(),
            }),
            ..Inputs::default()
        },
        Inputs {
            unknown: Some(Unknown::Override {
                at: place(1),
                because: "no facts".to_owned(),
            }),
            ..Inputs::default()
        },
        with(Overrider::Bundle, 0, 1),
        with(Overrider::Bundle, 0, 2),
    ];
    all.extend((0..200).map(|index| with(Overrider::Placement, index, 1)));
    all
}

#[test]
fn only_equal_inputs_by_the_same_routes_are_shared() {
    let mut alike = Alike::default();
    let mut made = 0;
    let mut get = |routes: &[u32], inputs: &Inputs| {
        alike.get(routes, inputs.clone(), |inputs| {
            made += 1;
            placed(inputs)
        })
    };
    let all = different();
    let first: Vec<Arc<Placed>> = all.iter().map(|inputs| get(&[1], inputs)).collect();
    for (inputs, first) in all.iter().zip(&first) {
        assert_eq!(first.inputs, *inputs);
        assert!(Arc::ptr_eq(first, &get(&[1], inputs)));
        assert!(!Arc::ptr_eq(first, &get(&[1, 2], inputs)));
    }
    assert_eq!(made, 2 * all.len());
}
