#![no_main]

timestrata_fuzz::target!(timestrata_cli::testing::csv);
