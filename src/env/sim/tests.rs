//! Each rule of the simulated disk.
