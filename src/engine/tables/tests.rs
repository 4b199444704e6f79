//! Filters beside indexes.
