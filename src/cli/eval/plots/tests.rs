use super::*;
use crate::training::comparison::Method;
use std::collections::BTreeMap;

fn groups() -> Vec<(Group, Vec<TaskScores>)> {
    let task = |name: &str, score: f64| TaskScores {
        name: name.into(),
        family: "letters".into(),
        methods: BTreeMap::from([(Method::BaseDescription, vec![score / 2.0]), (Method::Generated, vec![score])]),
        similarity: Vec::new(),
        described: Vec::new(),
    };
    vec![
        (Group::Train, vec![task("reverse", 1.0), task("a_name_that_is_longer_than_there_is_room_for_it", 0.25)]),
        (Group::HeldOutFamilies, Vec::new()),
    ]
}

#[test]
fn scores_and_tasks_are_drawn_and_an_empty_group_is_no_error() {
    let (groups, recorded) = (groups(), Recorded::default());
    let figures = Figures::new(&groups, &recorded, Half::Test);
    let picture = scores::svg(&figures).expect("a picture");
    assert!(picture.contains("heldout_families (0)") && picture.contains("generated"), "{picture}");
    let picture = tasks::svg(&groups, &recorded).expect("a picture");
    assert!(picture.contains("reverse") && picture.contains('…'), "{picture}");
}

#[test]
fn a_map_names_its_families_and_one_without_points_is_no_error() {
    let plane = plane::Plane::of(vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![0.5, 3.0]], vec![vec![2.0, 2.0]]);
    let families = ["letters", "numbers", "letters"].map(str::to_owned).to_vec();
    let map = map::Map { plane, families, held_out: vec![(Group::HeldOutCompositions, "x".into())] };
    let picture = map::svg("Vectors", &map).expect("a picture");
    assert!(picture.contains("letters") && picture.contains("numbers"), "{picture}");
    assert!(map::svg("Vectors", &map::Map::default()).is_ok());
}
