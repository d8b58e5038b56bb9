#![no_main]

timestrata_fuzz::target!(timestrata_promql::testing::evaluator);
