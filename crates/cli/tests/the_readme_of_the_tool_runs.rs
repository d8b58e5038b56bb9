//! The README's lines for the shell, in its order, on the weather that it means.

#![expect(clippy::unwrap_used, reason = "a test's panic is its answer")]

mod common;

use common::{Place, data};

#[test]
fn every_line_of_the_readme_runs() {
    let place = Place::new();
    std::fs::copy(data("nyc_weather_hourly.csv"), place.path("weather.csv")).unwrap();
    let readme = include_str!("../../../README.md");
    let section = readme.split("## On the command line").nth(1).unwrap();
    let lines = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<&str> = lines
        .lines()
        .map(|line| line.split("   #").next().unwrap().trim())
        .filter_map(|line| line.strip_prefix("timestrata "))
        .collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in commands {
        assert!(!place.run(command).ok().is_empty() || command.contains("--plot"), "{command}");
    }
    assert!(place.path("temp.svg").exists());
}
