//! A follower that panics.

use std::sync::atomic::{AtomicUsize, Ordering};

use capstan_hub_core::spec::Rules;
use capstan_proto::SourceName;

use super::*;
use crate::git::Auth;

fn following(directory: PathBuf) -> (Following, mpsc::Receiver<Event>) {
    let (events, told) = mpsc::channel(9);
    let git = crate::git::Source {
        name: SourceName::try_new("fleet").unwrap(),
        url: directory.display().to_string(),
        branch: "main".to_owned(),
        path: String::new(),
        auth: Auth::None,
    };
    let source = Source {
        git,
        declared_at: "hub.yaml:1:1".to_owned(),
        poll: Duration::from_secs(3_600),
        rules: Rules::default(),
    };
    let following = Following {
        source,
        directory,
        waker: Arc::default(),
        remembered: BTreeSet::new(),
        events,
        metrics: Metrics::default(),
        stop: CancellationToken::new(),
    };
    (following, told)
}

#[tokio::test]
async fn a_follower_that_panics_says_so_and_begins_anew_with_what_a_person_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (following, mut told) = following(directory.path().to_owned());
    let (waker, stop) = (Arc::clone(&following.waker), following.stop.clone());
    let head = Revision::try_new("a".repeat(40)).unwrap();
    waker.accept(head.clone());
    let calls = AtomicUsize::new(0);
    // It panics where it reads the disk, and then where it polls.
    let look = move |state: &mut State, first: bool| {
        assert_eq!(state.accepted.as_ref(), Some(&head));
        match (calls.fetch_add(1, Ordering::SeqCst), first) {
            (0, true) | (2, false) => panic!("made to"),
            (1 | 3, true) => Ok(Answer::Nothing),
            (4, false) => Ok(Answer::Same),
            other => unreachable!("{other:?}"),
        }
    };
    let task = tokio::spawn(supervise(following, Arc::new(look)));
    for _ in 0..2 {
        let Some(Event::Polled { answer, .. }) = told.recv().await else {
            panic!("it ended");
        };
        let Polled::Failed { message, .. } = answer else {
            panic!("{answer:?}");
        };
        assert!(message.contains("`hub refresh fleet`"), "{message}");
        waker.wake();
    }
    let Some(Event::Polled { answer, .. }) = told.recv().await else {
        panic!("it ended");
    };
    assert!(matches!(answer, Polled::Same { .. }), "{answer:?}");
    stop.cancel();
    task.await.unwrap();
}

#[test]
fn a_follower_that_goes_on_panicking_begins_anew_ever_more_rarely() {
    let seconds = [1, 2, 3, 4, 5, 100].map(|panics| restart_after(panics).as_secs());
    assert_eq!(seconds, [1, 5, 20, 60, 60, 60]);
}
