#![no_main]

timestrata_fuzz::target!(timestrata_ingest::testing::statsd_aggregator);
