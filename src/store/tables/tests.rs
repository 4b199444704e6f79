//! Tables in a real file.
