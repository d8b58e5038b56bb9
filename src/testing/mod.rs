//! For this crate's own tests and fuzz targets, behind the feature `testing`: no promise is made to anyone else.
//! The engine is the real one; what is replaced is the world around it.
pub(crate) mod decoders;
pub use decoders::*;
