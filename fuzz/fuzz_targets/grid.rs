#![no_main]

timestrata_fuzz::target!(timestrata::testing::grid);
