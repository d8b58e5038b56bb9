//! Every model, one by one. `LOOM_LONG=1` explores with three preemptions instead of two.

use loom_tests::models;

#[test]
fn publish_shows_exact_prefixes_and_whatever_is_acknowledged() {
    models::publish();
}

#[test]
fn columns_show_whole_batches_while_chunks_are_linked() {
    models::columns();
}

#[test]
fn flush_shows_each_point_exactly_once() {
    models::flush();
}

#[test]
fn the_doors_keep_their_promises_here_too() {
    models::doors();
}
