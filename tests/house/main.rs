//! The repository itself: layers between modules, lints, syncs and their comments, the README, dependencies.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod sources;

mod modules_import_only_lower_layers;
mod modules_of_the_tool_import_in_one_direction;
mod no_warning_is_silenced_and_every_sync_names_its_crash;
mod persistent_maps_behave_like_std_maps;
mod the_examples_of_the_readme_run;
