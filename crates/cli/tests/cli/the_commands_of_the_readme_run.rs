//! Runs the shell commands of the README, in the README's order, on the weather data that the README uses.

use crate::common::{Place, data};

#[test]
fn every_line_of_the_readme_runs() {
    let place = Place::new();
    std::fs::copy(data("nyc_weather_hourly.csv"), place.path("weather.csv")).unwrap();
    let readme = include_str!("../../../../README.md");
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
